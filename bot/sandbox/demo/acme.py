"""The demo's workspace: you on call, a second approver, somebody outside, and the channels they meet in."""

from __future__ import annotations

from bot.sandbox.acme import PAGERDUTY_APP, RUNBOOK_APP
from bot.sandbox.members import Channel, User, UserGroup
from bot.sandbox.workspace import Workspace

ALICE, BOB, MIRA = "U01ALICE", "U02BOB", "U03MIRA"
INCIDENTS, PAYMENTS = "C0INC", "C0PAYMENTS"
ONCALL = "S0PAYMENTS"

PEOPLE = (
    User(
        id=ALICE,
        name="alice",
        real_name="Alice Arendt",
        email="alice@acme.example",
        title="On call",
        color="4bbe2e",
    ),
    User(
        id=BOB,
        name="bob",
        real_name="Bob Ito",
        email="bob@acme.example",
        title="Second approver",
        color="9f69e7",
    ),
    User(
        id=MIRA,
        name="mira",
        real_name="Mira Lindqvist",
        email="mira@acme.example",
        title="Not an approver",
        color="e7392d",
    ),
)


def workspace() -> Workspace:
    """A new one, in which nothing has been said."""
    everybody = [user.id for user in PEOPLE] + [RUNBOOK_APP.user_id]
    return Workspace(
        app=RUNBOOK_APP,
        users=PEOPLE,
        channels=(
            Channel(
                id=INCIDENTS,
                name="incidents",
                topic="Pages land here, and are mended in their threads",
                members=[*everybody, PAGERDUTY_APP.user_id],
            ),
            Channel(
                id=PAYMENTS,
                name="payments",
                topic="What everybody should know about payments",
                members=[*everybody],
            ),
        ),
        groups=(UserGroup(id=ONCALL, handle="payments-oncall", name="Payments on call", users=[ALICE, BOB]),),
        other_apps=(PAGERDUTY_APP,),
    )


def names() -> dict[str, str]:
    """Every id to what people call it, for transcripts."""
    return {
        **{user.id: user.real_name for user in PEOPLE},
        INCIDENTS: "incidents",
        PAYMENTS: "payments",
        ONCALL: "payments-oncall",
        RUNBOOK_APP.user_id: RUNBOOK_APP.name,
    }
