"""PagerDuty's REST API v2: one connection, and a reader that cannot write."""

from bot.clients.pagerduty.connection import API_URL, API_URL_EU, base_url_of
from bot.clients.pagerduty.reader import OnCall, PagerDutyReader

__all__ = ["API_URL", "API_URL_EU", "OnCall", "PagerDutyReader", "base_url_of"]
