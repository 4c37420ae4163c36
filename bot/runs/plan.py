"""A step made concrete, and what came of it: the values that pass between actions, the engine and the journal.

These are stored inside events, so a field is only ever added, with a default. All of them are plain data:
whatever is in `input`, `shown`, `guarded` and `fill` survives a round trip through JSON unchanged.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

JsonObject = dict[str, Any]
Verdict = Literal["succeeded", "failed", "unknown"]
Effect = Literal["none", "applied", "partial", "unknown"]
UndoKind = Literal["step", "manual", "none"]


@dataclass(frozen=True, kw_only=True)
class Target:
    """One thing a step touches; `key` is what locks and digests name it by."""

    kind: str
    """host, url, cluster, channel or local."""
    name: str
    """`web-1`, `api.acme.example:443`, `prod-eu/payments`, `C0INC`."""
    environment: str = ""
    """Empty only where a target has none (a Slack channel)."""

    @property
    def key(self) -> str:
        """`host:web-1`."""
        return f"{self.kind}:{self.name}"


@dataclass(frozen=True, kw_only=True)
class Hole:
    """A value an undo needs that exists only after the step ran; filled from `Outcome.undo_fill[name]`."""

    name: str

    def as_json(self) -> JsonObject:
        """How a hole stands inside `Undo.input`."""
        return {"$hole": self.name}


@dataclass(frozen=True, kw_only=True)
class Undo:
    """The inverse of a step, frozen when the step was planned; approving a step approves this too."""

    kind: UndoKind = "none"
    text: str = ""
    """One sentence for people: what undoing would do, or what a human must do, or why there is none."""
    type: str = ""
    """Action type of the inverse (kind `step` only)."""
    input: JsonObject = field(default_factory=dict)
    """Its rendered input; holes stand as `{"$hole": name}`."""
    targets: tuple[Target, ...] = ()
    will_run: tuple[str, ...] = ()
    guarded: JsonObject = field(default_factory=dict)
    """The guarded state in which this undo still applies; empty where nothing can be observed."""
    expect: tuple[JsonObject, ...] = ()
    timeout_s: float = 60.0
    per_target: str = ""
    """The field of `input` that lists its targets by name, where it undoes only those that the step touched."""

    def only_on(self, touched: Collection[str]) -> Undo:
        """The same undo for the touched ones of its targets (their keys), where it can be done for some of them."""
        kept = tuple(target for target in self.targets if target.key in touched)
        if not self.per_target or not kept or kept == self.targets:
            return self
        runs = zip(self.targets, self.will_run, strict=True)
        return replace(
            self,
            input={**self.input, self.per_target: [target.name for target in kept]},
            targets=kept,
            will_run=tuple(line for target, line in runs if target in kept),
        )

    def filled(self, fill: Mapping[str, Any]) -> Undo:
        """The same undo with every hole replaced; raises KeyError naming a hole nothing fills."""
        return replace(self, input=_fill(self.input, fill), guarded=_fill(self.guarded, fill))


def _fill(value: Any, fill: Mapping[str, Any]) -> Any:
    if isinstance(value, dict):
        if set(value) == {"$hole"}:
            return fill[value["$hole"]]
        return {key: _fill(item, fill) for key, item in value.items()}
    if isinstance(value, list):
        return [_fill(item, fill) for item in value]
    return value


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What would happen, read without writing: shown to people, bound by `digest`, then executed as it is."""

    type: str
    input: JsonObject
    """Rendered input, typed; secrets stand as `$NAME`."""
    targets: tuple[Target, ...]
    text: str
    """One sentence: what this does, to what."""
    will_run: tuple[str, ...] = ()
    """The exact commands, requests or messages, one entry each, as a person would read them."""
    shown: JsonObject = field(default_factory=dict)
    """State now and after as label → text; what always moves (ready count) is only here."""
    guarded: JsonObject = field(default_factory=dict)
    """State this step depends on; read again before executing, drift makes a new proposal."""
    observable: bool = True
    """False: the state cannot be read, and the card says "state not observable"."""
    changes: bool = True
    """False for a step that only reads or only speaks."""
    undo: Undo = Undo()
    risk: str = "medium"
    timeout_s: float = 60.0
    decide_within_s: float | None = None
    """How long people have to decide by the action's own word; of this and the step's time the shorter holds."""
    more: JsonObject = field(default_factory=dict)
    """What this leaves for a further proposal of the same step; handed back to the action when that one is planned."""
    part: str = ""
    """Which part of its step this is, where it is not the whole: `part 1 of 2: the first 2 of 50 hosts`."""
    per_target: str = ""
    """The field of `input` that lists its targets by name, one entry of `will_run` each, where there is such a one."""

    @property
    def digest(self) -> str:
        """Sha256 (hex) over what an approval is bound to: input, targets with environments, undo, guarded."""
        return digest_of(
            {
                "type": self.type,
                "input": self.input,
                "targets": [[target.key, target.environment] for target in self.targets],
                "will_run": list(self.will_run),
                "undo": [self.undo.kind, self.undo.type, self.undo.input, self.undo.text],
                "guarded": self.guarded,
                "timeout_s": self.timeout_s,
            }
        )


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """A file that belongs to the record: name as people see it, bytes already redacted."""

    name: str
    media_type: str
    body: bytes
    alt: str = ""
    """What a picture shows, in words."""
    is_shown: bool = True
    """False: kept with the record, and not put into the thread."""

    @property
    def digest(self) -> str:
        """Sha256 (hex) of the bytes; what the journal stores it under."""
        return hashlib.sha256(self.body).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of it. `unknown` is an honest verdict: sent, answer lost."""

    verdict: Verdict
    effect: Effect
    summary: str
    """One sentence for people: `exit status 0 after 1.2 s`, `3 of 5 ready when the time was up`."""
    output: str = ""
    """What it printed or answered, as text, capped by the action (1 MiB); not yet redacted."""
    undo_fill: JsonObject = field(default_factory=dict)
    artifacts: tuple[Artifact, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What a probe sees now; put to the humans who must settle an unknown outcome."""

    text: str
    state: JsonObject = field(default_factory=dict)
    observable: bool = True


def canonical(value: object) -> bytes:
    """JSON with sorted keys and no spaces: the one form that digests and hash chains are made over."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode(
        # a lone surrogate is no text and is refused where it would be stored; a digest of it must still exist
        "utf-8",
        "surrogatepass",
    )


def digest_of(value: object) -> str:
    """Sha256 (hex) of the canonical JSON."""
    return hashlib.sha256(canonical(value)).hexdigest()
