"""The workspace one gets without asking for another: Acme, with people of every kind and PagerDuty's app."""

from __future__ import annotations

from collections.abc import Iterable

from bot.sandbox.clock import Clock
from bot.sandbox.members import PAGERDUTY_APP_ID, App, Channel, Shortcut, SlashCommand, User, UserGroup
from bot.sandbox.workspace import Workspace
from bot.slack.commands import COMMAND, USAGE

ALICE, BOB, CAROL = "U01ALICE", "U02BOB", "U03CAROL"
GUEST, STRANGER, GONE, NO_EMAIL = "U04GUEST", "U05STRANGER", "U06GONE", "U07NOMAIL"
BOT, INCIDENTS, ONCALL = "U0RUNBOT", "C0INC", "S0ONCALL"

RUNBOOK_APP = App(
    id="A0RUNBOT",
    name="Runbook",
    user_id=BOT,
    bot_id="B0RUNBOT",
    commands=(SlashCommand(command=COMMAND, description="Start and follow runbooks", usage_hint=USAGE),),
    shortcuts=(Shortcut(kind="message", callback_id="start_runbook", name="Start a runbook"),),
)
PAGERDUTY_APP = App(id=PAGERDUTY_APP_ID, name="PagerDuty", user_id="U0PDAPP", bot_id="B0PAGERDUT")


def people() -> tuple[User, ...]:
    """Alice is on call, Bob is the second approver, Carol is in no group; then those who may not decide."""
    return (
        User(id=ALICE, name="alice", real_name="Alice Arendt", email="alice@acme.example", title="on call"),
        User(id=BOB, name="bob", real_name="Bob Ito", email="bob@acme.example", color="9f69e7", title="SRE"),
        User(id=CAROL, name="carol", real_name="Carol Okafor", email="carol@acme.example", color="e7392d"),
        User(id=GUEST, name="gil", real_name="Gil Guest", email="gil@agency.example", is_restricted=True),
        User(id=STRANGER, name="sam", real_name="Sam Stranger", is_stranger=True, team_id="T0OTHER"),
        User(id=GONE, name="gus", real_name="Gus Gone", email="gus@acme.example", is_deleted=True),
        User(id=NO_EMAIL, name="nina", real_name="Nina Nomail"),
    )


def workspace(
    *, clock: Clock | None = None, app: App = RUNBOOK_APP, channels: Iterable[Channel] | None = None
) -> Workspace:
    """A new Acme: the app and everybody who is still there are in #incidents, nobody but Alice in #general."""
    present = [user.id for user in people() if not user.is_deleted]
    places = channels or (
        Channel(
            id=INCIDENTS,
            name="incidents",
            topic="Pages land here",
            members=[*present, app.user_id, "U0PDAPP"],
        ),
        Channel(id="C0GENERAL", name="general", members=[ALICE]),
        Channel(id="G0PRIVATE", name="war-room", is_private=True, members=[ALICE, BOB, app.user_id]),
        Channel(id="G0SECRET", name="secret", is_private=True, members=[ALICE]),
    )
    return Workspace(
        app=app,
        users=people(),
        channels=places,
        groups=(UserGroup(id=ONCALL, handle="oncall", name="On call", users=[ALICE, BOB]),),
        other_apps=(PAGERDUTY_APP,),
        clock=clock,
    )
