"""Writing to PagerDuty needs a token and a service that says so; one without the other is said at the start."""

from __future__ import annotations

import pytest

from bot.app import half_connected
from bot.catalog.schema import Catalog, Service, ServiceName
from bot.settings import Settings


def said(*, token: str, write: bool) -> tuple[str, ...]:
    checkout = Service(name=ServiceName("checkout"), pagerduty_write=write)
    settings = Settings.load({"PAGERDUTY_WRITE_TOKEN": token}, to_serve=False)
    return half_connected(settings, Catalog(services={"checkout": checkout}))


@pytest.mark.parametrize(
    ("token", "write", "word"),
    [("", True, "PAGERDUTY_WRITE_TOKEN is not set"), ("hush-hush", False, "no service of the catalog")],
)
def test_one_half_is_said_without_a_secret(token: str, write: bool, word: str) -> None:
    [reason] = said(token=token, write=write)
    assert word in reason
    assert "hush" not in reason


def test_both_or_neither_is_nothing_to_say() -> None:
    assert said(token="hush-hush", write=True) == ()
    assert said(token="", write=False) == ()
