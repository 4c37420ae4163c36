"""The JSON Schemas for editors: valid, true to what is shipped, and wide awake to slips."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from bot.actions.registry import input_models
from bot.catalog.json_schema import DRAFT, KINDS, schema_of
from tests.house.tree import ROOT

SCHEMAS = {kind: schema_of(kind, input_models()) for kind in KINDS}
FOLDERS = (ROOT / "runbooks", ROOT / "bot" / "sandbox" / "demo" / "runbooks")
FILES = [
    file for folder in FOLDERS for file in sorted(folder.rglob("*.*")) if file.suffix in (".yaml", ".json")
]


class Plain(yaml.SafeLoader):
    """YAML as the catalog reads it: only true, false, null and numbers are not text."""


Plain.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if not tag.endswith((":timestamp", ":int", ":float"))]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
Plain.add_implicit_resolver(
    "tag:yaml.org,2002:int", __import__("re").compile(r"[-+]?[0-9]+$"), list("-+0123456789")
)
Plain.add_implicit_resolver(
    "tag:yaml.org,2002:float", __import__("re").compile(r"[-+]?[0-9]+\.[0-9]+$"), list("-+0123456789")
)


def kind_of(file: Path) -> str:
    if file.parent.name == "actions":
        return "action"
    return file.stem if file.stem in ("catalog", "promotions") else "runbook"


def problems(kind: str, data: Any) -> list[str]:
    return [error.message for error in Draft202012Validator(SCHEMAS[kind]).iter_errors(data)]


@pytest.mark.parametrize("kind", KINDS)
def test_each_is_a_sound_schema_of_the_draft_it_names(kind: str) -> None:
    assert SCHEMAS[kind]["$schema"] == DRAFT
    Draft202012Validator.check_schema(SCHEMAS[kind])


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_what_is_shipped_fits(file: Path) -> None:
    assert problems(kind_of(file), yaml.load(file.read_text(encoding="utf-8"), Loader=Plain)) == []


SAY = {"type": "slack", "message": "hi", "require_approval": False}


@pytest.mark.parametrize(
    "step",
    [
        {"command": "uptime", "host": "web-1", "expect": "load"},
        {"command": "uptime", "hosts": ["a"], "batch": "25%", "expect": [{"pattern": "x"}, "y"]},
        {"action": "clear-cache", "with": {"host": "a"}, "rollback": {"action": "fill-cache"}},
        {
            "type": "kubernetes",
            "action": "scale",
            "namespace": "p",
            "deployment": "d",
            "replicas": "{{ params.n }}",
        },
        {"type": "kubernetes", "action": "cordon", "node": "n", "rollback": {"action": "uncordon"}},
        {"type": "http", "url": "https://a", "body": {"n": "{{ params.n }}"}, "expect_status": [200, 204]},
        {"command": "x", "rollback": "y"},
        {"command": "x", "rollback": {"manual": "Page the team."}, "approvers": "U0DANA01"},
        {"command": "x", "rollback": {"type": "http", "url": "https://a", "method": "POST"}},
        {"type": "diagnose", "namespace": "p", "deployment": "d"},
    ],
)
def test_every_way_to_write_a_step_fits(step: dict[str, Any]) -> None:
    assert problems("runbook", {"name": "a", "steps": [step]}) == []


@pytest.mark.parametrize(
    "runbook",
    [
        {"name": "a"},
        {"name": "a", "steps": []},
        {"name": "a", "steps": [{}]},
        {"name": "a", "steps": [{"message": "hi"}]},
        {"name": "a", "steps": [{**SAY, "type": "slak"}]},
        {"name": "a", "steps": [{**SAY, "require_aproval": True}]},
        {"name": "a", "steps": [{**SAY, "require_approval": "maybe"}]},
        {"name": "a", "steps": [{"type": "slack"}]},
        {"name": "a", "steps": [{"type": "http", "url": "https://a", "method": "FETCH"}]},
        {"name": "a", "steps": [{"action": "x", "command": "y"}]},
        {"name": "a", "steps": [{"command": "x", "rollback": {"comand": "y"}}]},
        {"name": "a", "steps": [{"command": "x", "rollback": {"manual": ""}}]},
        {"name": "a", "steps": [SAY], "trigger": {"symptom": ["x"]}},
        {"name": "a", "steps": [SAY], "params": {"n": {"type": "number"}}},
        {"name": "a", "steps": [SAY], "safety": {"risk": "some"}},
    ],
)
def test_a_slip_is_seen_while_typing(runbook: dict[str, Any]) -> None:
    assert problems("runbook", runbook) != []


@pytest.mark.parametrize(
    ("catalog", "fits"),
    [
        ({"environments": {"prod": None}, "hosts": {"a": "prod"}, "groups": {"g": "U0DANA01"}}, True),
        ({"environments": {"prod": {}}, "secrets": {"T": None, "U": ["a"]}, "metrics": {"m": "up"}}, True),
        ({"hosts": {}}, False),
        ({"environments": {"prod": {"approver": []}}}, False),
        ({"environments": {"prod": {}}, "hosts": {"a": {"address": "b"}}}, False),
        ({"environments": {"prod": {}}, "max_concurrent_runbooks": 0}, False),
    ],
)
def test_the_short_forms_of_the_catalog_fit_and_slips_do_not(catalog: dict[str, Any], fits: bool) -> None:
    assert (problems("catalog", catalog) == []) is fits


def test_what_an_editor_shows_beside_a_field_is_there() -> None:
    shell = SCHEMAS["runbook"]["$defs"]["shell-step"]["properties"]
    assert "POSIX shell" in shell["command"]["description"]
    assert "looks and changes nothing" in shell["read_only"]["description"]
