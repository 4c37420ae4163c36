"""What a request does to the world, and the answer: get, list, create, update, patch, delete, scale, evict.

Pure: a call goes in, an answer comes out or a Refusal is raised; nothing is changed by what is refused or by a dry
run. The rules are the server's: a stale resourceVersion is a conflict, status is written by its subresource alone,
a change that changes nothing gets no new version.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable
from dataclasses import dataclass

from bot.sandbox.cluster import bodies, defaults, deletion, disruption, quota, rules
from bot.sandbox.cluster.kinds import ACCESS_REVIEW, KINDS, Json
from bot.sandbox.cluster.paths import Call
from bot.sandbox.cluster.refusals import (
    Cause,
    bad_request,
    expired,
    invalid,
    not_found,
)
from bot.sandbox.cluster.rights import Rights
from bot.sandbox.cluster.selectors import by_fields, by_labels, number
from bot.sandbox.cluster.world import Record, World, changed, place_of, stamp


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A body, or the records of a list with its metadata."""

    body: Json
    code: int = 200
    records: list[Record] | None = None

    def text(self) -> str:
        """As it goes over the wire."""
        if self.records is None:
            return json.dumps(self.body, separators=(",", ":"))
        head = json.dumps(self.body, separators=(",", ":"))
        return f'{head[:-1]},"items":[{",".join(record.item for record in self.records)}]}}'


class Verbs:
    """The API's own behaviour, over one world."""

    def __init__(self, world: World, rights: Rights) -> None:
        self._world, self._rights = world, rights
        self.eviction_retry_after_s = 0
        """Sent with a refused eviction; a real server sends none, which is zero."""
        self._of_subresource: dict[str, Callable[[Call], Answer]] = {
            "scale": self._scale,
            "eviction": self._evict,
        }
        self._of_verb: dict[str, Callable[[Call], Answer]] = {
            "get": self._get,
            "list": self._list,
            "create": self._create,
            "update": self._change,
            "patch": self._change,
            "delete": self._delete,
            "deletecollection": self._delete_many,
        }

    def answer(self, call: Call) -> Answer:
        """Do it; raises Refusal."""
        if call.kind is ACCESS_REVIEW:
            return self._review(call)
        if call.query.get("dryRun") not in (None, "", "All"):
            why = f'Unsupported value: "{call.query["dryRun"]}": supported values: "All"'
            raise invalid(
                call.kind, call.name, [Cause(reason="FieldValueNotSupported", message=why, field="dryRun")]
            )
        if call.subresource in self._of_subresource:
            return self._of_subresource[call.subresource](call)
        return self._of_verb[call.verb](call)

    # reading

    def chosen(self, call: Call) -> list[Record]:
        """The records that a list or a watch names, in the order of their keys; raises Refusal (400)."""
        by_label = by_labels(call.query.get("labelSelector", ""))
        by_field = by_fields(call.kind, call.query.get("fieldSelector", ""))
        found = [
            record
            for record in self._world.records(call.kind.plural, call.namespace)
            if by_label(record.body) and by_field(record.body)
        ]
        return sorted(found, key=lambda record: place_of(record.body))

    def _get(self, call: Call) -> Answer:
        return Answer(body=self._world.get(call.kind.plural, (call.namespace, call.name)))

    def _list(self, call: Call) -> Answer:
        found = self.chosen(call)
        metadata: Json = {"resourceVersion": str(self._world.version)}
        start, limit = _page(call)
        if start is not None:
            found = [record for record in found if place_of(record.body) > start]
        if limit and len(found) > limit:
            metadata["remainingItemCount"] = len(found) - limit
            found = found[:limit]
            last = json.dumps(place_of(found[-1].body)).encode()
            metadata["continue"] = base64.urlsafe_b64encode(last).decode()
        head = {"kind": f"{call.kind.name}List", "apiVersion": call.kind.api_version, "metadata": metadata}
        return Answer(body=head, records=found)

    # writing

    def _create(self, call: Call) -> Answer:
        kind = call.kind
        body = bodies.given(call)
        metadata = dict(body.get("metadata") or {})
        if not metadata.get("name") and metadata.get("generateName"):
            metadata["name"] = metadata["generateName"] + self._world.suffix()
        if kind.is_namespaced:
            metadata["namespace"] = bodies.namespace_of(call, metadata)
            if self._world.find("namespaces", ("", call.namespace)) is None:
                raise not_found(KINDS["namespaces"], call.namespace)
        for word in (*bodies.KEPT, "resourceVersion"):
            metadata.pop(word, None)
        shape = {"apiVersion": kind.api_version, "kind": kind.name}
        body = defaults.filled_in(kind.plural, {**body, **shape, "metadata": metadata})
        if kind.is_workload or kind.plural == "nodes":
            body.setdefault("status", {})
        rules.check(kind, body, old=None)
        quota.admit(self._world, kind, body)
        if call.is_dry_run:
            made_up = {"uid": self._world.uid(), "creationTimestamp": stamp(self._world.now())}
            return Answer(body=changed(body, metadata=made_up), code=201)
        return Answer(body=self._world.insert(kind.plural, body), code=201)

    def _change(self, call: Call) -> Answer:
        kind = call.kind
        old = self._world.get(kind.plural, (call.namespace, call.name))
        new = bodies.patched(call, old) if call.verb == "patch" else bodies.given(call)
        new = bodies.with_identity(call, new, old)
        if call.subresource == "status":
            new = {**old, "metadata": new["metadata"], "status": new.get("status") or {}}
        else:
            new = {**new, **({"status": old["status"]} if "status" in old else {})}
            new = defaults.filled_in(kind.plural, new)
        rules.check(kind, new, old=old)
        if call.is_dry_run:
            return Answer(body=self._world.would_be(kind.plural, new, counts=True))
        return Answer(body=self._world.store(kind.plural, new, counts=True))

    def _scale(self, call: Call) -> Answer:
        old = self._world.get(call.kind.plural, (call.namespace, call.name))
        shown = bodies.scale_of(old)
        if call.verb == "get":
            return Answer(body=shown)
        new = bodies.patched(call, shown) if call.verb == "patch" else bodies.given(call)
        metadata, spec = new.get("metadata") or {}, new.get("spec") or {}
        bodies.check_identity(call, metadata, old)
        replicas = spec.get("replicas", 0)
        rules.check_scale(call.name, replicas)
        wanted = changed(old, spec={"replicas": replicas})
        keep = self._world.would_be if call.is_dry_run else self._world.store
        return Answer(body=bodies.scale_of(keep(call.kind.plural, wanted, counts=True)))

    def _evict(self, call: Call) -> Answer:
        pod = self._world.get("pods", (call.namespace, call.name))
        body = bodies.given(call)
        named = (body.get("metadata") or {}).get("name")
        if named not in (None, "", call.name):
            raise bad_request(f"name in URL does not match name in Eviction object: {call.name} != {named}")
        options = body.get("deleteOptions") or {}
        disruption.check_preconditions("pods", pod, options)
        disruption.check_eviction(self._world, pod, retry_after_s=self.eviction_retry_after_s)
        if not call.is_dry_run:
            deletion.begin(self._world, "pods", pod, options=options)
        return Answer(body=_success(), code=201)

    def _delete(self, call: Call) -> Answer:
        kind = call.kind
        body = self._world.get(kind.plural, (call.namespace, call.name))
        options = _delete_options(call)
        disruption.check_preconditions(kind.plural, body, options)
        if not call.is_dry_run:
            body = deletion.begin(self._world, kind.plural, body, options=options)
        if kind.plural in ("pods", "namespaces"):
            return Answer(body=body)
        about = {"name": call.name, "kind": kind.plural, "uid": body["metadata"]["uid"]}
        return Answer(body=_success({**about, **({"group": kind.group} if kind.group else {})}))

    def _delete_many(self, call: Call) -> Answer:
        found, options = self.chosen(call), _delete_options(call)
        for record in [] if call.is_dry_run else found:
            deletion.begin(self._world, call.kind.plural, record.body, options=options)
        metadata = {"resourceVersion": str(self._world.version)}
        head = {"kind": f"{call.kind.name}List", "apiVersion": call.kind.api_version, "metadata": metadata}
        return Answer(body=head, records=found)

    def _review(self, call: Call) -> Answer:
        body = bodies.given(call)
        asked = (body.get("spec") or {}).get("resourceAttributes") or {}
        resource = "/".join(
            part for part in (asked.get("resource", ""), asked.get("subresource", "")) if part
        )
        is_allowed = self._rights.may(
            asked.get("verb", ""),
            group=asked.get("group", ""),
            resource=resource,
            namespace=asked.get("namespace", ""),
            name=asked.get("name", ""),
        )
        return Answer(body={**body, "status": {"allowed": is_allowed}}, code=201)


def _page(call: Call) -> tuple[tuple[str, str] | None, int]:
    token, limit = call.query.get("continue", ""), number(call.query, "limit") or 0
    if not token:
        return None, limit
    try:
        namespace, name = json.loads(base64.urlsafe_b64decode(token))
    except (binascii.Error, ValueError) as error:
        raise expired(0, 0) from error
    return (namespace, name), limit


def _delete_options(call: Call) -> Json:
    options = dict(call.body) if isinstance(call.body, dict) else {}
    grace = number(call.query, "gracePeriodSeconds")
    if grace is not None:
        options["gracePeriodSeconds"] = grace
    if call.query.get("propagationPolicy"):
        options["propagationPolicy"] = call.query["propagationPolicy"]
    return options


def _success(details: Json | None = None) -> Json:
    status: Json = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}
    return status if details is None else {**status, "details": details, "code": 200}
