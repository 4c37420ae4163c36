"""Every problem lint can report: its stable code, its title and how bad it is. Codes are documented, never reused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Code:
    """One kind of problem; an error keeps the catalog from being used, a warning does not."""

    title: str
    severity: Severity = "error"


CODES: Mapping[str, Code] = MappingProxyType(
    {
        "RB001": Code("the file cannot be read"),
        "RB002": Code("not valid YAML or JSON"),
        "RB003": Code("a key stands twice in one mapping"),
        "RB004": Code("too deep, too large, or a construct that is not data"),
        "RB005": Code("there is no catalog.yaml"),
        "RB010": Code("unknown field"),
        "RB011": Code("a field is missing"),
        "RB012": Code("a value does not fit its field"),
        "RB013": Code("fields contradict each other"),
        "RB020": Code("an id or name is used twice"),
        "RB021": Code("unknown action"),
        "RB022": Code("unknown step type"),
        "RB023": Code("unknown environment"),
        "RB024": Code("unknown host"),
        "RB025": Code("unknown cluster or namespace"),
        "RB026": Code("a URL host that is not listed"),
        "RB027": Code("unknown service"),
        "RB028": Code("unknown approver"),
        "RB029": Code("unknown metric"),
        "RB030": Code("one target in two environments"),
        "RB031": Code("a condition that cannot be read"),
        "RB032": Code("a pattern that cannot be read"),
        "RB033": Code("a schedule that cannot be read"),
        "RB034": Code("a placeholder that cannot stand here"),
        "RB035": Code("a placeholder that names nothing"),
        "RB036": Code("a param that nothing uses", "warning"),
        "RB037": Code("a param or argument that does not fit"),
        "RB040": Code("a step that asks and nobody may approve"),
        "RB041": Code("more approvals than approvers"),
        "RB042": Code("a change without a way back", "warning"),
        "RB043": Code("an allowed environment that no target is in", "warning"),
        "RB044": Code("local shell is not allowed"),
        "RB045": Code("a Python action that cannot be used"),
        "RB046": Code("a target outside the allowed environments", "warning"),
        "RB047": Code("unattended, but no environment allows it", "warning"),
        "RB048": Code("a check that is never made", "warning"),
        "RB049": Code("a setting for several hosts that says nothing", "warning"),
        "RB050": Code("a secret that is not declared"),
        "RB051": Code("a secret where none can be sent"),
        "RB052": Code("a secret sent to a host it is not for"),
        "RB053": Code("this looks like a secret in plain text", "warning"),
        "RB060": Code("a promotion of something that is no longer there", "warning"),
        "RB061": Code("a promotion whose digest no longer fits", "warning"),
        "RB062": Code("a check without a clean before and after", "warning"),
        "RB063": Code("a runbook that can never match", "warning"),
        "RB064": Code("two runbooks that always match together", "warning"),
        "RB065": Code("a node of a cluster that belongs to several environments", "warning"),
        "RB066": Code("an escalation that asks nobody new", "warning"),
        "RB067": Code("on call for a service without a PagerDuty id", "warning"),
    }
)


def page(code: str) -> str:
    """The page of a code in Markdown: why it matters, an example that gives it, the example corrected."""
    return (Path(__file__).parent / "explained" / f"{code}.md").read_text(encoding="utf-8")


def is_warning(code: str) -> bool:
    """Whether a problem of this code leaves the catalog usable."""
    return CODES[code].severity == "warning"
