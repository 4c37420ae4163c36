"""Text from a cluster that gives orders is evidence like any other: it is quoted at most, and changes no finding.

Every payload stands in everything that the bot reads of a workload in trouble (logs, events, annotations, image
names, messages of the kubelet and of controllers, the alert), next to a secret, in a stand-in cluster that notes what
is asked of it.
"""

from __future__ import annotations

import ast
import json
import re
import unicodedata
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

import bot.diagnosis
from bot.clients.kubernetes import ClusterReader
from bot.diagnosis.evidence import Evidence, Item
from bot.diagnosis.findings import Finding, analyze
from bot.diagnosis.report import as_json, brief, markdown, summary
from bot.diagnosis.shape import NAME, is_shaped
from bot.diagnosis.sources import alert
from bot.slack.text import value
from bot.telemetry import Redactor
from tests.diagnosis.payloads import PAYLOADS
from tests.diagnosis.snapshots import NOW, Snap, listed, snap
from tests.diagnosis.staging import READS, placed, read

SECRET = "hunter2-hunter2"
REDACTOR = Redactor([SECRET])
HARMLESS = tuple(payload.replace(SECRET, "…") for payload in PAYLOADS)
"""For evidence that went through no collector, and so through no redactor."""
UNSEEN = ("Cc", "Cf", "Co", "Cs", "Zl", "Zp")
MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable("table")
LIVE_MARKUP = re.compile(r"(?<!\\)[\[\]<>]|://|\bwww\.|\S@[\w-]+\.", re.IGNORECASE)
TROUBLES = ("oom-killed", "missing-secret", "unschedulable-resources", "traceback")


def in_trouble(kind: str) -> Snap:
    """A workload with one fault."""
    match kind:
        case "oom-killed":
            return snap().app(waiting="CrashLoopBackOff", ended=("OOMKilled", 137), restarts=7)
        case "missing-secret":
            return snap().app(waiting="CreateContainerConfigError", says='secret "api-db" not found')
        case "unschedulable-resources":
            return snap().pending("0/5 nodes are available: 5 Insufficient cpu.")
        case _:
            made = snap().app(waiting="CrashLoopBackOff", ended=("Error", 1), restarts=7)
            return made.log(
                "Traceback (most recent call last):", '  File "/app/x.py", line 1', "KeyError: 'PORT'"
            )


def everywhere(made: Snap, payload: str) -> Snap:
    """The payload in everything that may be said freely around it."""
    said = f"{payload} token={SECRET}"
    for item_id in ("deployment/api", "pod/api-1", "service/api", "node/n1"):
        item = made.items[item_id]
        metadata = {
            **item.body["metadata"],
            "annotations": {"note": said, "kubernetes.io/change-cause": said},
        }
        body = {key: value for key, value in item.body.items() if key != "metadata"}
        made.put(item.kind, item.name, metadata=metadata, **body)
    pod = made.items["pod/api-1"].body
    for one in (*pod["spec"]["containers"], *(pod["status"].get("containerStatuses") or ())):
        one["image"] = payload
    pod["spec"]["containers"][0] |= {"env": [{"name": "NOTE", "value": said}], "args": [payload]}
    pod["status"]["message"] = said
    made.event("Scheduled", said).event("Unknown", said, of="Deployment/api").event(payload[:100], said)
    made.says(**{"Available": f"False Odd: {said}"})
    made.put(
        "PodDisruptionBudget",
        "api",
        spec={"selector": {}},
        status={"conditions": listed({"Odd": f"True X: {said}"})},
    )
    log = made.items.get("log/api-1/app/previous")
    if pod["status"].get("containerStatuses", [{}])[0].get("restartCount"):
        before = log.text.split("\n") if log else []
        made.log("starting", said, *before, payload, "still here")
    return made


def check_shown(text: str) -> None:
    """Outside of quotes nothing is markup, and nothing anywhere is hidden."""
    assert SECRET not in text
    assert not [one for one in text if unicodedata.category(one) in UNSEEN and one not in "\n\t"]
    outside = "\n".join(line for line in text.splitlines() if not line.startswith("    "))
    assert LIVE_MARKUP.search(outside) is None, outside
    tokens = [one for token in MARKDOWN.parse(text) for one in (token, *(token.children or ()))]
    assert not {one.type for one in tokens} & {"link_open", "image", "html_block", "html_inline", "fence"}


def check_in_chat(evidence: Evidence, findings: tuple[Finding, ...]) -> None:
    """As a message shows it: no mention, no link, nothing hidden."""
    for words in (summary(evidence, findings), brief(findings), *(one.title for one in findings)):
        shown = value(words, 3000)
        assert SECRET not in shown
        assert not {"<", ">", "\x1b", "\u202e"} & set(shown)
        assert "://" not in shown.replace(":\u2060//", "")


def test_there_are_enough_of_them_and_no_two_are_alike() -> None:
    assert len(PAYLOADS) == len(set(PAYLOADS))
    assert len(PAYLOADS) >= 150


@pytest.mark.parametrize("number", range(len(PAYLOADS)))
async def test_an_order_is_only_read(number: int, tmp_path: Path) -> None:
    payload, kind = PAYLOADS[number], TROUBLES[number % len(TROUBLES)]
    made = everywhere(in_trouble(kind), payload)
    page = alert(payload, source="PagerDuty", at=NOW, details={"note": f"{payload} {SECRET}"})
    async with placed(made) as cluster:
        evidence = await read(made, cluster, tmp_path, redactor=REDACTOR, sources=[page])
        asked = cluster.requests.of()
    assert {one.verb for one in asked} <= READS
    assert not [one.line for one in asked if one.resource.startswith("secrets") or "exec" in one.resource]
    findings = analyze(evidence)
    assert findings[0].kind == kind
    assert "healthy" not in {one.kind for one in findings}
    report = markdown(evidence, findings)
    check_shown(report)
    check_in_chat(evidence, findings)
    assert SECRET not in json.dumps(as_json(evidence, findings), ensure_ascii=False)
    [told] = evidence.of("Alert")
    assert REDACTOR.redact(payload)[0] in told.text
    assert sum("token=" in str(item.body) for item in evidence.items) > 5


@pytest.mark.parametrize("kind", ["missing-secret", "missing-configmap"])
def test_what_is_quoted_from_an_order_is_quoted_as_that(kind: str) -> None:
    word = kind.removeprefix("missing-")
    for payload in HARMLESS:
        said = f'{word} "{payload}" not found'
        made = snap().app(waiting="CreateContainerConfigError", says=said).made()
        findings = analyze(made)
        check_shown(markdown(made, findings))
        check_in_chat(made, findings)


def test_what_has_a_name_that_no_cluster_would_give_is_no_evidence() -> None:
    pod = in_trouble("oom-killed").items["pod/api-1"].body
    assert is_shaped("Pod", pod)
    odd = [payload for payload in PAYLOADS if NAME.fullmatch(payload) is None]
    assert len(odd) >= 150
    for payload in odd:
        assert not is_shaped("Pod", {**pod, "metadata": {**pod["metadata"], "name": payload}})
        container = {**pod["spec"]["containers"][0], "name": payload}
        assert not is_shaped("Pod", {**pod, "spec": {**pod["spec"], "containers": [container]}})
        assert not is_shaped("Pod", {**pod, "spec": {**pod["spec"], "nodeName": payload}})


def test_a_log_that_claims_to_be_a_finding_is_only_a_log() -> None:
    claims = Item(
        id="log/api-1/app", kind="Log", source="GET /…", at=NOW.isoformat(), text="healthy: certain"
    )
    there = snap().app(waiting="CrashLoopBackOff", ended=("Error", 1), restarts=7).made()
    claimed = Evidence(
        subject=there.subject, taken_at=there.taken_at, items=(*there.items, claims), read=there.read
    )
    assert [one.kind for one in analyze(claimed)] == [one.kind for one in analyze(there)]


def test_nothing_that_diagnoses_holds_anything_that_writes() -> None:
    imported = set()
    for path in Path(bot.diagnosis.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                imported |= {f"{node.module}.{one.name}" for one in node.names}
            elif isinstance(node, ast.Import):
                imported |= {one.name for one in node.names}
    clusters = {one for one in imported if one.startswith("bot.clients.kubernetes")}
    assert clusters == {"bot.clients.kubernetes.ClusterReader"}
    assert not [one for one in imported if one.startswith(("subprocess", "socket", "bot.actions"))]
    verbs = {name for name in vars(ClusterReader) if not name.startswith("_")}
    assert verbs == {"cluster", "get", "collection", "is_there", "listed", "log", "follow"}
