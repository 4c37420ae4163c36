"""`runbookctl lint --format …`: what GitHub, code scanning and programs are given."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from jsonschema import Draft7Validator

from bot.cli.main import main

GROUND = "environments: {prod: {approvers: [U0DANA01]}}\nhosts: {web-1: prod}\n"
BROKEN = """\
name: broken
params: {unit: {default: a}}
steps:
  - {type: shell, command: 'echo "{{ params.unit }}"', host: web-1, read_only: true}
  - {action: gone}
  - {type: shell, command: reboot 100%, host: web-1}
"""

TEXT = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string", "minLength": 1}}}
LEVEL = {"enum": ["none", "note", "warning", "error"]}
RULE = {
    "type": "object",
    "additionalProperties": False,
    "required": ["id"],
    "properties": {
        "id": {"type": "string"},
        "shortDescription": TEXT,
        "help": {**TEXT, "properties": {**TEXT["properties"], "markdown": {"type": "string"}}},
        "defaultConfiguration": {"type": "object", "properties": {"level": LEVEL}},
    },
}
LOCATION = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "physicalLocation": {
            "type": "object",
            "additionalProperties": False,
            "required": ["artifactLocation"],
            "properties": {
                "artifactLocation": {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {"uri": {"type": "string", "format": "uri-reference"}},
                },
                "region": {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {
                        "startLine": {"type": "integer", "minimum": 1},
                        "startColumn": {"type": "integer", "minimum": 1},
                    },
                },
            },
        }
    },
}
RESULT = {
    "type": "object",
    "additionalProperties": False,
    "required": ["message"],
    "properties": {
        "ruleId": {"type": "string"},
        "ruleIndex": {"type": "integer", "minimum": -1},
        "level": LEVEL,
        "message": TEXT,
        "locations": {"type": "array", "items": LOCATION},
    },
}
SARIF = {
    "type": "object",
    "additionalProperties": False,
    "required": ["version", "runs"],
    "properties": {
        "$schema": {"type": "string", "format": "uri"},
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["tool"],
                "properties": {
                    "tool": {
                        "type": "object",
                        "additionalProperties": False,
                        "required": ["driver"],
                        "properties": {
                            "driver": {
                                "type": "object",
                                "additionalProperties": False,
                                "required": ["name"],
                                "properties": {
                                    "name": {"type": "string"},
                                    "version": {"type": "string"},
                                    "rules": {"type": "array", "uniqueItems": True, "items": RULE},
                                },
                            }
                        },
                    },
                    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                    "results": {"type": "array", "items": RESULT},
                },
            },
        },
    },
}
"""The part of the SARIF 2.1.0 schema that we write, closed as that schema is, so that a wrong name shows."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "run books"
    root.mkdir()
    (root / "catalog.yaml").write_text(GROUND, encoding="utf-8")
    (root / "broken,a:b.yaml").write_text(BROKEN, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return root


def lint(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["lint", "run books", *arguments])
    return result.exit_code, result.stdout


def test_github_gets_one_command_a_problem_and_no_text_can_become_another(folder: Path) -> None:
    code, out = lint("--format", "github")
    assert code == 1
    assert out.splitlines() == [
        "::error file=run books/broken%2Ca%3Ab.yaml,line=4,col=38,title=RB034 a placeholder that cannot stand here"
        '::{{ params.unit }} stands inside "…" quotes; move it out, as a word of its own',
        "::error file=run books/broken%2Ca%3Ab.yaml,line=5,col=14,title=RB021 unknown action"
        "::there is no action 'gone'%0Ahint: known actions: none",
        "::warning file=run books/broken%2Ca%3Ab.yaml,line=6,col=28,title=RB042 a change without a way back"
        "::'shell-2' changes something and says nothing about the way back%0Ahint: add rollback: (a command, a step, or"
        ' {manual: "…"}), or irreversible: true; read_only: true when it only looks',
    ]


def test_a_percent_sign_is_escaped_before_what_it_escapes(folder: Path) -> None:
    (folder / "catalog.yaml").write_text("environments: {}\n100%0A::error: x\n", encoding="utf-8")
    _, out = lint("--format", "github")
    assert "%0A::" not in out.replace("%250A::", "")
    assert all(line.startswith(("::error ", "::warning ")) for line in out.splitlines())


def test_sarif_has_the_structure_that_its_schema_asks_for(folder: Path) -> None:
    code, out = lint("--format", "sarif")
    log = json.loads(out)
    assert code == 1
    assert list(Draft7Validator(SARIF).iter_errors(log)) == []
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rules[result["ruleIndex"]]["id"] for result in run["results"]] == [
        result["ruleId"] for result in run["results"]
    ]
    assert [(result["ruleId"], result["level"]) for result in run["results"]] == [
        ("RB034", "error"),
        ("RB021", "error"),
        ("RB042", "warning"),
    ]
    assert place(run["results"][1]) == ("run%20books/broken%2Ca%3Ab.yaml", 5, 14)
    assert all("## Corrected" in rule["help"]["markdown"] for rule in rules)


def place(result: dict[str, Any]) -> tuple[str, int, int]:
    where = result["locations"][0]["physicalLocation"]
    return where["artifactLocation"]["uri"], where["region"]["startLine"], where["region"]["startColumn"]


def test_a_brace_in_a_sarif_message_is_no_place_for_an_argument(folder: Path) -> None:
    _, out = lint("--format", "sarif")
    for result in json.loads(out)["runs"][0]["results"]:
        assert not re.search(r"(?<!\{)\{(?:\{\{)*(?!\{)", result["message"]["text"])


def test_a_sound_catalog_is_an_empty_log(folder: Path) -> None:
    (folder / "broken,a:b.yaml").unlink()
    code, out = lint("--format", "sarif")
    assert (code, json.loads(out)["runs"][0]["results"]) == (0, [])
    assert lint("--format", "github") == (0, "")


@pytest.mark.parametrize("option", [("--json",), ("--format", "json")])
def test_json_tells_each_problem_with_its_severity(folder: Path, option: tuple[str, ...]) -> None:
    code, out = lint(*option)
    told = json.loads(out)
    assert (code, told["path"], told["files"]) == (1, "run books", 2)
    assert [(one["code"], one["severity"], one["line"]) for one in told["problems"]] == [
        ("RB034", "error", 4),
        ("RB021", "error", 5),
        ("RB042", "warning", 6),
    ]


def test_a_folder_elsewhere_is_named_whole(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "away").mkdir()
    monkeypatch.chdir(tmp_path / "away")
    result = CliRunner().invoke(main, ["lint", str(folder), "--format", "sarif"])
    assert place(json.loads(result.stdout)["runs"][0]["results"][1])[0].startswith("file:///")


def test_explain_shows_the_page_of_a_code() -> None:
    result = CliRunner().invoke(main, ["lint", "--explain", "rb042"])
    assert result.exit_code == 0
    assert result.stdout.startswith("# RB042: a change without a way back\n")
    assert "## Wrong" in result.stdout


def test_explain_lists_every_code_and_refuses_an_unknown_one() -> None:
    listed = CliRunner().invoke(main, ["lint", "--explain", "all"])
    assert "RB042  warning   a change without a way back\n" in listed.stdout
    unknown = CliRunner().invoke(main, ["lint", "--explain", "RB999"])
    assert (unknown.exit_code, unknown.stdout) == (2, "")
    assert "there is no code 'RB999'" in unknown.stderr
