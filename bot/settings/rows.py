"""Every variable: what it is, where to get it, how its text is read; README's table is made from this."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from bot.settings import values

SECRET_PREFIX = "BOT_SECRET_"  # noqa: S105 - the beginning of a name
"""A secret `NAME` of the catalog is the variable (or file) `BOT_SECRET_NAME`: no catalog can name the bot's own."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One setting: what README says of it, and how its text is read (`read` raises ValueError with a sentence)."""

    variable: str
    field: str
    what: str
    where: str = ""
    """Where to get it."""
    default: str = ""
    read: Callable[[str], Any] = str
    absent: Any = ""
    """The value where neither the variable nor a default gives one."""
    also: tuple[str, ...] = ()
    """Other variables that count where this one is not set."""


NOT_GIVEN = SecretStr("")
_YOUR_APP = "api.slack.com/apps → your app →"
_RANDOM = "make one with `openssl rand -base64 48`"

ROWS: tuple[Row, ...] = (
    Row(
        variable="SLACK_BOT_TOKEN",
        field="slack_bot_token",
        what="the bot's token",
        where=f"{_YOUR_APP} OAuth & Permissions → Bot User OAuth Token (xoxb-…)",
        read=values.token("xoxb-"),
        absent=NOT_GIVEN,
    ),
    Row(
        variable="SLACK_APP_TOKEN",
        field="slack_app_token",
        what="the token of Socket Mode",
        where=f"{_YOUR_APP} Basic Information → App-Level Tokens, scope connections:write (xapp-…)",
        read=values.token("xapp-"),
        absent=NOT_GIVEN,
    ),
    Row(
        variable="SLACK_SIGNING_SECRET",
        field="slack_signing_secret",
        what="what HTTP mode checks requests with",
        where=f"{_YOUR_APP} Basic Information → App Credentials → Signing Secret",
        read=values.signing_secret,
        absent=NOT_GIVEN,
    ),
    Row(
        variable="BOT_SLACK_MODE",
        field="slack_mode",
        what="how Slack reaches the bot: `socket` or `http`; by default `socket` where SLACK_APP_TOKEN is set",
        read=values.choice("socket", "http"),
    ),
    Row(
        variable="SLACK_API_URL",
        field="slack_api_url",
        what="Slack's Web API, or a local workspace on this machine",
        default=values.SLACK_API_URL,
        read=values.slack_url,
    ),
    Row(
        variable="PAGERDUTY_WEBHOOK_SECRETS",
        field="pagerduty_webhook_secrets",
        what="signing secrets of the webhook subscriptions, separated by commas (two while one is rotated); "
        "without one every webhook is refused",
        where="PagerDuty → Integrations → Generic Webhooks (v3) → the subscription, shown once when it is made",
        read=values.secrets,
        absent=(),
    ),
    Row(
        variable="PAGERDUTY_API_TOKEN",
        field="pagerduty_api_token",
        what="a read-only REST key; without one, facts come from the text of messages and are marked so",
        where="PagerDuty → Integrations → API Access Keys",
        read=values.api_key,
        absent=NOT_GIVEN,
    ),
    Row(
        variable="PAGERDUTY_WRITE_TOKEN",
        field="pagerduty_write_token",
        what="a REST key that may write; with it, incidents of services that say `pagerduty_write: true` are "
        "acknowledged and noted on",
        where="PagerDuty → Integrations → API Access Keys",
        read=values.api_key,
        absent=NOT_GIVEN,
    ),
    Row(
        variable="PAGERDUTY_FROM",
        field="pagerduty_from",
        what="the email of a PagerDuty user to write as where PagerDuty does not know whoever decided",
        read=values.email,
    ),
    Row(
        variable="PAGERDUTY_API_URL",
        field="pagerduty_api_url",
        what="PagerDuty's REST API; `https://api.eu.pagerduty.com` for accounts in the EU",
        default=values.PAGERDUTY_API_URL,
        read=values.pagerduty_url,
    ),
    Row(
        variable="BOT_CATALOG",
        field="catalog_path",
        what="the catalog's directory",
        default="runbooks",
        read=Path,
    ),
    Row(
        variable="BOT_DATABASE_URL",
        field="journal_path",
        what="where the journal is: `sqlite:///relative/path` or `sqlite:////absolute/path`",
        default="sqlite:///data/runbook-bot.db",
        read=values.journal_file,
    ),
    Row(
        variable="BOT_AUDIT_KEY",
        field="audit_key",
        what="keys the journal's hash chains, so that only who has it can write them; "
        "chosen before the first start and never changed",
        where=_RANDOM,
        read=values.key,
        absent=NOT_GIVEN,
    ),
    Row(
        variable="BOT_HTTP_HOST",
        field="http_host",
        what="the address to listen on; by default this machine alone, or every address where the platform sets PORT",
    ),
    Row(
        variable="BOT_HTTP_PORT",
        field="http_port",
        what="the port of webhooks, API, metrics and Slack's HTTP mode; else PORT as hosting platforms set it",
        default="8080",
        read=values.port,
        also=("PORT",),
    ),
    Row(
        variable="BOT_METRICS_ACCESS",
        field="metrics_access",
        what="who may read `/metrics`: `token` asks for an API token of role viewer for all teams, `open` lets in "
        "everybody who reaches the port",
        default="token",
        read=values.choice("token", "open"),
    ),
    Row(
        variable="BOT_JWT_SECRET",
        field="jwt_secret",
        what="what API tokens are signed with, 32 bytes or more; without it (and without BOT_JWT_JWKS_URL) the API "
        "refuses everybody",
        where=_RANDOM,
        read=values.key,
        absent=NOT_GIVEN,
    ),
    Row(
        variable="BOT_JWT_JWKS_URL",
        field="jwt_jwks_url",
        what="where your issuer publishes the keys it signs API tokens with (RS256, PS256, ES256, EdDSA), over https; "
        "beside the secret or instead of it",
        read=values.jwks_url,
    ),
    Row(
        variable="BOT_ALERTMANAGER_SECRETS",
        field="alertmanager_secrets",
        what="what Alertmanager shows at `/webhooks/alertmanager`, 32 bytes or more each, separated by commas (two "
        "while one is rotated); without one everything it sends is refused",
        where=_RANDOM,
        read=values.keys,
        absent=(),
    ),
    Row(variable="BOT_JWT_ISSUER", field="jwt_issuer", what="`iss` of API tokens", default="runbook-bot"),
    Row(variable="BOT_JWT_AUDIENCE", field="jwt_audience", what="`aud` of API tokens", default="runbook-bot"),
    Row(
        variable="BOT_SSH_CONFIG",
        field="ssh_config",
        what="an ssh configuration file for the hosts of the catalog",
        read=values.file,
        absent=None,
    ),
    Row(
        variable="BOT_SSH_KNOWN_HOSTS",
        field="ssh_known_hosts",
        what="the host keys to trust; by default those of the ssh configuration",
        read=values.file,
        absent=None,
    ),
    Row(
        variable="KUBECONFIG",
        field="kubeconfig",
        what="how the catalog's clusters are reached, as for kubectl; without one, the cluster the bot runs in",
    ),
    Row(
        variable="BOT_KUBERNETES_REQUESTS_PER_SECOND",
        field="kubernetes_requests_per_s",
        what="how many requests a second this process sends to one cluster; never more, see the next",
        default="50",
        read=values.rate,
    ),
    Row(
        variable="BOT_KUBERNETES_BURST",
        field="kubernetes_burst",
        what="how many it may send at once before that rate holds",
        default="300",
        read=values.count,
    ),
    Row(
        variable="BOT_PROMETHEUS_URL",
        field="prometheus_url",
        what="the Prometheus that metric checks ask; without one every check is put to a person",
        read=values.prometheus_url,
    ),
    Row(
        variable="BOT_PROMETHEUS_TOKEN",
        field="prometheus_token",
        what="a bearer token for it, where it wants one (then https only)",
        read=SecretStr,
        absent=NOT_GIVEN,
    ),
    Row(
        variable="BOT_AI_KEY",
        field="ai_key",
        what="the key of a language model that adds its opinion to a diagnosis; without one no model is asked and "
        "nothing is sent to any",
        where="your model's provider; a local server that wants none takes any",
        read=values.api_key,
        absent=NOT_GIVEN,
    ),
    Row(
        variable="BOT_AI_MODEL",
        field="ai_model",
        what="the model to ask, by the name its provider gives it; needed with BOT_AI_KEY",
        read=values.model_name,
    ),
    Row(
        variable="BOT_AI_PROVIDER",
        field="ai_provider",
        what="how the model is spoken to: `openai` (also every server compatible with it) or `anthropic`",
        default="openai",
        read=values.choice("openai", "anthropic"),
    ),
    Row(
        variable="BOT_AI_URL",
        field="ai_url",
        what="where the model is, over https unless on this machine; by default OpenAI's or Anthropic's own address",
        read=values.model_url,
    ),
    Row(
        variable="BOT_AI_SECONDS",
        field="ai_seconds",
        what="how long one opinion may take, in all; then the diagnosis stands without it",
        default="60",
        read=values.within(5, 600),
        absent=60,
    ),
    Row(
        variable="BOT_AI_REQUESTS",
        field="ai_requests",
        what="how many requests one opinion may take, repeated ones counted",
        default="8",
        read=values.within(1, 50),
        absent=8,
    ),
    Row(
        variable="BOT_AI_TOKENS",
        field="ai_tokens",
        what="how many tokens one opinion may take, sent and received",
        default="100000",
        read=values.within(5_000, 5_000_000),
        absent=100_000,
    ),
    Row(
        variable="BOT_SECRETS_DIR",
        field="secrets_dir",
        what="a directory with one file per variable, for any variable of this table and for catalog secrets",
        read=values.directory,
        absent=None,
    ),
    Row(
        variable="BOT_LOG_LEVEL",
        field="log_level",
        what="`debug`, `info`, `warning` or `error`",
        default="info",
        read=values.choice("debug", "info", "warning", "error"),
    ),
    Row(
        variable="BOT_LOG_FORMAT",
        field="log_format",
        what="`json` (one object a line) or `console`",
        default="json",
        read=values.choice("json", "console"),
    ),
)


def readme_table() -> str:
    """The settings as the Markdown table that stands in README."""
    lines = ["| variable | what it is | default |", "|---|---|---|"]
    for row in ROWS:
        what = f"{row.what} ({row.where})" if row.where else row.what
        lines.append(f"| `{row.variable}` | {what} | {f'`{row.default}`' if row.default else ''} |")
    lines.append(f"| `{SECRET_PREFIX}NAME` | the value of the catalog's secret `NAME` | |")
    return "\n".join(lines) + "\n"
