"""What people do to the app: clicks, commands, shortcuts, modals; as payloads there, as effects of its answers here.

Everything is looked up from what stands on the screen now, so a person can only do what Slack would let them.
An app that does not answer in time is told to the person as Slack does, and nothing is tried again.
"""

from __future__ import annotations

from typing import Any

from bot.sandbox import blocks as block_kit
from bot.sandbox.changes import Change
from bot.sandbox.dispatch import Answer, Dispatch
from bot.sandbox.members import Channel, User
from bot.sandbox.modals import Modals
from bot.sandbox.protocol import Json, NobodyAnswers, NotThere, SlackError
from bot.sandbox.response_urls import ResponseUrls, Source
from bot.sandbox.triggers import Triggers
from bot.sandbox.webapi import without_metadata
from bot.sandbox.workspace import Workspace

TROUBLE = "We had some trouble connecting. Try again?"
_CLICK_TROUBLE = {
    "timeout": "This app took too long to respond.",
    "http_error": "This app responded with an error.",
}


class Interactions:
    """Builds interactive payloads, sends them, and does what comes back with the acknowledgement."""

    def __init__(
        self,
        workspace: Workspace,
        *,
        dispatch: Dispatch,
        triggers: Triggers,
        response_urls: ResponseUrls,
        modals: Modals,
    ) -> None:
        self._workspace = workspace
        self._dispatch = dispatch
        self._triggers = triggers
        self._urls = response_urls
        self._modals = modals
        self._choices: dict[tuple[str, str], dict[tuple[str, str], Json]] = {}

    async def click_message(
        self,
        user: User,
        channel: Channel,
        *,
        ts: str,
        action_id: str,
        block_id: str | None,
        choice: Any = None,
        values: Json | None = None,
        seen: Json | None = None,
    ) -> Answer:
        """Use an element of a message; `seen` is an older version still on this person's screen.

        `values` is what was entered into other elements there, by block and action.
        """
        whisper = self._workspace.messages.ephemeral(user.id, ts)
        message = whisper or self._workspace.messages.get(channel.id, ts)
        if message.get("app_id") != self._workspace.app.id:
            raise NobodyAnswers(f"message {ts} belongs to another app, which is not part of the sandbox")
        shown = seen or message
        block, element = block_kit.find(shown.get("blocks", []), action_id=action_id, block_id=block_id)
        is_ephemeral = whisper is not None
        container: Json = {
            "type": "message",
            "message_ts": ts,
            "channel_id": channel.id,
            "is_ephemeral": is_ephemeral,
        }
        if thread_ts := message.get("thread_ts"):
            container["thread_ts"] = thread_ts
        action = self._action(block, element, choice)
        state = self._choose(user, f"{channel.id}/{ts}", shown["blocks"], action, values=values)
        payload = self._payload("block_actions", user, trigger_id=self._triggers.give(user.id))
        payload |= {"container": container, "channel": _brief(channel), "state": state, "actions": [action]}
        if not is_ephemeral:
            # Of an ephemeral message Slack sends only where it was.
            payload["message"] = message
        payload["response_url"] = self._urls.give(
            user.id, channel=channel.id, message_ts=ts, is_ephemeral=is_ephemeral
        )
        return await self._clicked(user, payload)

    async def click_view(
        self,
        user: User,
        *,
        view_id: str,
        action_id: str,
        block_id: str | None,
        choice: Any = None,
        values: Json | None = None,
    ) -> Answer:
        """Use an element of a Home tab or of an open modal."""
        view = self._workspace.views.of(user.id, view_id)
        block, element = block_kit.find(view["blocks"], action_id=action_id, block_id=block_id)
        action = self._action(block, element, choice)
        state = self._choose(user, view_id, view["blocks"], action, values=values)
        trigger_id = self._triggers.give(user.id, is_in_modal=view["type"] == "modal")
        payload = self._payload("block_actions", user, trigger_id=trigger_id)
        payload |= {"container": {"type": "view", "view_id": view_id}, "view": {**view, "state": state}}
        payload["actions"] = [action]
        return await self._clicked(user, payload)

    async def submit(self, user: User, *, view_id: str, values: Json) -> Answer:
        """Press a modal's submit button; `values` by block and action, plain values or Slack's own shape."""
        view = self._workspace.views.of(user.id, view_id)
        given = self._filled(user, view["id"], view["blocks"], values)
        errors = missing_inputs(view["blocks"], given)
        if errors:
            self._show_errors(user, errors)
            return Answer(is_acked=True, body={"response_action": "errors", "errors": errors})
        trigger_id = self._triggers.give(user.id, is_in_modal=True)
        payload = self._payload("view_submission", user, trigger_id=trigger_id)
        payload |= {"view": {**view, "state": block_kit.state_of(view["blocks"], given)}, "response_urls": []}
        answer = await self._dispatch.now("interactive", payload)
        if not answer.is_acked:
            self._toast(user, TROUBLE)
            return answer
        try:
            self._submitted(user, view, answer.body)
        except (SlackError, KeyError, TypeError):
            self._toast(user, TROUBLE)
        return answer

    async def close(self, user: User, *, view_id: str, is_cleared: bool = False) -> None:
        """Press a modal's close button; with `is_cleared` the cross that closes all of them."""
        view = self._workspace.views.of(user.id, view_id)
        if is_cleared or view["clear_on_close"]:
            self._workspace.views.clear(user.id)
        else:
            self._workspace.views.close_top(user.id)
        self._workspace.changes.tell(Change(kind="view_closed", user=user.id, body=view))
        if view["notify_on_close"]:
            payload = self._payload("view_closed", user)
            payload |= {"view": view, "is_cleared": is_cleared or view["clear_on_close"]}
            await self._dispatch.now("interactive", payload)

    async def command(self, user: User, channel: Channel, line: str) -> Answer:
        """Type a slash command; raises NotThere for one the app does not have."""
        name, _, text = line.strip().partition(" ")
        if name not in {one.command for one in self._workspace.app.commands}:
            raise NotThere(f"{name} is not a valid command. In Slack, all messages that start with the “/” character "
                           "are interpreted as commands.")  # fmt: skip
        kinds = {"im": "directmessage", "groups": "privategroup"}
        payload = {
            "token": "verification_token",
            "team_id": self._workspace.team_id,
            "team_domain": self._workspace.domain,
            "channel_id": channel.id,
            "channel_name": kinds.get(channel.kind, channel.name),
            "user_id": user.id,
            "user_name": user.name,
            "command": name,
            "text": text.strip(),
            "api_app_id": self._workspace.app.id,
            "is_enterprise_install": "false",
            "response_url": self._urls.give(user.id, channel=channel.id),
            "trigger_id": self._triggers.give(user.id),
        }
        answer = await self._dispatch.now("slash_commands", payload)
        if not answer.is_acked:
            error = "operation_timeout" if answer.reason == "timeout" else "dispatch_failed"
            self._toast(user, f"{name} failed with the error “{error}”")
        elif answer.body.get("text") or answer.body.get("blocks"):
            source = Source(user=user.id, channel=channel.id, made_at=self._workspace.clock.now())
            self._urls.answer(source, answer.body)
        return answer

    async def shortcut(
        self, user: User, callback_id: str, *, channel: Channel | None = None, ts: str | None = None
    ) -> Answer:
        """Choose a shortcut: global, or of a message; raises NotThere for one the app does not have."""
        kind = "message" if ts is not None else "global"
        if (kind, callback_id) not in {(one.kind, one.callback_id) for one in self._workspace.app.shortcuts}:
            raise NotThere(f"the app has no {kind} shortcut {callback_id!r}")
        kind = "message_action" if ts is not None else "shortcut"
        payload = self._payload(kind, user, trigger_id=self._triggers.give(user.id))
        payload |= {"callback_id": callback_id, "action_ts": self._workspace.new_ts()}
        del payload["api_app_id"]  # shortcuts alone come without it
        if channel is not None and ts is not None:
            message = self._workspace.messages.get(channel.id, ts)
            payload |= {"channel": _brief(channel), "message_ts": ts, "message": without_metadata(message)}
            payload["response_url"] = self._urls.give(user.id, channel=channel.id, message_ts=ts)
        return await self._clicked(user, payload)

    def open_home(self, user: User) -> None:
        """Look at the app's Home tab."""
        self._workspace.changes.tell(Change(kind="home_opened", user=user.id))

    async def _clicked(self, user: User, payload: Json) -> Answer:
        answer = await self._dispatch.now("interactive", payload)
        if not answer.is_acked:
            self._toast(user, _CLICK_TROUBLE.get(answer.reason, "This app is not responding."))
        return answer

    def _submitted(self, user: User, view: Json, body: Json) -> None:
        match body.get("response_action"):
            case "errors":
                inputs = {block["block_id"] for block in view["blocks"]}
                errors = {block: str(text) for block, text in body["errors"].items() if block in inputs}
                if not errors:
                    raise SlackError("invalid_arguments", "errors name no block of this view")
                self._show_errors(user, errors)
            case "update":
                self._modals.update(view["id"], body["view"])
            case "push":
                self._modals.push(user.id, body["view"])
            case "clear":
                self._workspace.views.clear(user.id)
                self._workspace.changes.tell(Change(kind="view_closed", user=user.id, body=view))
            case _:
                self._workspace.views.close_top(user.id)
                self._workspace.changes.tell(Change(kind="view_closed", user=user.id, body=view))

    def _payload(self, kind: str, user: User, **more: Any) -> Json:
        team_id = self._workspace.team_id
        return {
            "type": kind,
            "user": {
                "id": user.id,
                "username": user.name,
                "name": user.name,
                "team_id": user.team_id or team_id,
            },
            "api_app_id": self._workspace.app.id,
            "token": "verification_token",
            "team": {"id": team_id, "domain": self._workspace.domain},
            "enterprise": None,
            "is_enterprise_install": False,
            **more,
        }

    def _action(self, block: Json, element: Json, choice: Any) -> Json:
        named = {"action_id": element["action_id"], "block_id": block["block_id"]}
        when = {"action_ts": self._workspace.new_ts()}
        if element["type"] == "button":
            shown: Json = {
                key: one for key, one in element.items() if key in ("type", "text", "value", "style")
            }
            return {**named, **shown, **when}
        return {**named, **block_kit.chosen(element, choice), **when}

    def _choose(
        self, user: User, surface: str, blocks: list[Json], action: Json, *, values: Json | None
    ) -> Json:
        choices = self._filled(user, surface, blocks, values or {})
        if action["type"] in block_kit.STATEFUL:
            kept = {
                key: value
                for key, value in action.items()
                if key not in ("action_id", "block_id", "action_ts")
            }
            choices[action["block_id"], action["action_id"]] = kept
        self._choices[user.id, surface] = choices
        return block_kit.state_of(blocks, choices)

    def _filled(
        self, user: User, surface: str, blocks: list[Json], values: Json
    ) -> dict[tuple[str, str], Json]:
        given = dict(self._choices.get((user.id, surface), {}))
        shown = {block["block_id"] for block in blocks}
        if strange := set(values) - shown:
            raise NotThere(f"there is no block {sorted(strange)}; there is: {sorted(shown)}")
        for block, element in block_kit.elements_of(blocks):
            block_id, action_id = block["block_id"], element["action_id"]
            value = values.get(block_id)
            if isinstance(value, dict):
                value = value.get(action_id)
            if value is not None and element["type"] in block_kit.STATEFUL:
                given[block_id, action_id] = block_kit.chosen(element, value)
        return given

    def _show_errors(self, user: User, errors: Json) -> None:
        self._workspace.changes.tell(Change(kind="view_errors", user=user.id, body=errors))

    def _toast(self, user: User, text: str) -> None:
        self._workspace.changes.tell(Change(kind="toast", user=user.id, body={"text": text}))


def missing_inputs(blocks: list[Json], given: dict[tuple[str, str], Json]) -> dict[str, str]:
    """What Slack itself checks before it submits: required inputs, and lengths of text."""
    errors: dict[str, str] = {}
    values = block_kit.state_of(blocks, given)["values"]
    for block in blocks:
        if block["type"] != "input":
            continue
        element = block["element"]
        state = values[block["block_id"]][element["action_id"]]
        value = next((one for key, one in state.items() if key != "type"), None)
        if not value:
            if not block.get("optional"):
                errors[block["block_id"]] = "Please complete this required field."
        elif isinstance(value, str):
            most, least = element.get("max_length", 3000), element.get("min_length", 0)
            if len(value) > most:
                errors[block["block_id"]] = f"Please enter fewer than {most + 1} characters."
            elif len(value) < least:
                errors[block["block_id"]] = f"Please enter at least {least} characters."
    return errors


def _brief(channel: Channel) -> Json:
    kinds = {"im": "directmessage", "groups": "privategroup"}
    return {"id": channel.id, "name": kinds.get(channel.kind, channel.name)}
