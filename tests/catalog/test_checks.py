"""Metric checks as both dialects write them, and what they do to a digest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bot.catalog.schema import MetricCheck
from tests.catalog.test_loader import GROUND, loaded, runbook

RESTART = {
    "command": "systemctl restart payments",
    "host": "web-1",
    "rollback": "systemctl start payments",
    "safety": {"scopes": ["prod"]},
}
OLD_DIGEST = "e85401f4c03995a986ce4e700e8346ef330f2b99077cef3a19f1c1a99a321eeb"
"""Of `RESTART`, by the version before there were checks."""

METRICS = {**GROUND, "metrics": {"cpu": "up", "served": {"query": "up", "better": "higher"}}}


def step(root: Path, check: dict[str, Any]) -> MetricCheck | None:
    return runbook(root, [{**RESTART, "check": check}]).steps[0].check


def test_a_check_waits_five_minutes_unless_it_says_how_long(tmp_path: Path) -> None:
    assert step(tmp_path, {"metric_name": "cpu"}) == MetricCheck(metric_name="cpu", check_after_s=300)
    checked = step(
        tmp_path, {"metric_name": "cpu", "check_after_minutes": 0.5, "rollback_if_value_exceeds": 2}
    )
    assert checked == MetricCheck(metric_name="cpu", check_after_s=30, rollback_if_value_exceeds=2)
    assert step(tmp_path, {"metric_name": "cpu", "check_after_seconds": 3}) == MetricCheck(
        metric_name="cpu", check_after_s=3
    )


def test_the_runbooks_own_check_is_written_the_same(tmp_path: Path) -> None:
    made = runbook(
        tmp_path, [RESTART], rollback_metric_check={"metric_name": "cpu", "check_after_seconds": 9}
    )
    assert made.metric_check == MetricCheck(metric_name="cpu", check_after_s=9)


def test_an_actions_check_holds_where_it_is_used_unless_the_step_has_its_own(tmp_path: Path) -> None:
    action = {**RESTART, "id": "restart", "check": {"metric_name": "cpu", "check_after_seconds": 10}}
    steps = [{"action": "restart"}, {"action": "restart", "check": {"metric_name": "cpu"}}]
    made = runbook(tmp_path, steps, **{"actions/restart.yaml": action})
    assert [one.check.check_after_s for one in made.steps if one.check] == [10, 300]


def test_an_action_used_as_an_undo_is_not_checked(tmp_path: Path) -> None:
    start = {**RESTART, "id": "start", "check": {"metric_name": "cpu"}}
    made = runbook(tmp_path, [{**RESTART, "rollback": {"action": "start"}}], **{"actions/start.yaml": start})
    rollback = made.steps[0].rollback
    assert rollback is not None
    assert rollback.step is not None
    assert rollback.step.check is None


def test_a_check_is_part_of_what_a_promotion_is_bound_to(tmp_path: Path) -> None:
    bare = runbook(tmp_path, [RESTART]).steps[0].digest
    checked = runbook(tmp_path, [{**RESTART, "check": {"metric_name": "cpu"}}])
    other = runbook(tmp_path, [{**RESTART, "check": {"metric_name": "cpu", "check_after_seconds": 1}}])
    assert len({bare, checked.steps[0].digest, other.steps[0].digest}) == 3
    assert checked.digest != other.digest


def test_resolving_at_pagerduty_is_part_of_what_a_promotion_is_bound_to(tmp_path: Path) -> None:
    check = {"rollback_metric_check": {"metric_name": "cpu"}}
    silent = runbook(tmp_path, [RESTART], **check)
    said_no = runbook(tmp_path, [RESTART], **check, pagerduty_resolve=False)
    resolving = runbook(tmp_path, [RESTART], **check, pagerduty_resolve=True)
    assert resolving.pagerduty_resolve
    assert silent.digest == said_no.digest != resolving.digest


def test_steps_without_a_check_keep_the_digest_they_had_before_there_were_checks(tmp_path: Path) -> None:
    assert runbook(tmp_path, [RESTART]).steps[0].digest == OLD_DIGEST


@pytest.mark.parametrize(("metric", "better"), [("cpu", "lower"), ("served", "higher")])
def test_a_metric_says_which_way_is_better(tmp_path: Path, metric: str, better: str) -> None:
    assert loaded(tmp_path, {"catalog.yaml": METRICS}).metrics[metric].better == better
