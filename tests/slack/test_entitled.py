"""Who may decide, in words: also whoever is asked next, on call, or may break glass."""

from __future__ import annotations

from bot.engine.entitlement import Answer, Entitled, Rule
from bot.runs.policy import ON_CALL, Membership
from bot.slack.views.entitled import who_answer
from tests.slack.stage import START

CALLED = f"{ON_CALL}/payments"


def answer(rule: Rule, *groups: Membership) -> str:
    one = Entitled(runbook="turn", service="payments", environment="prod", rules=(rule,), starters=("U0ANN",))
    return who_answer(
        Answer(entitled=(one,), ids={}, groups={group.group: group for group in groups}), here="here"
    )


def test_whoever_is_asked_next_and_may_break_glass_is_told() -> None:
    rule = Rule(
        steps=("a",), asks=True, approvers=("U0ANN",), escalate_to=("leads", ON_CALL), override=("S0DUTY",)
    )
    told = answer(rule)
    assert "when nobody decides, then leads, then whoever is on call at PagerDuty" in told
    assert "<!subteam^S0DUTY> may break glass" in told


def test_on_call_is_named_by_its_people_and_where_nobody_can_tell_by_the_reason() -> None:
    rule = Rule(steps=("a",), asks=True, approvers=(CALLED,))
    read = Membership(group=CALLED, emails=frozenset({"bea@acme.example"}), read_at=START)
    told = answer(rule, read)
    assert "whoever is on call for payments at PagerDuty" in told
    assert "Whoever is on call for payments at PagerDuty is bea" in told
    away = answer(rule, Membership(group=CALLED, error="PagerDuty was not reached"))
    assert "could not be read now (PagerDuty was not reached), so nobody of it can decide" in away
