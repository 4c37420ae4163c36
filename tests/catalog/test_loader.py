"""The whole folder: what the shipped catalog says, what both dialects come to, and what a digest covers."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.actions.registry import input_models
from bot.catalog.loader import check, load
from bot.catalog.schema import Catalog, Runbook, Step
from bot.errors import CatalogError

SHIPPED = Path(__file__).parents[2] / "runbooks"
MODELS = input_models()
GROUND: dict[str, Any] = {
    "environments": {"staging": {"approvers": ["U0DANA01"]}, "prod": {"approvers": ["U0DANA01"]}},
    "hosts": {"web-1": "prod", "cache-1": "staging"},
    "urls": {"api.acme.example": "prod"},
    "clusters": {"main": {"namespaces": {"payments": "prod"}}},
    "services": {"payments": {"host": "web-1", "pagerduty_id": "PABC123", "aliases": "payment-api"}},
    "metrics": {"cpu": "up"},
}


def write(root: Path, files: dict[str, Any]) -> Path:
    for name, content in {"catalog.yaml": GROUND, **files}.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        text = content
        if not isinstance(content, str):
            text = json.dumps(content) if name.endswith(".json") else yaml.safe_dump(content, sort_keys=False)
        file.write_text(text, encoding="utf-8")
    return root


def loaded(root: Path, files: dict[str, Any]) -> Catalog:
    found = check(write(root, files), MODELS)
    assert found.problems == ()
    assert found.catalog is not None
    return found.catalog


def runbook(root: Path, steps: list[Any], **fields: Any) -> Runbook:
    extra = {key: value for key, value in fields.items() if "/" in key}
    own = {key: value for key, value in fields.items() if "/" not in key}
    return loaded(root, {"r.yaml": {"name": "r", "steps": steps, **own}, **extra}).runbooks["r"]


DAMAGE = (
    *(
        "",
        "x",
        "null",
        "  - 5",
        "steps: 5",
        "id: []",
        "name: {a: 1}",
        "safety: {scopes: 3}",
        "    rollback: 5",
    ),
    *('  "{{ a }}": {{ b }}', "command: [a]", "url: 5", "host: [web-1]", "  hosts: {a: b}", "params: [a]"),
)
ODD_VALUES: tuple[Any, ...] = (
    *(
        None,
        5,
        1.5,
        True,
        "",
        [],
        {},
        [1],
        {"a": 1},
        "{{ params.x }}",
        "{{",
        [["a"]],
        {"a": {"b": []}},
        "a\nb",
        -1,
    ),
    *("$TOKEN", "http://[::1", "https://a:99999/", "local", {"manual": 5}, {"action": []}, {"type": []}),
)
SHELL = {"type": "shell", "command": "reboot", "host": "web-1"}
CLEAR: dict[str, Any] = {
    "id": "clear",
    "command": "redis-cli -n {{ params.db }} FLUSHDB",
    "host": "{{ params.host }}",
    "params": {"db": {"type": "int", "minimum": 0, "maximum": 15, "default": 0}, "host": {}},
    "expect": "OK",
    "irreversible": True,
    "timeout_seconds": 20,
    "safety": {"scopes": ["staging"], "approvers": ["U0LUIS01"]},
}


class TestShipped:
    def test_the_shipped_catalog_has_no_problem_and_no_warning(self) -> None:
        found = check(SHIPPED, MODELS)
        assert found.problems == ()
        assert found.warnings == ()

    def test_it_holds_what_a_newcomer_looks_for(self) -> None:
        catalog = load(SHIPPED, MODELS)
        assert len(catalog.actions) >= 5
        assert len(catalog.runbooks) >= 5
        cache = catalog.actions["clear-redis-cache"]
        assert cache.input["command"] == "redis-cli FLUSHDB"
        assert cache.expect[0].pattern == "^OK$"
        assert cache.action_rules.scopes == ("staging",)
        scale = catalog.runbooks["scale-payment-api"]
        assert [step.type for step in scale.steps] == ["slack", "kubernetes", "slack"]
        assert scale.steps[1].rollback is not None
        assert scale.steps[1].rollback.step is not None
        assert scale.steps[1].rollback.step.input["replicas"] == 3
        assert all(not step.rules.requires_approval for step in catalog.runbooks["check-web-frontend"].steps)

    def test_a_catalog_survives_json_unchanged(self) -> None:
        catalog = load(SHIPPED, MODELS)
        assert Catalog.model_validate_json(catalog.model_dump_json()) == catalog
        for known in catalog.runbooks.values():
            assert Runbook.model_validate(json.loads(known.model_dump_json())) == known


class TestDefaults:
    def test_a_human_is_required_and_every_switch_is_careful(self, tmp_path: Path) -> None:
        found = runbook(tmp_path, [{**SHELL, "rollback": {"manual": "x"}}])
        step = found.steps[0]
        assert (step.rules.requires_approval, step.timeout_s, step.approval_timeout_s) == (None, 60, 600)
        assert (found.rollback_on_failure, found.dry_run, found.trigger.auto_start) == (False, False, False)
        assert load(tmp_path, MODELS).limits.max_concurrent_runbooks == 3

    def test_both_spellings_of_the_switch_are_one(self, tmp_path: Path) -> None:
        forms = (
            {"require_approval": False},
            {"requires_approval": False},
            {"safety": {"requires_approval": False}},
        )
        slack = {"type": "slack", "message": "hi"}
        found = runbook(tmp_path, [{**slack, **form} for form in forms])
        assert [step.rules.requires_approval for step in found.steps] == [False, False, False]

    def test_steps_get_an_address_of_their_own(self, tmp_path: Path) -> None:
        slack = {"type": "slack", "message": "hi"}
        found = runbook(
            tmp_path, [slack, slack, {**slack, "name": "Tell everybody!"}, {**slack, "id": "last"}]
        )
        assert [step.name for step in found.steps] == ["slack", "slack-2", "Tell-everybody", "last"]

    def test_a_service_is_known_by_its_name_its_aliases_and_its_pagerduty_id(self, tmp_path: Path) -> None:
        catalog = loaded(
            tmp_path,
            {
                "r.yaml": {
                    "name": "r",
                    "trigger": {"service_id": "PABC123"},
                    "steps": [{"type": "slack", "message": "hi"}],
                }
            },
        )
        for name in ("payments", "payment-api", "PABC123"):
            service = catalog.service_named(name)
            assert service is not None
            assert service.name == "payments"

    def test_a_switch_of_the_runbook_holds_for_its_inline_steps(self, tmp_path: Path) -> None:
        steps = [
            {"type": "slack", "message": "a"},
            {"type": "slack", "message": "b", "require_approval": True},
        ]
        found = runbook(tmp_path, steps, safety={"requires_approval": False})
        assert [step.rules.requires_approval for step in found.steps] == [False, True]


class TestReferences:
    def test_a_step_takes_over_its_action_and_the_shorter_of_two_timeouts(self, tmp_path: Path) -> None:
        step = runbook(
            tmp_path,
            [
                {
                    "action": "clear",
                    "with": {"host": "cache-1"},
                    "timeout_seconds": 90,
                    "approval_timeout_minutes": 2,
                    "expect": ["done"],
                }
            ],
            **{"actions/clear.yaml": CLEAR},
        ).steps[0]
        assert (step.action, step.arguments, step.timeout_s) == ("clear", {"host": "cache-1"}, 20)
        assert step.approval_timeout_s == 120
        assert [expect.pattern for expect in step.expect] == ["OK", "done"]
        assert step.action_rules.scopes == ("staging",)

    def test_the_digest_of_a_step_is_its_action_s(self, tmp_path: Path) -> None:
        files = {"actions/clear.yaml": CLEAR}
        found = runbook(tmp_path, [{"action": "clear", "with": {"host": "cache-1", "db": 3}}], **files)
        assert found.steps[0].digest == load(tmp_path, MODELS).actions["clear"].digest

    def test_an_undo_that_names_another_action_gets_what_the_step_gives(self, tmp_path: Path) -> None:
        start = {
            "id": "start",
            "command": "start {{ params.unit }}",
            "host": "web-1",
            "params": {"unit": {}, "grace": 5},
            "rollback": {
                "action": "stop",
                "with": {"what": "{{ params.unit }}", "note": "after {{ params.grace }} s"},
            },
        }
        stop = {
            "id": "stop",
            "command": "stop {{ params.what }} {{ params.note }}",
            "host": "web-1",
            "params": {"what": {}, "note": {}},
            "rollback": {"action": "start", "with": {"unit": "{{ params.what }}"}},
        }
        step = runbook(
            tmp_path,
            [{"action": "start", "with": {"unit": "{{ params.which }}"}}],
            params={"which": "web"},
            **{"actions/start.yaml": start, "actions/stop.yaml": stop},
        ).steps[0]
        assert step.rollback is not None
        undo = step.rollback.step
        assert undo is not None
        assert (undo.action, undo.arguments) == ("stop", {"what": "{{ params.which }}", "note": "after 5 s"})
        assert undo.rollback is None

    def test_an_action_s_own_undo_uses_the_same_arguments(self, tmp_path: Path) -> None:
        start = {
            "id": "start",
            "command": "start {{ params.unit }}",
            "host": "web-1",
            "params": {"unit": {}},
            "rollback": "stop {{ params.unit }}",
        }
        files = {"actions/start.yaml": start}
        step = runbook(tmp_path, [{"action": "start", "with": {"unit": "web"}}], **files).steps[0]
        assert step.rollback is not None
        undo = step.rollback.step
        assert undo is not None
        assert (undo.action, undo.arguments, undo.input) == (
            "start",
            {"unit": "web"},
            {"command": "stop {{ params.unit }}", "host": "web-1"},
        )


class TestRollbacks:
    def undo(self, tmp_path: Path, written: Any, **step: Any) -> Step:
        found = runbook(tmp_path, [{**(step or SHELL), "rollback": written}]).steps[0].rollback
        assert found is not None
        assert found.step is not None
        return found.step

    def test_a_bare_command_runs_where_its_step_ran(self, tmp_path: Path) -> None:
        undo = self.undo(tmp_path, "start")
        assert (undo.type, undo.input) == ("shell", {"command": "start", "host": "web-1"})

    def test_an_inline_step_may_go_elsewhere(self, tmp_path: Path) -> None:
        undo = self.undo(
            tmp_path, {"type": "shell", "command": "start", "host": "cache-1", "timeout_seconds": 5}
        )
        assert (undo.input["host"], undo.timeout_s) == ("cache-1", 5)

    def test_a_verb_alone_is_done_to_the_same_workload(self, tmp_path: Path) -> None:
        scale = {
            "type": "kubernetes",
            "action": "scale",
            "namespace": "payments",
            "deployment": "api",
            "replicas": 5,
        }
        undo = self.undo(tmp_path, {"action": "scale", "replicas": 3}, **scale)
        assert undo.input == {"action": "scale", "namespace": "payments", "deployment": "api", "replicas": 3}

    def test_words_for_a_human_are_kept(self, tmp_path: Path) -> None:
        found = runbook(tmp_path, [{**SHELL, "rollback": {"manual": "page somebody"}}]).steps[0].rollback
        assert found is not None
        assert found.manual == "page somebody"


class TestDigests:
    def digests(self, root: Path, action: Any, name: str = "actions/clear.yaml") -> tuple[str, str]:
        shutil.rmtree(root, ignore_errors=True)
        steps = [{"action": "clear", "with": {"host": "cache-1"}}]
        catalog = loaded(root, {name: action, "r.yaml": {"name": "r", "steps": steps}})
        return catalog.actions["clear"].digest, catalog.runbooks["r"].digest

    def test_formatting_words_order_and_syntax_do_not_count(self, tmp_path: Path) -> None:
        root = tmp_path / "c"
        first = self.digests(root, CLEAR)
        described = {"description": "clears", **dict(reversed(CLEAR.items()))}
        assert self.digests(root, described) == first
        assert self.digests(root, CLEAR, "actions/clear.json") == first
        scoped = {**CLEAR, "safety": {**CLEAR["safety"], "scopes": ["staging", "prod"]}}
        assert self.digests(root, scoped) == first

    @pytest.mark.parametrize(
        "change",
        [
            {"command": "redis-cli -n {{ params.db }} FLUSHALL"},
            {"expect": "ok"},
            {"timeout_seconds": 21},
            {"idempotent": True},
            {"safety": {"scopes": ["staging"], "approvers": ["U0LUIS01"], "requires_approval": False}},
            {"params": {**CLEAR["params"], "db": {"type": "int", "default": 1}}},
            {"irreversible": False, "rollback": {"manual": "x"}},
        ],
    )
    def test_what_happens_or_who_agrees_does(self, tmp_path: Path, change: dict[str, Any]) -> None:
        first = self.digests(tmp_path / "a", CLEAR)
        changed = self.digests(tmp_path / "b", {**CLEAR, **change})
        assert first[0] != changed[0]
        assert first[1] != changed[1]

    def test_a_python_action_s_covers_its_source_and_what_it_imports(self, tmp_path: Path) -> None:
        ground = {**GROUND, "python_actions": True}
        action = {"id": "warm", "type": "python", "function": "cache.warm", "irreversible": True}

        def digest(source: str, other: str) -> str:
            files = {"catalog.yaml": ground, "actions/warm.yaml": action}
            sources = {"actions/cache.py": source, "actions/tools.py": other, "actions/alien.py": other}
            return loaded(tmp_path, {**files, **sources}).actions["warm"].digest

        first = digest("import tools\ndef warm(): ...\n", "a = 1\n")
        assert digest("import tools\ndef warm(): ...\n", "a = 1\n") == first
        assert digest("import tools\ndef warm(): 1\n", "a = 1\n") != first
        assert digest("import tools\ndef warm(): ...\n", "a = 2\n") != first
        alone = digest("def warm(): ...\n", "a = 1\n")
        assert digest("def warm(): ...\n", "a = 2\n") == alone

    def test_a_promotion_is_bound_to_a_digest(self, tmp_path: Path) -> None:
        digest = loaded(tmp_path, {"actions/clear.yaml": CLEAR}).actions["clear"].digest
        line = {"action": "clear", "digest": digest, "environment": "prod", "evidence": {"runs": 12}}
        promotions = {"promotions.yaml": {"promotions": [line]}}
        assert loaded(tmp_path, promotions).promotions == {digest: ("prod",)}


class TestFailing:
    def test_every_problem_is_carried_by_one_error(self, tmp_path: Path) -> None:
        write(tmp_path, {"a.yaml": "x: [", "b.yaml": {"name": "b", "steps": [{"action": "gone"}]}})
        with pytest.raises(CatalogError) as failure:
            load(tmp_path, MODELS)
        assert [problem.code for problem in failure.value.problems] == ["RB002", "RB021"]

    def test_a_broken_action_is_not_also_unknown(self, tmp_path: Path) -> None:
        write(
            tmp_path,
            {
                "actions/a.yaml": {"id": "a", "command": 5},
                "b.yaml": {"name": "b", "steps": [{"action": "a"}]},
            },
        )
        assert [problem.path for problem in check(tmp_path, MODELS).problems] == [
            str(tmp_path / "actions" / "a.yaml")
        ]

    def test_a_broken_catalog_yaml_does_not_make_everything_unknown(self, tmp_path: Path) -> None:
        write(
            tmp_path,
            {"catalog.yaml": "hosts: 5\nenvironments: {}\n", "r.yaml": {"name": "r", "steps": [SHELL]}},
        )
        assert [problem.code for problem in check(tmp_path, MODELS).problems] == ["RB012"]

    def test_a_template_where_a_number_belongs_waits_for_its_value(self, tmp_path: Path) -> None:
        scale = {"type": "kubernetes", "action": "scale", "namespace": "payments", "deployment": "api"}
        found = runbook(tmp_path, [{**scale, "replicas": "{{ params.n }}"}], params={"n": 3})
        assert found.steps[0].input["replicas"] == "{{ params.n }}"

    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(data=st.data())
    def test_no_damage_to_a_file_breaks_the_check(self, tmp_path: Path, data: st.DataObject) -> None:
        shutil.rmtree(tmp_path / "c", ignore_errors=True)
        root = Path(shutil.copytree(SHIPPED, tmp_path / "c"))
        files = sorted(file for file in root.rglob("*") if file.is_file())
        file = data.draw(st.sampled_from(files))
        lines = file.read_text(encoding="utf-8").split("\n")
        index = data.draw(st.integers(0, len(lines) - 1))
        line = data.draw(
            st.sampled_from(
                [
                    "",
                    "x",
                    "  - 5",
                    "steps: 5",
                    "id: []",
                    '  "{{ a }}": {{ b }}',
                    "safety: {scopes: 3}",
                    "null",
                ]
            )
        )
        file.write_text("\n".join([*lines[:index], line, *lines[index + 1 :]]), encoding="utf-8")
        found = check(root, MODELS)
        assert found.problems or found.catalog is not None

    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(data=st.data())
    def test_no_odd_value_anywhere_breaks_the_check(self, tmp_path: Path, data: st.DataObject) -> None:
        shutil.rmtree(tmp_path / "c", ignore_errors=True)
        root = Path(shutil.copytree(SHIPPED, tmp_path / "c"))
        file = data.draw(st.sampled_from(sorted(file for file in root.rglob("*.yaml"))))
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        spots = list(places_in(content))
        holder, key = data.draw(st.sampled_from(spots))
        holder[key] = data.draw(st.sampled_from(ODD_VALUES))
        file.write_text(yaml.safe_dump(content), encoding="utf-8")
        found = check(root, MODELS)
        assert found.problems or found.catalog is not None


def places_in(data: Any) -> Iterator[tuple[Any, Any]]:
    """Every place of a tree that can hold another value."""
    keys = list(data) if isinstance(data, dict) else list(range(len(data))) if isinstance(data, list) else []
    for key in keys:
        yield data, key
        yield from places_in(data[key])


class TestCommit:
    def git(self, folder: Path, *words: str) -> str:
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "init.defaultBranch=main"]
        done = subprocess.run(
            ["git", *identity, *words], cwd=folder, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        if shutil.which("git") is None:
            pytest.skip("git is not here")
        root = write(tmp_path / "repo" / "runbooks", {})
        self.git(root.parent, "init", "-q")
        self.git(root.parent, "add", ".")
        self.git(root.parent, "commit", "-q", "-m", "first")
        return root

    def test_it_is_read_loose_packed_detached_and_in_a_worktree(self, folder: Path) -> None:
        commit = self.git(folder, "rev-parse", "HEAD")
        assert load(folder, MODELS).commit == commit
        self.git(folder, "pack-refs", "--all")
        assert load(folder, MODELS).commit == commit
        self.git(folder, "worktree", "add", "-q", "../../tree", "-b", "other")
        assert load(folder.parents[1] / "tree" / "runbooks", MODELS).commit == commit
        self.git(folder, "checkout", "-q", "--detach")
        assert load(folder, MODELS).commit == commit

    def test_a_changed_file_shows_and_only_when_loading(self, folder: Path) -> None:
        commit = self.git(folder, "rev-parse", "HEAD")
        write(folder, {"new.yaml": {"name": "n", "steps": [{"type": "slack", "message": "hi"}]}})
        assert load(folder, MODELS).commit == f"{commit}+dirty"
        found = check(folder, MODELS).catalog
        assert found is not None
        assert found.commit == commit

    def test_outside_git_there_is_none(self, tmp_path: Path) -> None:
        assert loaded(tmp_path, {}).commit == ""


def test_who_must_agree_may_stand_at_a_step_or_under_its_safety(tmp_path: Path) -> None:
    people = {"approvers": ["U0BOSS01", "U0BOSS02"], "min_approvals": 2}
    under = runbook(
        tmp_path / "under", [{"command": "x", "safety": people, "name": "a"}], safety={"scopes": ["prod"]}
    )
    beside = runbook(
        tmp_path / "beside", [{"command": "x", **people, "name": "a"}], safety={"scopes": ["prod"]}
    )
    for one in (under, beside):
        assert one.steps[0].rules.approvers == ("U0BOSS01", "U0BOSS02")
        assert one.steps[0].rules.min_approvals == 2


def test_approvers_of_an_action_hold_in_every_runbook_that_uses_it(tmp_path: Path) -> None:
    action = {
        "id": "x",
        "command": "x",
        "host": "web-1",
        "safety": {"approvers": ["U0BOSS01"], "scopes": ["prod"]},
    }
    found = runbook(tmp_path, [{"action": "x"}], **{"actions/x.yaml": action})
    assert found.steps[0].action_rules.approvers == ("U0BOSS01",)
