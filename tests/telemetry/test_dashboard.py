"""The dashboard asks only for what the bot tells, and shows everything it tells."""

from __future__ import annotations

import json
import re

from click.testing import CliRunner

from bot.cli.main import main
from bot.telemetry.metrics import FAMILIES, Metrics
from tests.telemetry.dashboard import dashboard, questions

LABELS = {
    name: {*one.labels, *(["le"] if name.endswith("_bucket") else [])}
    for one in FAMILIES
    for name in one.samples
}
VALUES = {name: one.values for one in FAMILIES for name in one.samples}
OF_THE_PROCESS = {"process_resident_memory_bytes"}
_NAME = re.compile(r"\b((?:runbook|process)_\w+)(?:\{([^}]*)\})?")
_BY = re.compile(r"\bby \(([^)]*)\)")
_MATCHER = re.compile(r'(\w+)(=~|!~|=|!=)"([^"]*)"')


def test_every_metric_and_label_it_asks_for_is_told() -> None:
    asked = list(questions())
    assert len(asked) > 20
    for title, question in asked:
        found = _NAME.findall(question)
        assert found, title
        for name, matchers in found:
            assert name in LABELS or name in OF_THE_PROCESS, (title, name)
            for label, kind, value in _MATCHER.findall(matchers):
                assert label in LABELS[name], (title, name, label)
                known = VALUES[name].get(label)
                assert known is None or kind not in ("=", "!=") or value in known, (title, label, value)
            for labels in _BY.findall(question):
                by = {one.strip() for one in labels.split(",")}
                assert by <= LABELS.get(name, set()), (title, name, by)


def test_every_word_of_a_legend_is_a_label_of_what_is_asked() -> None:
    for panel in dashboard()["panels"]:
        for target in panel.get("targets", ()):
            for label in re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]):
                by = " ".join(_BY.findall(target["expr"]))
                assert label in by.replace(",", " ").split() or label == "instance", (panel["title"], label)


def test_a_colour_is_given_only_to_values_there_are() -> None:
    every = {value for one in FAMILIES for values in one.values.values() for value in values}
    for panel in dashboard()["panels"]:
        for override in panel.get("fieldConfig", {}).get("overrides", ()):
            assert override["matcher"]["options"] in every, panel["title"]


def test_whatever_is_new_is_shown_or_left_out_on_purpose() -> None:
    shown = {name for _, question in questions() for name, _ in _NAME.findall(question)}
    missing = {one.name for one in FAMILIES if not shown & set(one.samples)}
    assert missing == {
        "runbook_runs_opened_total",
        "runbook_run_seconds",
        "runbook_incidents_open",
        "runbook_http_requests_total",
    }


def test_panels_have_names_of_their_own_and_do_not_lie_on_each_other() -> None:
    panels = dashboard()["panels"]
    assert len({one["id"] for one in panels}) == len({one["title"] for one in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert at["x"] + at["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells


def test_the_process_says_how_much_memory_it_has() -> None:
    assert all(name in Metrics().exposition() for name in OF_THE_PROCESS)


def test_the_command_prints_it_and_words_go_elsewhere() -> None:
    result = CliRunner().invoke(main, ["dashboard"])
    assert result.exit_code == 0
    assert json.loads(result.stdout) == dashboard()
    assert "Import" in result.stderr
