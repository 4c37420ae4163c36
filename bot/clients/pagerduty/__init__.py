"""PagerDuty's REST API v2: one way to ask it, a reader that cannot write, a writer that does not read."""

from bot.clients.pagerduty.connection import API_URL, API_URL_EU, base_url_of
from bot.clients.pagerduty.reader import OnCall, PagerDutyReader
from bot.clients.pagerduty.writer import PagerDutyWriter

__all__ = ["API_URL", "API_URL_EU", "OnCall", "PagerDutyReader", "PagerDutyWriter", "base_url_of"]
