"""What the environment says: read once, hidden where secret, and everything wrong told at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.errors import SettingsError
from bot.settings import ROWS, Settings, readme_table

SOCKET = {"SLACK_BOT_TOKEN": "xoxb-1-2-three", "SLACK_APP_TOKEN": "xapp-1-A1-2-three"}
HTTP = {"SLACK_BOT_TOKEN": "xoxb-1-2-three", "SLACK_SIGNING_SECRET": "8f742231b10e8888abcd99yyyzzz85a5"}
KEY = "k" * 32


def refusal(environ: dict[str, str]) -> str:
    with pytest.raises(SettingsError) as caught:
        Settings.load(environ)
    return str(caught.value)


def test_two_tokens_are_enough() -> None:
    settings = Settings.load(SOCKET)
    assert settings.slack_mode == "socket"
    assert settings.slack_api_url == "https://slack.com/api/"
    assert (settings.http_host, settings.http_port) == ("127.0.0.1", 8080)
    assert settings.journal_path == Path("data/runbook-bot.db")
    assert settings.catalog_path == Path("runbooks")
    assert settings.audit_key_bytes is None
    assert settings.unknown == ()


def test_everything_missing_is_told_at_once_with_where_to_get_it() -> None:
    assert refusal({}) == (
        "2 settings are missing or wrong (README lists them all):\n"
        "  SLACK_BOT_TOKEN is missing: the bot's token; api.slack.com/apps → your app → OAuth & Permissions → "
        "Bot User OAuth Token (xoxb-…)\n"
        "  SLACK_APP_TOKEN is missing: the token of Socket Mode; api.slack.com/apps → your app → "
        "Basic Information → App-Level Tokens, scope connections:write (xapp-…) "
        "(or set SLACK_SIGNING_SECRET, to be called over HTTP)"
    )


def test_wrong_and_missing_and_misspelt_are_one_list_in_the_tables_order() -> None:
    lines = refusal(
        {
            "BOT_LOG_LEVEL": "loud",
            "BOT_HTTP_PORT": "99999",
            "SLACK_APP_TOKEN": "xoxb-1",
            "SLACK_BOT_TOKN": "xoxb-1",
            "BOT_CATALOGUE": "x",
            "BOT_WHATEVER": "x",
        }
    ).splitlines()[1:]
    assert [line.split()[0] for line in lines] == [
        "SLACK_BOT_TOKEN",
        "SLACK_APP_TOKEN",
        "BOT_HTTP_PORT",
        "BOT_LOG_LEVEL",
        "BOT_CATALOGUE",
        "BOT_WHATEVER",
        "SLACK_BOT_TOKN",
    ]
    assert lines[4].endswith("is BOT_CATALOG meant?")
    assert lines[6].endswith("is SLACK_BOT_TOKEN meant?")


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("SLACK_BOT_TOKEN", "xoxp-1-2-three", "begins with xoxb- and what was given is a user token"),
        ("SLACK_BOT_TOKEN", "xapp-1-2-three", "what was given is an app-level token"),
        ("SLACK_BOT_TOKEN", "xoxe.xoxb-1-three", "what was given is a configuration or refresh token"),
        ("SLACK_BOT_TOKEN", "hunter2", "what was given is no Slack token"),
        ("SLACK_BOT_TOKEN", '"xoxb-1-2-three"', "give the bare token"),
        ("SLACK_BOT_TOKEN", "xoxb-1 2\nthree", "give the bare token"),
        ("SLACK_APP_TOKEN", "xoxb-1-2-three", "begins with xapp- and what was given is a bot token"),
        ("SLACK_SIGNING_SECRET", "xoxb-1-2-three", "a token was given where the signing secret belongs"),
        ("PAGERDUTY_API_TOKEN", "hunter 2", "give the bare key"),
        ("PAGERDUTY_WRITE_TOKEN", "hunter2\nX-Evil: 1", "give the bare key"),
        ("BOT_AUDIT_KEY", "short", "it has 5 bytes and needs at least 32"),
        ("BOT_JWT_SECRET", "é" * 15, "it has 30 bytes and needs at least 32"),
    ],
)
def test_a_secret_of_the_wrong_kind_is_explained_and_never_repeated(
    variable: str, value: str, says: str
) -> None:
    text = refusal({**SOCKET, variable: value})
    assert says in text
    assert value not in text
    assert "three" not in text


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("BOT_SLACK_MODE", "carrier", "'carrier' is none of socket, http"),
        ("PAGERDUTY_FROM", "dana", "'dana' is no email address"),
        ("PAGERDUTY_FROM", "a@b.c\nX-Evil: 1", "is no email address"),
        ("BOT_LOG_FORMAT", "xml", "'xml' is none of json, console"),
        ("BOT_HTTP_PORT", "http", "'http' is no port"),
        ("BOT_HTTP_PORT", "-1", "'-1' is no port"),
        ("PORT", "65536", "'65536' is no port"),
        ("BOT_DATABASE_URL", "postgresql://db/bot", "this version keeps its journal in SQLite only"),
        ("BOT_DATABASE_URL", "postgresql+asyncpg://db/bot", "this version keeps its journal in SQLite only"),
        ("BOT_DATABASE_URL", "sqlite://", "sqlite:////absolute/path"),
        ("BOT_DATABASE_URL", "sqlite:///", "names a file"),
        ("BOT_DATABASE_URL", "sqlite:///:memory:", "names a file"),
        ("BOT_DATABASE_URL", "data/bot.db", "it is written sqlite:///"),
        ("BOT_KUBERNETES_REQUESTS_PER_SECOND", "0", "'0' is no number from 0.1 to 10000"),
        ("BOT_KUBERNETES_REQUESTS_PER_SECOND", "1e3", "'1e3' is no number"),
        ("BOT_KUBERNETES_REQUESTS_PER_SECOND", "-5", "'-5' is no number"),
        ("BOT_KUBERNETES_BURST", "0", "'0' is no whole number from 1 to 10000"),
        ("BOT_KUBERNETES_BURST", "2.5", "'2.5' is no whole number"),
        ("BOT_SSH_CONFIG", "nowhere/config", "there is no file 'nowhere/config'"),
        ("BOT_SECRETS_DIR", "nowhere", "there is no directory 'nowhere'"),
    ],
)
def test_a_value_that_cannot_be_used_says_why(variable: str, value: str, says: str) -> None:
    assert says in refusal({**SOCKET, variable: value})


@pytest.mark.parametrize(
    "url",
    [
        "http://slack.com/api/",
        "https://slack.com/",
        "https://slack.com/api/../evil/",
        "https://slack.com:8443/api/",
        "https://slack.com.evil.example/api/",
        "https://evil.example/slack.com/api/",
        "https://127.0.0.1@evil.example/api/",
        "https://evil.example\\@slack.com/api/",
        "http://127.0.0.1.evil.example/api/",
        "http://10.0.0.1/api/",
        "http://169.254.169.254/api/",
        "http://0.0.0.0:80/api/",
        "http://[::]/api/",
        "http://[::1/api/",
        "http://localhost:port/api/",
        "ftp://127.0.0.1/api/",
        "file:///etc/passwd",
        "slack.com/api",
        "http://127.0.0.1/api/?x=1",
    ],
)
def test_tokens_go_to_slack_or_to_this_machine_and_nowhere_else(url: str) -> None:
    assert "SLACK_API_URL cannot be used" in refusal({**SOCKET, "SLACK_API_URL": url})


@pytest.mark.parametrize(
    ("url", "used"),
    [
        ("https://slack.com/api", "https://slack.com/api/"),
        ("http://127.0.0.1:8090/api", "http://127.0.0.1:8090/api/"),
        ("http://localhost:8090/api/", "http://localhost:8090/api/"),
        ("http://[::1]:8090/api/", "http://[::1]:8090/api/"),
    ],
)
def test_slacks_url_ends_with_a_slash_as_its_client_wants_it(url: str, used: str) -> None:
    assert Settings.load({**SOCKET, "SLACK_API_URL": url}).slack_api_url == used


def test_pagerduty_has_two_regions() -> None:
    eu = Settings.load({**SOCKET, "PAGERDUTY_API_URL": "https://api.eu.pagerduty.com/"})
    assert eu.pagerduty_api_url == "https://api.eu.pagerduty.com"
    assert "PAGERDUTY_API_URL cannot be used" in refusal(
        {**SOCKET, "PAGERDUTY_API_URL": "https://evil.example"}
    )


@pytest.mark.parametrize(
    ("environ", "mode"),
    [
        (SOCKET, "socket"),
        (HTTP, "http"),
        ({**SOCKET, **HTTP}, "socket"),
        ({**SOCKET, **HTTP, "BOT_SLACK_MODE": "HTTP"}, "http"),
    ],
)
def test_socket_mode_is_used_where_there_is_an_app_token(environ: dict[str, str], mode: str) -> None:
    assert Settings.load(environ).slack_mode == mode


def test_the_mode_asked_for_decides_what_is_missing() -> None:
    assert "SLACK_SIGNING_SECRET is missing" in refusal({**SOCKET, "BOT_SLACK_MODE": "http"})
    assert "SLACK_APP_TOKEN is missing" in refusal({**HTTP, "BOT_SLACK_MODE": "socket"})


@pytest.mark.parametrize(
    ("environ", "host", "port"),
    [
        ({}, "127.0.0.1", 8080),
        ({"PORT": "5000"}, "0.0.0.0", 5000),
        ({"PORT": "5000", "BOT_HTTP_HOST": "127.0.0.1"}, "127.0.0.1", 5000),
        ({"PORT": "5000", "BOT_HTTP_PORT": "6000"}, "127.0.0.1", 6000),
        ({"BOT_HTTP_HOST": "::", "BOT_HTTP_PORT": "0"}, "::", 0),
    ],
)
def test_only_a_platforms_port_opens_every_address_unasked(
    environ: dict[str, str], host: str, port: int
) -> None:
    settings = Settings.load({**SOCKET, **environ})
    assert (settings.http_host, settings.http_port) == (host, port)


@pytest.mark.parametrize(
    ("url", "path"),
    [("sqlite:///data/x.db", "data/x.db"), ("sqlite:////var/lib/bot/x.db", "/var/lib/bot/x.db")],
)
def test_a_database_url_names_a_relative_or_an_absolute_file(url: str, path: str) -> None:
    assert Settings.load({**SOCKET, "BOT_DATABASE_URL": url}).journal_path == Path(path)


def test_no_secret_shows_in_repr_or_text() -> None:
    settings = Settings.load(
        {
            **SOCKET,
            **HTTP,
            "PAGERDUTY_WEBHOOK_SECRETS": "hush-one, hush-two,",
            "PAGERDUTY_API_TOKEN": "hush-three",
            "BOT_JWT_SECRET": "hush" * 10,
            "BOT_AUDIT_KEY": "hush" * 11,
            "BOT_SECRET_DEPLOY": "hush-four",
        }
    )
    shown = f"{settings!r} {settings}"
    assert not any(part in shown for part in ("hush", "xoxb-", "xapp-", HTTP["SLACK_SIGNING_SECRET"]))
    assert [one.get_secret_value() for one in settings.pagerduty_webhook_secrets] == ["hush-one", "hush-two"]
    assert len(settings.secret_values()) == 9


def test_catalog_secrets_come_from_variables_of_their_own() -> None:
    settings = Settings.load({**SOCKET, "BOT_SECRET_DEPLOY_TOKEN": "hush"})
    assert settings.secret("DEPLOY_TOKEN") == "hush"
    for name in ("OTHER", "SLACK_BOT_TOKEN", "", "../x"):
        with pytest.raises(KeyError):
            settings.secret(name)


def test_a_variable_may_be_a_file_in_the_secrets_directory(tmp_path: Path) -> None:
    (tmp_path / "SLACK_BOT_TOKEN").write_text("xoxb-from-file\n")
    (tmp_path / "BOT_SECRET_DEPLOY").write_text("hush\n")
    settings = Settings.load({"SLACK_APP_TOKEN": "xapp-1", "BOT_SECRETS_DIR": str(tmp_path)})
    assert settings.slack_bot_token.get_secret_value() == "xoxb-from-file"
    assert settings.secret("DEPLOY") == "hush"
    assert set(settings.secret_values()) == {"xoxb-from-file", "xapp-1", "hush"}
    (tmp_path / "BOT_SECRET_DEPLOY").write_text("rotated\n")
    assert settings.secret("DEPLOY") == "rotated", "a file is read when the secret is needed"
    for name in ("SLACK_BOT_TOKEN", "../BOT_SECRET_DEPLOY"):
        with pytest.raises(KeyError):
            settings.secret(name)


def test_a_secrets_file_that_is_no_text_is_one_of_the_problems(tmp_path: Path) -> None:
    (tmp_path / "SLACK_BOT_TOKEN").write_bytes(b"\xff\xfe")
    (tmp_path / "SLACK_APP_TOKEN").write_bytes(b"\xff\xfe")
    lines = refusal({"BOT_SECRETS_DIR": str(tmp_path)}).splitlines()[1:]
    assert [line.split()[:3] for line in lines] == [
        ["SLACK_BOT_TOKEN", "cannot", "be"],
        ["SLACK_APP_TOKEN", "cannot", "be"],
    ]


def test_what_only_a_server_needs_may_be_missing_elsewhere() -> None:
    settings = Settings.load({"BOT_AUDIT_KEY": KEY}, to_serve=False)
    assert settings.audit_key_bytes == KEY.encode()
    assert settings.slack_bot_token.get_secret_value() == ""
    with pytest.raises(SettingsError, match="BOT_LOG_LEVEL"):
        Settings.load({"BOT_LOG_LEVEL": "loud"}, to_serve=False)


def test_misspelt_names_are_kept_for_a_warning_where_nothing_else_is_wrong() -> None:
    settings = Settings.load({**SOCKET, "BOT_LOG_LEVLE": "debug", "SLACK_WEBHOOK": "x", "HOME": "x"})
    assert settings.unknown == ("BOT_LOG_LEVLE is no setting; is BOT_LOG_LEVEL meant?",)


def test_blank_values_are_no_values() -> None:
    assert Settings.load({**SOCKET, "BOT_CATALOG": "  ", "PAGERDUTY_API_TOKEN": ""}).catalog_path == Path(
        "runbooks"
    )


def test_the_real_environment_is_read_where_none_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOT_JWT_ISSUER", "here")
    assert Settings.load(to_serve=False).jwt_issuer == "here"


def test_the_table_and_the_settings_name_the_same_fields() -> None:
    assert {row.field for row in ROWS} == set(Settings.model_fields) - {"catalog_secrets", "unknown"}
    assert len({row.variable for row in ROWS}) == len(ROWS)
    table = readme_table()
    assert all(f"| `{row.variable}` | " in table for row in ROWS)


def test_prometheus_may_be_in_the_clear_without_a_token_only() -> None:
    plain = SOCKET | {"BOT_PROMETHEUS_URL": "http://prometheus.monitoring:9090/prom/"}
    assert Settings.load(plain).prometheus_url == "http://prometheus.monitoring:9090/prom"
    with_token = {"BOT_PROMETHEUS_TOKEN": "t0ps3cret"}
    assert "would carry it in the clear" in refusal(plain | with_token)
    for url in ("http://127.0.0.1:9090", "https://prometheus.acme.example"):
        settings = Settings.load(SOCKET | with_token | {"BOT_PROMETHEUS_URL": url})
        assert "t0ps3cret" in settings.secret_values()
    for url in (
        "prometheus:9090",
        "ftp://p",
        "http://u:p@p",
        "http://p/?a=b",
        "http://p:99999",
        "http://p /",
    ):
        assert "BOT_PROMETHEUS_URL cannot be used" in refusal(SOCKET | {"BOT_PROMETHEUS_URL": url})


def test_no_model_is_asked_without_a_key_and_none_without_a_name() -> None:
    bare = Settings.load(SOCKET)
    assert (bare.ai_key.get_secret_value(), bare.ai_model, bare.ai_url) == ("", "", "")
    assert (bare.ai_seconds, bare.ai_requests, bare.ai_tokens) == (60, 8, 100_000)
    assert "BOT_AI_MODEL is missing" in refusal(SOCKET | {"BOT_AI_KEY": "sk-1"})
    settings = Settings.load(SOCKET | {"BOT_AI_KEY": "sk-1-two-3", "BOT_AI_MODEL": "qwen/qwen3:32b"})
    assert (settings.ai_provider, settings.ai_model) == ("openai", "qwen/qwen3:32b")
    assert "sk-1-two-3" in settings.secret_values()
    assert "sk-1-two-3" not in repr(settings)


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("BOT_AI_URL", "http://models.acme.example/v1"),
        ("BOT_AI_URL", "https://user:pass@models.acme.example"),
        ("BOT_AI_URL", "models.acme.example"),
        ("BOT_AI_MODEL", "a model"),
        ("BOT_AI_PROVIDER", "somebody"),
        ("BOT_AI_SECONDS", "4"),
        ("BOT_AI_REQUESTS", "0"),
        ("BOT_AI_TOKENS", "1e9"),
        ("BOT_AI_KEY", "two words"),
    ],
)
def test_what_a_model_is_reached_with_is_held_to_the_careful_side(variable: str, text: str) -> None:
    given = {"BOT_AI_KEY": "sk-1", "BOT_AI_MODEL": "m"} | {variable: text}
    assert f"{variable} cannot be used" in refusal(SOCKET | given)
