"""How the text of one variable becomes a value; each raises ValueError with a sentence that repeats no secret."""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import SecretStr

SLACK_API_URL = "https://slack.com/api/"
PAGERDUTY_API_URL = "https://api.pagerduty.com"
PAGERDUTY_HOSTS = ("api.pagerduty.com", "api.eu.pagerduty.com")
MIN_KEY_BYTES = 32


_TOKEN_KINDS = {
    "xoxb-": "a bot token",
    "xoxp-": "a user token",
    "xapp-": "an app-level token",
    "xoxe": "a configuration or refresh token",
    "xoxa-": "a workspace token of old",
}


def token(prefix: str) -> Callable[[str], SecretStr]:
    """A reader of Slack tokens that begin so; any other kind is named."""

    def read(text: str) -> SecretStr:
        if not re.fullmatch(r"[!-~]+", text) or text[0] in "\"'":
            raise ValueError("it holds quotes, spaces or letters that no token has; give the bare token")
        if not text.startswith(prefix):
            starts = (kind for start, kind in _TOKEN_KINDS.items() if text.startswith(start))
            raise ValueError(
                f"it begins with {prefix} and what was given is {next(starts, 'no Slack token')}"
            )
        return SecretStr(text)

    return read


def api_key(text: str) -> SecretStr:
    """A key that is sent in a header."""
    if not re.fullmatch(r"[!-~]+", text):
        raise ValueError("it holds spaces, line breaks or letters that no key has; give the bare key")
    return SecretStr(text)


def signing_secret(text: str) -> SecretStr:
    """Slack's signing secret, which people mix up with tokens."""
    if text.startswith(tuple(_TOKEN_KINDS)):
        raise ValueError("a token was given where the signing secret belongs")
    return SecretStr(text)


def key(text: str) -> SecretStr:
    """A key for HMAC; RFC 2104 wants no less than the hash is long."""
    length = len(text.encode())
    if length < MIN_KEY_BYTES:
        raise ValueError(f"it has {length} bytes and needs at least {MIN_KEY_BYTES}")
    return SecretStr(text)


def keys(text: str) -> tuple[SecretStr, ...]:
    """Keys separated by commas, each long enough."""
    return tuple(key(part.strip()) for part in text.split(",") if part.strip())


def jwks_url(text: str) -> str:
    """Where an issuer publishes its keys: over TLS, for whoever could change them on the way could sign tokens."""
    try:
        url = urlsplit(text)
        host, _ = url.hostname or "", url.port
    except ValueError as error:
        raise ValueError(f"{text!r} is no URL") from error
    if not host or "@" in url.netloc or url.fragment or re.search(r"[\s\\]", text):
        raise ValueError(f"{text!r} is no plain URL")
    if url.scheme != "https" and not (url.scheme == "http" and is_loopback(host)):
        raise ValueError(f"{text!r} is not https")
    return text


def secrets(text: str) -> tuple[SecretStr, ...]:
    """Secrets separated by commas."""
    return tuple(SecretStr(part.strip()) for part in text.split(",") if part.strip())


def choice(*choices: str) -> Callable[[str], str]:
    """A reader of one word out of these."""

    def read(text: str) -> str:
        if text.lower() not in choices:
            raise ValueError(f"{text!r} is none of {', '.join(choices)}")
        return text.lower()

    return read


def port(text: str) -> int:
    """A TCP port; 0 lets the system choose."""
    if not re.fullmatch(r"[0-9]{1,5}", text) or int(text) > 65535:
        raise ValueError(f"{text!r} is no port (0 to 65535)")
    return int(text)


def rate(text: str) -> float:
    """Requests a second: something that ever lets one through, and below what any API server takes."""
    if not re.fullmatch(r"[0-9]{1,5}(\.[0-9]{1,3})?", text) or not 0.1 <= float(text) <= 10_000:
        raise ValueError(f"{text!r} is no number from 0.1 to 10000")
    return float(text)


def count(text: str) -> int:
    """How many: a whole number, at least one."""
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 1 <= int(text) <= 10_000:
        raise ValueError(f"{text!r} is no whole number from 1 to 10000")
    return int(text)


def within(least: int, most: int) -> Callable[[str], int]:
    """A reader of whole numbers from `least` to `most`."""

    def read(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text) or not least <= int(text) <= most:
            raise ValueError(f"{text!r} is no whole number from {least} to {most}")
        return int(text)

    return read


def model_name(text: str) -> str:
    """A model as its provider names it: `gpt-5`, `qwen/qwen3:32b`."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._:/@-]{0,127}", text):
        raise ValueError(f"{text!r} is no name of a model")
    return text


def model_url(text: str) -> str:
    """Where a model is asked: what is sent there is read from production, so over TLS or on this machine."""
    url = prometheus_url(text)
    parts = urlsplit(url)
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise ValueError(f"{text!r} is neither https nor on this machine")
    return url


def slack_url(text: str) -> str:
    """Slack's own Web API, or a workspace on this machine; with the slash that the client wants at the end."""
    url = api_url(text, hosts=("slack.com",)).rstrip("/") + "/"
    if urlsplit(url).hostname == "slack.com" and url not in (SLACK_API_URL, "https://slack.com:443/api/"):
        raise ValueError(f"{text!r} is not Slack's API, which is {SLACK_API_URL}")
    return url


def pagerduty_url(text: str) -> str:
    """PagerDuty's REST API in either region, or a stand-in on this machine."""
    return api_url(text, hosts=PAGERDUTY_HOSTS).rstrip("/")


def email(text: str) -> str:
    """One email address."""
    if not re.fullmatch(r"[^\s@<>,;:\"]{1,64}@[A-Za-z0-9.-]{1,253}", text):
        raise ValueError(f"{text!r} is no email address")
    return text.lower()


def prometheus_url(text: str) -> str:
    """Where metrics are asked for; inside a network often plain http, which `Settings` allows without a token."""
    try:
        url = urlsplit(text)
        host = url.hostname or ""
        _ = url.port
    except ValueError as error:
        raise ValueError(f"{text!r} is no URL") from error
    if url.scheme not in ("http", "https") or not host:
        raise ValueError(f"{text!r} is no http(s) URL")
    if "@" in url.netloc or url.query or url.fragment or re.search(r"[\s\\]", text):
        raise ValueError("it may hold nothing but scheme, host, port and path")
    return text.rstrip("/")


def api_url(text: str, *, hosts: tuple[str, ...]) -> str:
    """Where tokens are sent: over TLS to one of these hosts, or anywhere on this machine."""
    try:
        url = urlsplit(text)
        host, number = url.hostname or "", url.port
    except ValueError as error:
        raise ValueError(f"{text!r} is no URL") from error
    if "@" in url.netloc or url.query or url.fragment or re.search(r"[\s\\]", text):
        raise ValueError(f"{text!r} may hold nothing but scheme, host, port and path")
    if url.scheme == "https" and host in hosts and number in (None, 443):
        return text
    if url.scheme in ("http", "https") and is_loopback(host):
        return text
    allowed = " or ".join(f"https://{one}" for one in hosts)
    raise ValueError(f"{text!r} is neither {allowed} nor an address of this machine")


def is_loopback(host: str) -> bool:
    """Whether a URL's host is this machine and nothing else."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def journal_file(text: str) -> Path:
    """The SQLite file that a database URL names."""
    scheme, separator, rest = text.partition("://")
    if separator and scheme.partition("+")[0] in ("postgres", "postgresql"):
        raise ValueError("this version keeps its journal in SQLite only: sqlite:///path/to/file")
    path = rest.removeprefix("/")
    if scheme != "sqlite" or not rest.startswith("/") or path in ("", ":memory:") or path.endswith("/"):
        raise ValueError(
            "it is written sqlite:///relative/path or sqlite:////absolute/path, and names a file"
        )
    return Path(path)


def file(text: str) -> Path:
    """A file that is there."""
    path = Path(text).expanduser()
    if not path.is_file():
        raise ValueError(f"there is no file {text!r}")
    return path


def directory(text: str) -> Path:
    """A directory that is there."""
    path = Path(text).expanduser()
    if not path.is_dir():
        raise ValueError(f"there is no directory {text!r}")
    return path
