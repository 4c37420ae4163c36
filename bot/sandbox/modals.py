"""The `views.*` methods: modals that answer a person's click, and the Home tab."""

from __future__ import annotations

from bot.sandbox import blocks as block_kit
from bot.sandbox import limits
from bot.sandbox.arguments import Args
from bot.sandbox.changes import Change, Kind
from bot.sandbox.protocol import Json, SlackError
from bot.sandbox.triggers import Triggers
from bot.sandbox.webapi import Method
from bot.sandbox.workspace import Workspace


class Modals:
    """Opens, pushes, updates and publishes views as the app."""

    def __init__(self, workspace: Workspace, triggers: Triggers) -> None:
        self._workspace = workspace
        self._triggers = triggers

    def methods(self) -> dict[str, Method]:
        """By their Web API names."""
        return {
            "views.open": self._open_call,
            "views.push": self._push_call,
            "views.update": self._update_call,
            "views.publish": self._publish_call,
        }

    def push(self, user: str, view: Json) -> Json:
        """On top of what this person has open."""
        self._check(view)
        made = self._workspace.views.push(user, self._kept(view))
        self._tell("view_pushed", user, made)
        return made

    def update(self, view_id: str, view: Json, *, expected_hash: str | None = None) -> Json:
        """In place of an open view, a modal or a Home."""
        kind = "home" if isinstance(view, dict) and view.get("type") == "home" else "modal"
        limits.check_view(view, kind=kind)
        user, made = self._workspace.views.update(view_id, self._kept(view), expected_hash=expected_hash)
        self._tell("home" if kind == "home" else "view_updated", user, made)
        return made

    def _open_call(self, args: Args) -> Json:
        view = args.value("view")
        self._check(view)
        user = self._triggers.exchange(args.need("trigger_id")).user
        made = self._workspace.views.open(user, self._kept(view))
        self._tell("view_opened", user, made)
        return {"view": made}

    def _push_call(self, args: Args) -> Json:
        view = args.value("view")
        self._check(view)
        trigger = self._triggers.exchange(args.need("trigger_id"))
        if not trigger.is_in_modal:
            raise SlackError("invalid_trigger_id")
        return {"view": self.push(trigger.user, view)}

    def _update_call(self, args: Args) -> Json:
        view_id = args.text("view_id") or self._workspace.views.id_of_external(
            args.need("external_id", "view_id")
        )
        return {"view": self.update(view_id, args.value("view"), expected_hash=args.text("hash") or None)}

    def _publish_call(self, args: Args) -> Json:
        user, view = args.need("user_id"), args.value("view")
        if user not in self._workspace.users:
            raise SlackError("user_not_found")
        limits.check_view(view, kind="home")
        made = self._workspace.views.publish(user, self._kept(view), expected_hash=args.text("hash") or None)
        self._tell("home", user, made)
        return {"view": made}

    def _check(self, view: Json) -> None:
        limits.check_view(view, kind="modal")
        external_id = view.get("external_id")
        if external_id and self._workspace.views.has_external(external_id):
            raise SlackError("duplicate_external_id")

    def _kept(self, view: Json) -> Json:
        return {**view, "blocks": block_kit.as_kept(view["blocks"], new_id=self._workspace.new_block_id)}

    def _tell(self, kind: Kind, user: str, view: Json) -> None:
        self._workspace.changes.tell(Change(kind=kind, user=user, body=view))
