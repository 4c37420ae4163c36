"""Modals and App Home tabs: each person's stack of open modals, and what is published to their Home."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections import defaultdict

from bot.sandbox.protocol import Json, NotThere, SlackError

DEEPEST_STACK = 3
"""A modal may have two more pushed onto it."""


class Views:
    """Views in Slack's shape, found by id; a new version replaces the object under the same id."""

    def __init__(self, *, team_id: str, app_id: str, bot_id: str) -> None:
        self._owner = {
            "team_id": team_id,
            "app_id": app_id,
            "app_installed_team_id": team_id,
            "bot_id": bot_id,
        }
        self._stacks: defaultdict[str, list[Json]] = defaultdict(list)
        self._homes: dict[str, Json] = {}
        self._numbers = itertools.count(1)

    def open(self, user: str, view: Json) -> Json:
        """A first modal; whatever this person had open gives way to it."""
        made = self._made(view, identity=self._new_id(), root=None, previous=None)
        self._stacks[user] = [made]
        return made

    def push(self, user: str, view: Json) -> Json:
        """Another modal on top; raises `push_limit_reached` at the fourth."""
        stack = self._stacks[user]
        if not stack:
            raise SlackError("not_found")
        if len(stack) >= DEEPEST_STACK:
            raise SlackError("push_limit_reached")
        made = self._made(view, identity=self._new_id(), root=stack[0]["id"], previous=stack[-1]["id"])
        stack.append(made)
        return made

    def update(self, view_id: str, view: Json, *, expected_hash: str | None = None) -> tuple[str, Json]:
        """A new version of an open modal or a Home, and whose it is; raises `not_found`, `hash_conflict`."""
        user, old = self._found(view_id)
        if expected_hash is not None and expected_hash != old["hash"]:
            raise SlackError("hash_conflict")
        made = self._made(
            view, identity=old["id"], root=old.get("root_view_id"), previous=old.get("previous_view_id")
        )
        if old["type"] == "home":
            self._homes[user] = made
        else:
            stack = self._stacks[user]
            stack[[one["id"] for one in stack].index(view_id)] = made
        return user, made

    def publish(self, user: str, view: Json, *, expected_hash: str | None = None) -> Json:
        """This person's Home tab from now on; the id stays the same from version to version."""
        old = self._homes.get(user)
        if old is not None and expected_hash is not None and expected_hash != old["hash"]:
            raise SlackError("hash_conflict")
        made = self._made(view, identity=old["id"] if old else self._new_id(), root=None, previous=None)
        self._homes[user] = made
        return made

    def close_top(self, user: str) -> None:
        """The top modal goes, the one below shows again."""
        if self._stacks[user]:
            self._stacks[user].pop()

    def clear(self, user: str) -> None:
        """All of this person's modals go."""
        self._stacks[user].clear()

    def top(self, user: str) -> Json | None:
        """The modal this person looks at."""
        stack = self._stacks[user]
        return stack[-1] if stack else None

    def stack(self, user: str) -> list[Json]:
        """All of this person's modals, the lowest first."""
        return list(self._stacks[user])

    def home(self, user: str) -> Json | None:
        """What this person's Home shows."""
        return self._homes.get(user)

    def of(self, user: str, view_id: str) -> Json:
        """A view on this person's screen; raises NotThere."""
        for view in (*self._stacks[user], *filter(None, [self._homes.get(user)])):
            if view["id"] == view_id:
                return view
        raise NotThere(f"{user} has no view {view_id!r} open")

    def id_of_external(self, external_id: str) -> str:
        """The id of the open view its app named so; raises `not_found`."""
        for view in itertools.chain(self._homes.values(), *self._stacks.values()):
            if view["external_id"] == external_id:
                return str(view["id"])
        raise SlackError("not_found")

    def has_external(self, external_id: str) -> bool:
        """Whether the app used this name for a view that is still open."""
        try:
            self.id_of_external(external_id)
        except SlackError:
            return False
        return True

    def _found(self, view_id: str) -> tuple[str, Json]:
        for user, stack in self._stacks.items():
            for view in stack:
                if view["id"] == view_id:
                    return user, view
        for user, view in self._homes.items():
            if view["id"] == view_id:
                return user, view
        raise SlackError("not_found")

    def _new_id(self) -> str:
        return f"V0SANDBOX{next(self._numbers)}"

    def _made(self, view: Json, *, identity: str, root: str | None, previous: str | None) -> Json:
        version = f"{next(self._numbers)}{json.dumps(view, sort_keys=True)}".encode()
        made: Json = {
            "id": identity,
            "private_metadata": "",
            "callback_id": "",
            "external_id": "",
            "clear_on_close": False,
            "notify_on_close": False,
            "title": None,
            "submit": None,
            "close": None,
            **view,
            **self._owner,
            "state": {"values": {}},
            "hash": hashlib.sha256(version).hexdigest()[:18],
            "root_view_id": root or identity,
            "previous_view_id": previous,
        }
        return made
