"""The few values that a label is said to have are those that the engine knows."""

from __future__ import annotations

from typing import get_args

from bot.intake import inbox
from bot.runs.check import CheckVerdict
from bot.runs.events import FinalStatus
from bot.runs.plan import Verdict
from bot.telemetry.metrics import FAMILIES

KNOWN = {one.name: one.values for one in FAMILIES}


def test_ends_results_and_verdicts_are_the_engines() -> None:
    assert set(KNOWN["runbook_runs_finished_total"]["status"]) == set(get_args(FinalStatus))
    assert set(KNOWN["runbook_steps_executed_total"]["result"]) == set(get_args(Verdict))
    assert set(KNOWN["runbook_checks_total"]["verdict"]) == set(get_args(CheckVerdict))


def test_kinds_of_signals_are_those_of_the_inbox() -> None:
    kinds = {value for name, value in vars(inbox).items() if name.isupper() and isinstance(value, str)}
    assert set(KNOWN["runbook_signals_total"]["kind"]) <= kinds
    assert {one for one in kinds if "-" in one} <= set(KNOWN["runbook_signals_total"]["kind"])
