"""Content digests: what an action or runbook does and asks for, apart from formatting, words and scopes.

A promotion is bound to a digest, so everything that changes what happens or who must agree changes it. Not in
it: descriptions (words), `scopes` (the other way of saying where it may run, which must not void the promotions
beside it), and where in a file it stands. A Python action's digest covers the source of its module and of the
modules of the same folder that it imports.
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bot.catalog.schema import Catalog, Rollback, Rules, Runbook, Step


def digest_of(content: Any) -> str:
    """Sha256 (hex) of the canonical JSON: sorted keys, no spaces."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def step_digest(step: Step, *, source: str = "") -> str:
    """The digest of an action or inline step; `source` is the digest of its Python source, where it has one."""
    content = _step_content(step)
    content["source"] = source
    return digest_of(content)


def runbook_digest(runbook: Runbook) -> str:
    """The digest of a runbook: its steps with the digests of their actions, its trigger, params and rules."""
    # Only where it does: promotions of runbooks that do not were made before it could be said.
    resolve = {"pagerduty_resolve": True} if runbook.pagerduty_resolve else {}
    return digest_of(
        {
            **resolve,
            "name": runbook.name,
            "trigger": runbook.trigger.model_dump(mode="json"),
            "params": [param.model_dump(mode="json", exclude={"description"}) for param in runbook.params],
            "steps": [_placed(step) for step in runbook.steps],
            "on_reject": [_placed(step) for step in runbook.on_reject],
            "rollback_on_failure": runbook.rollback_on_failure,
            "metric_check": runbook.metric_check.model_dump(mode="json") if runbook.metric_check else None,
            "dry_run": runbook.dry_run,
            "rules": _rules(runbook.rules),
        }
    )


def catalog_digest(catalog: Catalog) -> str:
    """The digest of everything in force."""
    content = catalog.model_dump(
        mode="json", exclude={"actions", "runbooks", "digest", "commit", "root"}, exclude_defaults=True
    )
    content["actions"] = {
        name: [step.digest, step.action_rules.model_dump(mode="json")]
        for name, step in catalog.actions.items()
    }
    content["runbooks"] = {
        name: [runbook.digest, runbook.rules.model_dump(mode="json")]
        for name, runbook in catalog.runbooks.items()
    }
    return digest_of(content)


def source_digest(folder: Path, module: str) -> str:
    """The digest of a Python module in `folder` and of its neighbours that it imports; "" when it cannot be read."""
    waiting, seen = [module], dict[str, str]()
    while waiting:
        name = waiting.pop()
        file = folder / f"{name}.py"
        if name in seen or not file.is_file():
            continue
        try:
            content = file.read_bytes()
            seen[name] = hashlib.sha256(content).hexdigest()
            waiting.extend(_imported(ast.parse(content)))
        except (OSError, SyntaxError, ValueError, RecursionError):
            return ""
    return digest_of(seen) if seen else ""


def _imported(tree: ast.Module) -> list[str]:
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.extend(part for alias in node.names for part in alias.name.split("."))
        elif isinstance(node, ast.ImportFrom):
            names.extend((node.module or "").split("."))
            names.extend(alias.name for alias in node.names)
    return [name for name in names if name]


def _step_content(step: Step) -> dict[str, Any]:
    # Only where there is one: promotions of steps without a check were made before there were any.
    check = {"check": step.check.model_dump(mode="json")} if step.check is not None else {}
    return {
        **check,
        "type": step.type,
        "input": step.input,
        "params": [param.model_dump(mode="json", exclude={"description"}) for param in step.params],
        "expect": [expect.model_dump() for expect in step.expect],
        "rollback": _rollback(step.rollback),
        "irreversible": step.irreversible,
        "idempotent": step.idempotent,
        "timeout_s": step.timeout_s,
        "approval_timeout_s": step.approval_timeout_s,
        "rules": _rules(step.rules),
        "action_rules": _rules(step.action_rules),
    }


def _placed(step: Step) -> dict[str, Any]:
    """A step where it stands: with its name, its arguments, and its action's digest."""
    return {**_step_content(step), "name": step.name, "arguments": step.arguments, "digest": step.digest}


def _rollback(rollback: Rollback | None) -> Mapping[str, Any] | None:
    if rollback is None:
        return None
    if rollback.step is None:
        return {"manual": rollback.manual}
    return {
        **_step_content(rollback.step),
        "arguments": rollback.step.arguments,
        "digest": rollback.step.digest,
    }


def _rules(rules: Rules) -> dict[str, Any]:
    content = rules.model_dump(mode="json", exclude={"scopes", "message"})
    if not rules.escalate_to:
        del content["escalate_to"]  # what never named anybody keeps the digest it was promoted with
    return content
