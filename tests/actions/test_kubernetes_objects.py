"""What raw objects say: templates that are the same, rollouts that are done, pods that may leave a node."""

from __future__ import annotations

from typing import Any

import pytest

from bot.actions.kubernetes import objects
from bot.actions.kubernetes.history import Revision, current_of, goal_of, restored_annotations
from bot.actions.kubernetes.input import KubernetesInput
from bot.actions.kubernetes.residents import sort_out
from bot.actions.kubernetes.workload import Owners, Workload
from bot.errors import ActionFailed


def template(image: str, **labels: str) -> dict[str, Any]:
    return {
        "metadata": {"creationTimestamp": None, "labels": {"app": "api", **labels}},
        "spec": {"containers": [{"name": "api", "image": image, "aFieldOfTomorrow": {"deep": [1]}}]},
    }


def workload(kind: str = "deployment", *, spec: dict[str, Any] | None = None, **status: Any) -> Workload:
    return Workload(
        kind=kind,
        raw={
            "metadata": {"uid": "u1", "generation": 4, "annotations": {}},
            "spec": {"replicas": 3, "template": template("api:2"), **(spec or {})},
            "status": {"observedGeneration": 4, **status},
        },
    )


# ---------------------------------------------------------------- templates


def test_a_template_is_the_same_whatever_controllers_add_to_it() -> None:
    plain = objects.template_digest(template("api:1"))
    assert objects.template_digest(template("api:1", **{"pod-template-hash": "abc"})) == plain
    assert objects.template_digest({**template("api:1"), "$patch": "replace"}) == plain
    assert objects.template_digest(template("api:2")) != plain


def test_a_field_this_version_does_not_know_counts_and_is_kept() -> None:
    made = template("api:1")
    made["spec"]["containers"][0]["aFieldOfTomorrow"] = {"deep": [2]}
    assert objects.template_digest(made) != objects.template_digest(template("api:1"))
    assert objects.plain_template(made)["spec"] == made["spec"]


@pytest.mark.parametrize(
    ("selector", "text"),
    [
        ({"matchLabels": {"b": "2", "a": "1"}}, "a=1,b=2"),
        ({"matchExpressions": [{"key": "tier", "operator": "In", "values": ["y", "x"]}]}, "tier in (x,y)"),
        ({"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["x"]}]}, "tier notin (x)"),
        ({"matchExpressions": [{"key": "tier", "operator": "Exists"}]}, "tier"),
        ({"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}, "!tier"),
    ],
)
def test_a_selector_is_written_as_a_query(selector: dict[str, Any], text: str) -> None:
    assert objects.selector_text(selector) == text


# ---------------------------------------------------------------- how far it is


def test_a_scale_is_done_when_as_many_are_there_and_ready_and_the_controller_has_seen_it() -> None:
    assert workload(replicas=3, readyReplicas=3).scaled(3).is_done
    assert not workload(replicas=4, readyReplicas=3).scaled(3).is_done
    assert not workload(replicas=3, readyReplicas=2).scaled(3).is_done
    assert not workload(replicas=3, readyReplicas=3, observedGeneration=3).scaled(3).is_done


def test_a_scale_says_why_pods_cannot_be_made_in_the_clusters_words() -> None:
    words = 'pods "api-x" is forbidden: exceeded quota: compute'
    seen = workload(
        replicas=1,
        readyReplicas=1,
        conditions=[{"type": "ReplicaFailure", "status": "True", "message": words}],
    ).scaled(3)
    assert (seen.is_done, seen.text) == (False, f"1 of 3 ready: {words}")


def test_a_number_that_somebody_else_wrote_meanwhile_ends_the_waiting() -> None:
    assert "somebody else asked for 3" in workload(replicas=3).scaled(5).broken


def test_a_rollout_is_done_as_rollout_status_says() -> None:
    digest = objects.template_digest(template("api:2"))
    done: dict[str, Any] = {"replicas": 3, "updatedReplicas": 3, "availableReplicas": 3, "readyReplicas": 3}
    assert workload(**done).rolled(digest).is_done
    assert not workload(**{**done, "replicas": 4}).rolled(digest).is_done
    assert not workload(**{**done, "availableReplicas": 2}).rolled(digest).is_done
    assert not workload(**done, observedGeneration=3).rolled(digest).is_done
    assert workload(**done).rolled("other").broken
    stuck: dict[str, Any] = {
        "type": "Progressing",
        "reason": "ProgressDeadlineExceeded",
        "message": "it has timed out",
    }
    assert workload(**done, conditions=[stuck]).rolled(digest).broken == "it has timed out"


def test_a_statefulset_is_rolled_when_its_revisions_agree() -> None:
    digest = objects.template_digest(template("api:2"))
    done: dict[str, Any] = {"readyReplicas": 3, "updatedReplicas": 3, "updateRevision": "b"}
    assert workload("statefulset", **done, currentRevision="b").rolled(digest).is_done
    assert not workload("statefulset", **done, currentRevision="a").rolled(digest).is_done
    kept_back: dict[str, Any] = {"updateStrategy": {"rollingUpdate": {"partition": 2}}}
    assert (
        workload("statefulset", spec=kept_back, **{**done, "updatedReplicas": 1}, currentRevision="a")
        .rolled(digest)
        .is_done
    )


def test_a_daemonset_is_rolled_when_every_node_has_the_new_one() -> None:
    digest = objects.template_digest(template("api:2"))
    done: dict[str, Any] = {
        "desiredNumberScheduled": 2,
        "updatedNumberScheduled": 2,
        "numberAvailable": 2,
        "numberReady": 2,
    }
    assert workload("daemonset", **done).rolled(digest).is_done
    assert not workload("daemonset", **{**done, "updatedNumberScheduled": 1}).rolled(digest).is_done


@pytest.mark.parametrize(
    ("spec", "words"), [({"updateStrategy": {"type": "OnDelete"}}, "OnDelete"), ({"paused": True}, "paused")]
)
def test_what_would_reach_no_pod_is_refused(spec: dict[str, Any], words: str) -> None:
    with pytest.raises(ActionFailed, match=words):
        workload(spec=spec).check_rolls()


# ---------------------------------------------------------------- revisions


def revision(number: int, image: str, **annotations: str) -> Revision:
    return Revision(number=number, template=template(image), annotations=annotations, data={})


def test_going_back_means_the_latest_revision_that_is_another_one() -> None:
    known = [revision(1, "api:0"), revision(2, "api:1"), revision(3, "api:2")]
    assert goal_of(workload(), known, number=None).number == 2
    assert goal_of(workload(), known, number=1).number == 1
    current = current_of(workload(), known)
    assert current is not None
    assert current.number == 3


@pytest.mark.parametrize(
    ("number", "words"),
    [(9, "there is no revision 9 to go back to; kept are 3"), (3, "already"), (None, "no other revision")],
)
def test_what_cannot_be_gone_back_to_is_said(number: int | None, words: str) -> None:
    with pytest.raises(ActionFailed, match=words):
        goal_of(workload(), [revision(3, "api:2")], number=number)


def test_annotations_come_back_with_the_revision_and_bookkeeping_stays() -> None:
    now = workload()
    now.raw["metadata"]["annotations"] = {
        "deployment.kubernetes.io/revision": "3",
        "kubernetes.io/change-cause": "bad release",
    }
    goal = revision(
        2, "api:1", **{"kubernetes.io/change-cause": "good release", "deployment.kubernetes.io/revision": "2"}
    )
    assert restored_annotations(now, goal) == {
        "deployment.kubernetes.io/revision": "3",
        "kubernetes.io/change-cause": "good release",
    }


# ---------------------------------------------------------------- pods of a node


def pod(name: str, owner: str = "ReplicaSet", **more: Any) -> dict[str, Any]:
    owners = [{"kind": owner, "name": f"{name}-owner", "uid": "o", "controller": True}] if owner else []
    metadata = {
        "name": name,
        "namespace": "a",
        "uid": name,
        "ownerReferences": owners,
        **more.pop("metadata", {}),
    }
    return {"metadata": metadata, "spec": {}, **more}


def replica(set_name: str, *, hashed: str = "", uid: str = "rs1") -> dict[str, Any]:
    owner = {"kind": "ReplicaSet", "name": set_name, "uid": uid, "controller": True}
    labels = {"app": "api", **({"pod-template-hash": hashed} if hashed else {})}
    return {"metadata": {"uid": set_name, "ownerReferences": [owner], "labels": labels}}


def test_a_deployments_own_pods_are_told_by_the_replica_set_named_after_it() -> None:
    own = Owners(workload=workload(), name="api")
    assert own.has(replica("api-5d4", hashed="5d4"))
    assert not own.has(replica("api-canary-5d4", hashed="5d4"))
    assert not own.has(pod("bare", ""))
    odd = replica("an-older-one", uid="rs7")
    assert not own.has(odd)
    assert not own.is_clear(odd), "so the ReplicaSets are read"
    assert Owners(workload=workload(), name="api", adopted=frozenset({"rs7"})).has(odd)


EMPTY_DIR = {"volumes": [{"name": "x", "emptyDir": {}}]}


def test_pods_of_a_node_are_sorted_by_what_a_drain_does_with_them() -> None:
    found = sort_out(
        [
            pod("plain"),
            pod("daemon", "DaemonSet"),
            pod("mirror", "Node", metadata={"annotations": {"kubernetes.io/config.mirror": "x"}}),
            pod("bare", ""),
            pod("bare-but-done", "", status={"phase": "Succeeded"}),
            pod("bare-but-ending", "", metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"}),
            pod("cache", spec=EMPTY_DIR),
        ]
    )
    assert [one["metadata"]["name"] for one in found.stays] == ["daemon", "mirror"]
    assert len(found.leaves) == 5
    assert (found.bare, found.data) == (("a/bare",), ("a/cache-owner",))


def test_a_loss_needs_consent_by_name() -> None:
    found = sort_out([pod("bare", ""), pod("cache", spec=EMPTY_DIR)])
    drain = KubernetesInput(action="drain", node="n1")
    assert len(found.unconsented(drain)) == 2
    assert found.unconsented(drain.model_copy(update={"force": True, "delete_emptydir_data": True})) == []


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (
            {
                "containerStatuses": [
                    {"state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}}
                ]
            },
            "CrashLoopBackOff: back-off",
        ),
        (
            {
                "conditions": [
                    {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "no"}
                ]
            },
            "Unschedulable: no",
        ),
        ({"containerStatuses": [{"state": {"waiting": {"reason": "ContainerCreating"}}}]}, ""),
        ({}, ""),
    ],
)
def test_why_pods_are_not_ready_is_said_in_the_clusters_words(status: dict[str, Any], words: str) -> None:
    assert objects.why_not_ready([pod("a", status=status)]) == words
