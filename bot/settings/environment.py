"""What the environment says, read once, with everything that is missing or wrong told at once.

A variable may also stand as a file of its name in `BOT_SECRETS_DIR` (what container platforms mount); the
environment wins. Secrets are `SecretStr`: hidden in repr, in logs and in the sentences about what is wrong.

Not pydantic-settings: the environment is an argument here (tests and the demo hand in their own), a start must
list every problem in words of ours with where to get each value, and one table must be code and README at once.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from bot.errors import SettingsError
from bot.settings.rows import ROWS, SECRET_PREFIX, Row
from bot.settings.values import is_loopback


class Settings(BaseModel):
    """Everything the environment says; an empty secret means it was not given. Made by `load`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    slack_bot_token: SecretStr
    slack_app_token: SecretStr
    slack_signing_secret: SecretStr
    slack_api_url: str
    slack_mode: Literal["socket", "http"]
    http_host: str
    http_port: int
    metrics_access: str
    journal_path: Path
    catalog_path: Path
    pagerduty_webhook_secrets: tuple[SecretStr, ...]
    pagerduty_api_token: SecretStr
    pagerduty_write_token: SecretStr
    pagerduty_from: str
    pagerduty_api_url: str
    jwt_secret: SecretStr
    jwt_jwks_url: str
    alertmanager_secrets: tuple[SecretStr, ...]
    jwt_issuer: str
    jwt_audience: str
    audit_key: SecretStr
    ssh_config: Path | None
    ssh_known_hosts: Path | None
    kubeconfig: str
    kubernetes_requests_per_s: float
    kubernetes_burst: int
    prometheus_url: str
    prometheus_token: SecretStr
    ai_key: SecretStr
    ai_model: str
    ai_provider: Literal["openai", "anthropic"]
    ai_url: str
    ai_seconds: int
    ai_requests: int
    ai_tokens: int
    secrets_dir: Path | None
    log_level: Literal["debug", "info", "warning", "error"]
    log_format: Literal["json", "console"]
    catalog_secrets: Mapping[str, SecretStr] = Field(repr=False)
    unknown: tuple[str, ...] = ()
    """Variables that begin like ours and are none, each with what may have been meant; worth a warning."""

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None, *, to_serve: bool = True) -> Settings:
        """The settings, or one `SettingsError` that lists everything missing or wrong.

        The tokens that only a serving process needs may be missing where `to_serve` is false.
        """
        return _load(os.environ if environ is None else environ, to_serve=to_serve)

    @property
    def audit_key_bytes(self) -> bytes | None:
        """The audit key as the journal takes it."""
        return self.audit_key.get_secret_value().encode() or None

    def secret(self, name: str) -> str:
        """The value of a catalog secret, a file read at this moment; KeyError where it has none."""
        given = self.catalog_secrets.get(name)
        found = given.get_secret_value() if given else _from_file(self.secrets_dir, SECRET_PREFIX + name)
        if not found:
            raise KeyError(name)
        return found

    def secret_values(self) -> tuple[str, ...]:
        """Every secret known now, longest first: what must never be stored or shown."""
        held = [value for value in dict(self).values() if isinstance(value, SecretStr)]
        held += [*self.pagerduty_webhook_secrets, *self.alertmanager_secrets, *self.catalog_secrets.values()]
        values = {value.get_secret_value() for value in held}
        if self.secrets_dir is not None:
            names = (file.name for file in self.secrets_dir.glob(f"{SECRET_PREFIX}*"))
            values |= {_from_file(self.secrets_dir, name) for name in names}
        return tuple(sorted(values - {""}, key=len, reverse=True))


def catalog_folder(environ: Mapping[str, str] | None = None) -> Path:
    """Where the catalog is, for commands that read it and need nothing else to be right."""
    row = next(row for row in ROWS if row.field == "catalog_path")
    text = (os.environ if environ is None else environ).get(row.variable, "").strip()
    return Path(text or row.default)


class _Reading:
    """One reading of the environment: the values so far, and every problem met."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._texts: dict[str, str] = {}
        self.problems: list[str] = []
        self.values: dict[str, Any] = {}
        folder: Path | None = None
        for row in sorted(ROWS, key=lambda row: row.variable != "BOT_SECRETS_DIR"):
            try:
                for variable in (row.variable, *row.also):
                    self._texts[variable] = environ.get(variable, "").strip() or _from_file(folder, variable)
                text = self._texts[row.variable] or next(filter(None, map(self.given, row.also)), row.default)
                value = row.read(text) if text else row.absent
            except (ValueError, OSError) as error:
                self.problems.append(_sentence(f"{row.variable} cannot be used: {error}", row))
                value = row.absent
            self.values[row.field] = value
            folder = folder or self.values["secrets_dir"]

    def given(self, variable: str) -> str:
        """The text of a variable, "" where it is not set."""
        return self._texts.get(variable, "")

    def require(self, variable: str, *, instead: str = "") -> None:
        """Note that a variable is missing, unless something is there (which may have been wrong)."""
        row = next(row for row in ROWS if row.variable == variable)
        if not any(problem.startswith(f"{variable} ") for problem in self.problems) and not self.given(
            variable
        ):
            self.problems.append(_sentence(f"{variable} is missing: {row.what}", row) + instead)


def _sentence(text: str, row: Row) -> str:
    return f"{text}; {row.where}" if row.where else text


def _load(environ: Mapping[str, str], *, to_serve: bool) -> Settings:
    reading = _Reading(environ)
    found = reading.values
    if not found["slack_mode"]:
        is_http = bool(found["slack_signing_secret"]) and not reading.given("SLACK_APP_TOKEN")
        found["slack_mode"] = "http" if is_http else "socket"
    if not found["http_host"]:
        # A platform that sets PORT calls from outside; nobody else's machine is opened up without being asked.
        is_platform = bool(reading.given("PORT")) and not reading.given("BOT_HTTP_PORT")
        found["http_host"] = "0.0.0.0" if is_platform else "127.0.0.1"  # noqa: S104 - see above
    if to_serve:
        _require_slack(reading)
    _keep_token_covered(reading)
    if found["ai_key"].get_secret_value():
        reading.require("BOT_AI_MODEL")
    unknown = _unknown(environ)
    if reading.problems:
        place = {row.variable: index for index, row in enumerate(ROWS)}
        _refuse([*sorted(reading.problems, key=lambda one: place[one.partition(" ")[0]]), *unknown])
    return Settings(**found, catalog_secrets=_catalog_secrets(environ), unknown=unknown)


def _keep_token_covered(reading: _Reading) -> None:
    """A token goes over TLS, or nowhere but to this machine."""
    url = urlsplit(reading.values["prometheus_url"])
    is_in_the_clear = url.scheme == "http" and not is_loopback(url.hostname or "")
    if is_in_the_clear and reading.values["prometheus_token"].get_secret_value():
        reading.problems.append(
            "BOT_PROMETHEUS_TOKEN cannot be used: BOT_PROMETHEUS_URL would carry it in the clear; use https"
        )


def _require_slack(reading: _Reading) -> None:
    reading.require("SLACK_BOT_TOKEN")
    if reading.values["slack_mode"] == "http":
        reading.require("SLACK_SIGNING_SECRET")
    else:
        is_asked_for = bool(reading.given("BOT_SLACK_MODE"))
        reading.require(
            "SLACK_APP_TOKEN",
            instead="" if is_asked_for else " (or set SLACK_SIGNING_SECRET, to be called over HTTP)",
        )


def _refuse(problems: list[str]) -> None:
    lines = "".join(f"\n  {problem}" for problem in problems)
    what = "a setting is" if len(problems) == 1 else f"{len(problems)} settings are"
    raise SettingsError(f"{what} missing or wrong (README lists them all):{lines}")


def _catalog_secrets(environ: Mapping[str, str]) -> dict[str, SecretStr]:
    return {
        variable.removeprefix(SECRET_PREFIX): SecretStr(value)
        for variable, value in environ.items()
        if variable.startswith(SECRET_PREFIX) and value
    }


def _unknown(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Names that look like typing mistakes: all that begin like ours alone, and those that nearly are one of ours."""
    known = {name for row in ROWS for name in (row.variable, *row.also)}
    found = []
    for variable in sorted(environ.keys() - known):
        if not variable.startswith(("BOT_", "SLACK_", "PAGERDUTY_")) or variable.startswith(SECRET_PREFIX):
            continue
        near = get_close_matches(variable, known, n=1, cutoff=0.85)
        if near:
            found.append(f"{variable} is no setting; is {near[0]} meant?")
        elif variable.startswith("BOT_"):
            found.append(f"{variable} is no setting")
    return tuple(found)


def _from_file(folder: Path | None, variable: str) -> str:
    if folder is None or not variable.isidentifier():
        return ""
    file = folder / variable
    return file.read_text(encoding="utf-8").strip() if file.is_file() else ""
