"""Each verb on a cluster: what the plan says, what is changed, what is waited for, and the way back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.errors import ActionFailed, NotPermitted
from bot.sandbox.cluster.manifests import pod_template
from bot.sandbox.cluster.server import Cluster
from tests.actions.kubernetes_ground import AGENT, API, DB, PLACE, Ground, Noting, ground
from tests.fakes.actions import Told


@pytest.fixture
async def there(tmp_path: Path) -> AsyncIterator[Ground]:
    async with ground(tmp_path) as made:
        yield made


# ---------------------------------------------------------------- scale


async def test_a_scale_says_what_starts_and_what_the_quota_has_room_for(there: Ground) -> None:
    plan = await there.plan(action="scale", replicas=5, **API)
    assert plan.text == "scale deployment payments/api from 3 to 5"
    assert plan.shown["replicas"] == "3 → 5, 2 pods will start; no quota limits them"
    there.cluster.quota("payments", "compute", hard={"pods": "12"})
    await there.cluster.settled()
    plan = await there.plan(action="scale", replicas=5, **API)
    assert plan.shown["replicas"] == "3 → 5, 2 pods will start; quota leaves room for 4"
    plan = await there.plan(action="scale", replicas=2, **API)
    assert (plan.shown["replicas"], plan.shown["ready"]) == ("3 → 2, 1 pod will stop", "3 of 3")


@pytest.mark.parametrize(
    ("replicas", "words", "risk"),
    [
        (5, "api keeps it between 4 and 10 and may change this again", "medium"),
        (12, "keeps it between 4 and 10 and will take 12 back to 10: change the autoscaler instead", "high"),
        (2, "keeps it between 4 and 10 and will take 2 back to 4: change the autoscaler instead", "high"),
        (0, "between 4 and 10, but stands still at 0: nothing brings it back by itself", "high"),
    ],
)
async def test_a_scale_says_what_an_autoscaler_will_make_of_it(
    there: Ground, replicas: int, words: str, risk: str
) -> None:
    there.cluster.autoscaler("payments", "api", least=4, most=10)
    plan = await there.plan(action="scale", replicas=replicas, **API)
    assert plan.shown["autoscaler"].endswith(words)
    assert plan.risk == risk


async def test_the_autoscaler_of_another_workload_is_not_told(there: Ground) -> None:
    there.cluster.autoscaler("payments", "api", least=4, most=10, kind="StatefulSet")
    there.cluster.autoscaler("payments", "other", least=4, most=10)
    assert "autoscaler" not in (await there.plan(action="scale", replicas=5, **API)).shown


async def test_an_autoscaler_that_may_not_be_read_is_told_as_that(there: Ground) -> None:
    rules = [{"apiGroups": ["", "apps"], "resources": ["*"], "verbs": ["*"]}]
    there.cluster.rights.allow_only(rules)
    plan = await there.plan(action="scale", replicas=5, **API)
    assert plan.shown["autoscaler"] == "could not be read; one may change this again"


@pytest.mark.parametrize("what", [API, DB])
async def test_a_scale_waits_until_as_many_are_ready(there: Ground, what: dict[str, Any]) -> None:
    told = Told()
    plan = await there.plan(action="scale", replicas=5, **what)
    outcome = await there.execute(plan, told=told)
    assert (outcome.verdict, outcome.effect, outcome.summary) == ("succeeded", "applied", "5 of 5 ready")
    assert told.notes[-1] == "5 of 5 ready"
    [write] = there.writes()
    assert write.resource.endswith("/scale")
    assert write.body["spec"] == {"replicas": 5}


async def test_a_scale_that_never_gets_ready_is_applied_and_failed_and_undone(there: Ground) -> None:
    before = there.world()
    there.cluster.never_ready("payments", "api")
    plan = await there.plan(action="scale", replicas=5, **API)
    outcome = await there.execute(plan, timeout_s=0.3)
    assert (outcome.verdict, outcome.effect) == ("failed", "applied")
    assert outcome.summary.startswith("3 of 5 ready when the time was up")
    await there.cluster.settled()
    assert (await there.undo(plan)).verdict == "succeeded"
    assert there.world() == before


async def test_a_quota_that_refuses_pods_is_told_in_the_servers_words(there: Ground) -> None:
    there.cluster.quota("payments", "compute", hard={"pods": "9"})
    await there.cluster.settled()
    plan = await there.plan(action="scale", replicas=5, **API)
    assert plan.shown["replicas"].endswith("quota leaves room for 1")
    outcome = await there.execute(plan, timeout_s=0.3)
    assert (outcome.verdict, outcome.effect) == ("failed", "applied")
    assert "4 of 5 ready" in outcome.summary
    assert "exceeded quota: compute" in outcome.summary


async def test_a_scale_to_what_is_asked_for_already_sends_nothing(there: Ground) -> None:
    plan, outcome = await there.do(action="scale", replicas=3, **API)
    assert (outcome.verdict, outcome.effect, there.writes()) == ("succeeded", "none", [])
    assert plan.undo.kind == "none"


# ---------------------------------------------------------------- only the approved state is changed


async def test_a_change_between_approval_and_sending_is_refused(there: Ground) -> None:
    plan = await there.plan(action="scale", replicas=5, **API)
    there.cluster.deployment("payments", "api", replicas=4, image="shop:2")
    outcome = await there.execute(plan)
    assert (outcome.verdict, outcome.effect, there.writes()) == ("failed", "none", [])
    assert "replicas is 4, approved was 3" in outcome.summary


async def test_a_conflict_is_read_again_and_written_while_the_approved_state_stands(there: Ground) -> None:
    plan = await there.plan(action="scale", replicas=5, **API)
    there.cluster.faults.conflict("patch", "deployments/scale", times=2)
    outcome = await there.execute(plan)
    assert (outcome.verdict, len(there.writes())) == ("succeeded", 3)
    assert {one.body["metadata"]["resourceVersion"] for one in there.writes()} != {None}


async def test_a_conflict_that_does_not_end_is_not_done(there: Ground) -> None:
    before = there.world()
    plan = await there.plan(action="scale", replicas=5, **API)
    there.cluster.faults.conflict("patch", "deployments/scale", times=99)
    outcome = await there.execute(plan)
    assert (outcome.verdict, outcome.effect) == ("failed", "none")
    assert there.world() == before


async def test_one_of_the_same_name_that_replaced_it_is_another_thing(there: Ground) -> None:
    plan = await there.plan(action="cordon", node="n1")
    again = replace(plan, guarded={**plan.guarded, "uid": "another"})
    outcome = await there.execute(again)
    assert (outcome.verdict, outcome.effect) == ("failed", "none")
    assert "changed since it was approved: uid is" in outcome.summary


async def test_moving_parts_do_not_change_what_was_approved(there: Ground) -> None:
    first = await there.plan(action="scale", replicas=5, **API)
    there.cluster.never_ready("payments", "api")
    uid, pod = next((uid, pod) for uid, pod in there.pods().items() if pod.startswith("api"))
    await there.clusters.writer(PLACE).delete(f"/api/v1/namespaces/payments/pods/{pod}", uid=uid)
    await there.cluster.settled()
    second = await there.plan(action="scale", replicas=5, **API)
    assert (first.digest, first.guarded) == (second.digest, second.guarded)


# ---------------------------------------------------------------- restart


@pytest.mark.parametrize("what", [API, DB, AGENT])
async def test_a_restart_deletes_every_pod_and_waits_for_as_many_new_ones(
    there: Ground, what: dict[str, Any]
) -> None:
    before = there.world()
    old = there.pods()
    plan, outcome = await there.do(action="restart", **what)
    assert (outcome.verdict, outcome.effect) == ("succeeded", "applied"), outcome
    name = next(one for key, one in what.items() if key != "namespace")
    assert not [uid for uid, pod in old.items() if pod.startswith(name) and uid in there.pods()]
    assert there.world() == before
    assert plan.undo.kind == "manual"
    assert "cannot be taken back" in plan.undo.text
    assert all(one.body["preconditions"]["uid"] in old for one in there.writes())


@pytest.mark.parametrize("what", [API, DB, AGENT])
async def test_a_rollout_restart_replaces_them_by_a_new_revision(there: Ground, what: dict[str, Any]) -> None:
    old = there.pods()
    _, outcome = await there.do(action="restart", strategy="rollout", **what)
    assert (outcome.verdict, outcome.effect) == ("succeeded", "applied"), outcome
    name = next(one for key, one in what.items() if key != "namespace")
    assert not [uid for uid, pod in old.items() if pod.startswith(name) and uid in there.pods()]
    [write] = there.writes()
    annotations = write.body["spec"]["template"]["metadata"]["annotations"]
    assert list(annotations) == ["kubectl.kubernetes.io/restartedAt"]


async def test_a_restart_that_does_not_come_back_says_how_far_it_came(there: Ground) -> None:
    plan = await there.plan(action="restart", **API)
    there.cluster.never_ready("payments", "api")
    outcome = await there.execute(plan, timeout_s=0.3)
    assert (outcome.verdict, outcome.effect) == ("failed", "applied")
    assert outcome.summary.startswith("0 of 3 ready when the time was up")
    assert outcome.output.count("deleted payments/api-") == 3


async def test_a_restart_leaves_pods_alone_that_only_match_the_selector(there: Ground) -> None:
    labels = {"app": "api", "track": "canary"}
    container = {"name": "api", "image": "shop:3"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    there.cluster.deployment("payments", "api-canary", template=template)
    await there.cluster.settled()
    canary = {uid for uid, name in there.pods().items() if name.startswith("api-canary")}
    assert canary
    _, outcome = await there.do(action="restart", **API)
    assert outcome.output.count("deleted ") == 3
    assert canary <= set(there.pods())


async def test_nothing_to_restart_is_said(there: Ground) -> None:
    await there.do(action="scale", replicas=0, **API)
    with pytest.raises(ActionFailed, match="nothing to restart"):
        await there.plan(action="restart", **API)


# ---------------------------------------------------------------- rollout-undo


@pytest.mark.parametrize("what", [API, DB, AGENT])
async def test_a_rollback_goes_to_the_revision_before_and_its_undo_comes_back(
    there: Ground, what: dict[str, Any]
) -> None:
    before = there.world()
    plan, outcome = await there.do(action="rollout-undo", **what)
    assert (outcome.verdict, outcome.effect) == ("succeeded", "applied"), outcome
    assert plan.text.endswith("back from revision 2 to revision 1")
    assert [text for key, text in plan.shown.items() if key.startswith("image")] == ["shop:2 → shop:1"]
    assert "shop:1" in str(there.world()["pods"])
    undone = await there.undo(plan)
    assert undone.verdict == "succeeded", undone
    assert there.world() == before


async def test_a_rollback_to_a_revision_names_it(there: Ground) -> None:
    there.cluster.deployment("payments", "api", replicas=3, image="shop:3")
    await there.cluster.settled()
    plan, outcome = await there.do(action="rollout-undo", to_revision=1, **API)
    assert outcome.verdict == "succeeded"
    assert plan.shown["revision"] == "3 → 1"
    assert "payments: ReplicaSet" in str(there.world()["pods"])
    assert "shop:1" in str(there.world()["deployments"]["payments/api"])


@pytest.mark.parametrize(
    ("given", "words"),
    [({"to_revision": 9}, "there is no revision 9"), ({"to_revision": 2}, "nothing to undo")],
)
async def test_a_revision_that_cannot_be_gone_to_is_said_before_anything(
    there: Ground, given: dict[str, Any], words: str
) -> None:
    with pytest.raises(ActionFailed, match=words):
        await there.plan(action="rollout-undo", **API, **given)


async def test_fields_no_model_knows_survive_a_rollback(there: Ground) -> None:
    template = {
        "metadata": {"labels": {"app": "odd"}},
        "spec": {"containers": [{"name": "odd", "image": "odd:1", "fieldOfTomorrow": {"deep": [1, 2]}}]},
    }
    there.cluster.deployment("payments", "odd", template=template)
    await there.cluster.settled()
    there.cluster.deployment("payments", "odd", image="odd:2")
    await there.cluster.settled()
    _, outcome = await there.do(action="rollout-undo", namespace="payments", deployment="odd")
    assert outcome.verdict == "succeeded"
    assert "fieldOfTomorrow" in str(there.world()["deployments"]["payments/odd"]["spec"])


async def test_a_new_template_between_approval_and_sending_is_refused(there: Ground) -> None:
    plan = await there.plan(action="rollout-undo", **API)
    there.cluster.deployment("payments", "api", replicas=3, image="shop:3")
    await there.cluster.settled()
    outcome = await there.execute(plan)
    assert (outcome.verdict, outcome.effect, there.writes()) == ("failed", "none", [])


# ---------------------------------------------------------------- nodes


async def test_a_cordon_is_taken_back_only_where_this_step_closed_the_node(there: Ground) -> None:
    before = there.world()
    plan, outcome = await there.do(action="cordon", node="n1")
    assert (outcome.verdict, outcome.effect) == ("succeeded", "applied")
    again, nothing = await there.do(action="cordon", node="n1")
    assert (nothing.effect, again.undo.kind) == ("none", "none")
    assert (await there.undo(plan)).verdict == "succeeded"
    assert there.world() == before


async def test_an_uncordon_is_taken_back_by_a_cordon(there: Ground) -> None:
    await there.do(action="cordon", node="n1")
    before = there.world()
    plan, _ = await there.do(action="uncordon", node="n1")
    await there.undo(plan)
    assert there.world() == before


async def test_a_drain_evicts_what_can_leave_and_its_undo_opens_the_node(there: Ground) -> None:
    before = there.world()["nodes"]
    plan, outcome = await there.do(action="drain", node="n1")
    assert (outcome.verdict, outcome.effect) == ("succeeded", "applied"), outcome
    assert plan.shown["stay"] == "1 pod (payments 1)"
    evicted = [line for line in outcome.output.splitlines() if line.startswith("evicted payments/")]
    assert f"{len(evicted)} of {len(evicted)} pods gone" in outcome.summary
    assert evicted
    assert "evicted pods stay where they were recreated" in plan.undo.text
    assert [one["metadata"]["name"] for one in _on(there, "n1")] == [
        one["metadata"]["name"] for one in _on(there, "n1") if one["metadata"]["name"].startswith("agent")
    ]
    await there.undo(plan)
    assert there.world()["nodes"] == before


async def test_a_node_that_was_closed_before_stays_closed_after_a_drain(there: Ground) -> None:
    await there.do(action="cordon", node="n1")
    plan, outcome = await there.do(action="drain", node="n1")
    assert (outcome.verdict, plan.undo.kind) == ("succeeded", "none")
    assert "cordoned before and stays so" in plan.undo.text


async def test_a_budget_is_respected_until_the_deadline_and_both_lists_are_told(there: Ground) -> None:
    there.cluster.budget("payments", "api", min_available=3)
    there.cluster.budget("payments", "db", min_available=2)
    plan = await there.plan(action="drain", node="n1")
    outcome = await there.execute(plan, timeout_s=0.6)
    assert (outcome.verdict, outcome.effect) == ("failed", "partial")
    assert "not evicted" in outcome.summary
    assert "the time was up" in outcome.summary
    assert "disruption budget" in outcome.summary
    assert "not evicted payments/" in outcome.output


async def test_a_budget_that_lets_go_one_by_one_is_waited_for(tmp_path: Path) -> None:
    async with ground(tmp_path, nodes=("n1", "n2")) as there:
        there.cluster.budget("payments", "api", min_available=2)
        there.cluster.verbs.eviction_retry_after_s = 0
        plan = await there.plan(action="drain", node="n1")
        outcome = await there.execute(plan)
        assert outcome.verdict == "succeeded", outcome


async def test_a_drain_that_is_stopped_lets_no_more_go_and_tells_both_lists(there: Ground) -> None:
    there.cluster.budget("payments", "api", min_available=3)
    plan = await there.plan(action="drain", node="n1")
    told = Noting("held back by a disruption budget")
    running = asyncio.create_task(there.execute(plan, told=told))
    await told.noted.wait()
    told.stop.set()
    outcome = await running
    assert (outcome.verdict, outcome.effect) == ("failed", "partial")
    assert "stopped by request" in outcome.summary
    assert "not evicted payments/api-" in outcome.output
    assert (await there.undo(plan)).verdict == "succeeded"


async def test_what_would_be_lost_for_good_needs_consent_by_name(there: Ground) -> None:
    there.cluster.pod("payments", "lonely", node="n1")
    template = pod_template("cache", image="cache:1", has_emptydir=True)
    there.cluster.deployment("payments", "cache", template=template, replicas=6)
    await there.cluster.settled()
    with pytest.raises(ActionFailed, match="nothing would recreate payments/lonely") as caught:
        await there.plan(action="drain", node="n1")
    assert "delete_emptydir_data: true consents" in caught.value.message
    plan, outcome = await there.do(action="drain", node="n1", force=True, delete_emptydir_data=True)
    assert plan.shown["lost for good"] == "payments/lonely"
    assert outcome.verdict == "succeeded", outcome


async def test_a_pod_nobody_recreates_that_came_after_the_approval_stays(there: Ground) -> None:
    plan = await there.plan(action="drain", node="n1", force=True)
    there.cluster.pod("payments", "late", node="n1")
    await there.cluster.settled()
    outcome = await there.execute(plan)
    assert (outcome.verdict, outcome.effect, there.writes()) == ("failed", "none", [])
    assert "lost for good is ['payments/late'], approved was []" in outcome.summary


def _on(there: Ground, node: str) -> list[dict[str, Any]]:
    return [one for one in there.cluster.world.all("pods") if one["spec"].get("nodeName") == node]


# ---------------------------------------------------------------- all of them


EVERY: list[dict[str, Any]] = [
    {"action": "scale", "replicas": 5, **API},
    {"action": "restart", **API},
    {"action": "restart", "strategy": "rollout", **DB},
    {"action": "rollout-undo", **API},
    {"action": "rollout-undo", **AGENT},
    {"action": "cordon", "node": "n1"},
    {"action": "drain", "node": "n1"},
]


@pytest.mark.parametrize("given", EVERY, ids=lambda one: f"{one['action']}")
async def test_a_dry_run_asks_the_server_and_changes_nothing(there: Ground, given: dict[str, Any]) -> None:
    before, pods = there.world(), there.pods()
    plan = await there.plan(**given)
    there.cluster.requests.clear()
    outcome = await there.action.dry_run(plan)
    assert (outcome.verdict, outcome.effect) == ("succeeded", "none")
    assert there.writes() == []
    assert [one for one in there.cluster.requests.writes() if one.query.get("dryRun") == "All"]
    assert (there.world(), there.pods()) == (before, pods)


@pytest.mark.parametrize("given", EVERY, ids=lambda one: f"{one['action']}")
async def test_a_stop_before_the_first_request_sends_nothing(there: Ground, given: dict[str, Any]) -> None:
    plan = await there.plan(**given)
    told = Told()
    told.stop.set()
    outcome = await there.execute(plan, told=told)
    assert (outcome.verdict, outcome.effect, there.writes()) == ("failed", "none", [])
    assert "stopped by request before anything was sent" in outcome.summary


@pytest.mark.parametrize(
    "given", [EVERY[0], EVERY[1], EVERY[2], EVERY[3]], ids=lambda one: f"{one['action']}"
)
async def test_a_stop_while_waiting_says_how_far_it_came(there: Ground, given: dict[str, Any]) -> None:
    plan = await there.plan(**given)
    for name in ("api", "db"):
        there.cluster.never_ready("payments", name)
    told = Noting()
    running = asyncio.create_task(there.execute(plan, told=told))
    await told.noted.wait()
    told.stop.set()
    outcome = await running
    assert (outcome.verdict, outcome.effect) == ("failed", "applied")
    assert "no longer waited for" in outcome.summary


async def test_what_is_not_there_is_said(there: Ground) -> None:
    with pytest.raises(ActionFailed, match="there is no deployment payments/gone in cluster standin"):
        await there.plan(action="restart", namespace="payments", deployment="gone")
    with pytest.raises(ActionFailed, match="there is no node n9"):
        await there.plan(action="drain", node="n9")


async def test_a_namespace_moved_to_another_environment_since_is_not_touched(there: Ground) -> None:
    plan = await there.plan(action="scale", replicas=5, **API)
    moved = there.bench.catalog.clusters["standin"].model_copy(update={"namespaces": {"payments": "prod"}})
    there.bench.catalog = there.bench.catalog.model_copy(update={"clusters": {"standin": moved}})
    outcome = await there.execute(plan)
    assert (outcome.verdict, outcome.effect, there.writes()) == ("failed", "none", [])
    with pytest.raises(NotPermitted):
        await there.plan(action="scale", replicas=5, namespace="search", deployment="api")


async def test_admission_that_refuses_is_told_in_the_servers_words(there: Ground) -> None:
    plan = await there.plan(action="scale", replicas=5, **API)
    words = 'admission webhook "policy.acme.example" denied the request: not after six'
    there.cluster.faults.status("patch", "deployments/scale", code=403, message=words)
    outcome = await there.execute(plan)
    assert (outcome.verdict, outcome.effect) == ("failed", "none")
    assert words in outcome.summary


async def test_a_cluster_behind_tls_is_trusted_by_its_own_authority(tmp_path: Path) -> None:
    async with ground(tmp_path, is_tls=True) as there:
        plan, outcome = await there.do(action="scale", replicas=4, **API)
        assert outcome.verdict == "succeeded"
        stranger = Cluster(is_tls=True)
        await stranger.start()
        try:
            there.kubeconfig.write_text(
                there.kubeconfig.read_text().replace(there.cluster.base_url, stranger.base_url)
            )
            await there.clusters.aclose()
            refused = await there.execute(plan)
        finally:
            await stranger.stop()
        assert (refused.verdict, refused.effect) == ("failed", "none")
        assert "cannot be trusted" in refused.summary
