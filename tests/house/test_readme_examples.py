"""README's examples do what README says of them: the catalog it shows, word for word, has no problem."""

from __future__ import annotations

import json
import re
from pathlib import Path

from bot.actions.registry import input_models
from bot.catalog.loader import check
from bot.engine.simulation.fixture import read_fixture

README = Path(__file__).parents[2] / "README.md"
FIXTURE = "fixture.yaml"
_NAMED = re.compile(r"^# ([\w./-]+\.yaml)$", re.MULTILINE)


def examples(language: str) -> list[str]:
    """The code blocks of one language, as they stand."""
    text = README.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def test_the_catalog_it_shows_has_no_problem(tmp_path: Path) -> None:
    for example in examples("yaml"):
        named = _NAMED.match(example)
        if named is not None and named.group(1) == FIXTURE:
            continue
        file = tmp_path / (named.group(1) if named else "catalog.yaml")
        file.parent.mkdir(exist_ok=True)
        assert not file.exists()
        file.write_text(example, encoding="utf-8")
    assert len(list(tmp_path.rglob("*.yaml"))) >= 3
    found = check(tmp_path, input_models())
    assert [f"{one.path}:{one.line}: {one.message}" for one in (*found.problems, *found.warnings)] == []


def test_the_fixture_it_shows_is_one(tmp_path: Path) -> None:
    (shown,) = (one for one in examples("yaml") if one.startswith(f"# {FIXTURE}"))
    (tmp_path / FIXTURE).write_text(shown, encoding="utf-8")
    assert read_fixture(tmp_path / FIXTURE).steps["switch"].settle == "undo"


def test_the_python_it_shows_is_python() -> None:
    shown = examples("python")
    assert shown
    for example in shown:
        compile(example, "README.md", "exec")


def test_the_json_it_sends_is_json() -> None:
    bodies = [
        body for example in examples("sh") for body in re.findall(r"-d '(\{.*?\})'", example, re.DOTALL)
    ]
    assert [sorted(json.loads(body)) for body in bodies] == [
        ["anomaly_id", "anomaly_score", "metric_name", "service_id", "value"]
    ]
