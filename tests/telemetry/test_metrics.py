"""What Prometheus is told: bounded labels, nothing global, and a text it can read."""

from __future__ import annotations

import re
from pathlib import Path

from bot.telemetry.metrics import FAMILIES, NAMES_LIMIT, OTHER, Metrics, readme_table

STEPS = "runbook_steps_executed_total"


def count(metrics: Metrics, family: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(family, labels)


def test_two_of_them_count_apart() -> None:
    one, other = Metrics(), Metrics()
    one.count(STEPS, service="a", action="b", result="succeeded")
    assert count(one, STEPS, service="a", action="b", result="succeeded") == 1
    assert count(other, STEPS, service="a", action="b", result="succeeded") is None


def test_a_label_has_so_many_values_and_what_comes_later_falls_together() -> None:
    metrics = Metrics()
    for number in range(NAMES_LIMIT + 50):
        metrics.count("runbook_overrides_total", service=f"s-{number}")
    told = re.findall(r'^runbook_overrides_total\{service="([^"]+)"\} (\S+)', metrics.exposition(), re.M)
    assert len(told) == NAMES_LIMIT
    assert dict(told)[OTHER] == "51.0"
    metrics.count("runbook_overrides_total", service="s-0")
    assert count(metrics, "runbook_overrides_total", service="s-0") == 2


def test_gauges_are_asked_for_at_each_scrape_and_those_of_others_are_summed() -> None:
    metrics, open_now = Metrics(), {"a": 1.0}
    metrics.follow(
        lambda: [("runbook_approvals_pending", (name,), value) for name, value in open_now.items()]
    )
    assert count(metrics, "runbook_approvals_pending", service="a") == 1
    open_now.clear()
    assert count(metrics, "runbook_approvals_pending", service="a") is None
    open_now.update({f"s-{number}": 1.0 for number in range(NAMES_LIMIT + 50)})
    assert count(metrics, "runbook_approvals_pending", service=OTHER) == 52
    assert count(metrics, "runbook_queue_depth") == 0


def test_a_clock_that_was_set_back_takes_no_time() -> None:
    metrics = Metrics()
    metrics.took("runbook_decision_seconds", -5.0, verdict="approved")
    assert count(metrics, "runbook_decision_seconds_sum", verdict="approved") == 0


def test_every_family_follows_the_rules_for_names_and_says_what_it_is() -> None:
    for one in FAMILIES:
        assert re.fullmatch(r"runbook_[a-z_]+", one.name)
        assert one.name.endswith("_total") == (one.kind == "counter")
        assert one.name.endswith("_seconds") == (one.kind == "histogram")
        assert one.what
        assert bool(one.buckets) == (one.kind == "histogram")
    assert len({one.name for one in FAMILIES}) == len(FAMILIES)


def test_readme_lists_every_family() -> None:
    text = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    assert f"<!-- metrics -->\n{readme_table()}\n<!-- /metrics -->" in text
