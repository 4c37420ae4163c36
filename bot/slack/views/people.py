"""How people are named: who did it (without ringing their phone), who is asked (so that it rings)."""

from __future__ import annotations

from collections.abc import Collection

from bot.runs.events import Actor, Asked, Permission
from bot.runs.policy import ON_CALL, is_on_call, is_user_group
from bot.slack import text

MOST_MENTIONS = 24

BY_NAME = "named in the catalog as approver"

OVERRIDE = "🟥 OVERRIDE"
"""How broken glass is marked wherever it shows: red for the eye, and the word for whoever sees no colour."""


def who(actor: Actor) -> str:
    """The name of whoever did something. Not a mention: nobody is woken to read what they just did."""
    name = text.value(actor.name, 80) if actor.name else ""
    match actor.kind:
        case "slack":
            return name or text.mention(actor.id)
        case "api":
            return f"{name or text.value(actor.id, 80)} (over the API)"
        case "system":
            return name or "the bot"


def names(actors: list[Actor]) -> str:
    """Several people, each once."""
    by_person = {actor.person: who(actor) for actor in actors}
    return text.listed(list(by_person.values()))


def why_permitted(permission: Permission, actor: Actor) -> str:
    """Which entry of the catalog let them decide. A group is named in words: a mention would ring all of it."""
    via = permission.via
    if not via:
        return ""
    if via == actor.id or via.lower() == actor.person:
        return BY_NAME
    if is_user_group(via):
        handle = permission.handle
        return (
            f"member of {text.value(f'@{handle}', 60)}"
            if handle
            else f"member of user group {text.value(via, 40)}"
        )
    if is_on_call(via):
        return on_call(via)
    return f"allowed by {text.code(via, 80)}"


def on_call(entry: str) -> str:
    """`on call for checkout at PagerDuty`."""
    service = entry.removeprefix(ON_CALL).removeprefix("/")
    return f"on call for {text.value(service, 60)} at PagerDuty" if service else "on call at PagerDuty"


def asked_people(asked: Asked) -> str:
    """Those who may decide: mentions, and in words whoever Slack does not know."""
    known = [entry for entry in asked.approvers if entry in asked.mention]
    looked_up = [name for name in asked.mention if name not in asked.approvers]
    called = [entry for entry in asked.approvers if is_on_call(entry)]
    others = [entry for entry in asked.approvers if entry not in (*asked.mention, *called)]
    # Emails that Slack knew stand in `mention` as ids; only when some were not found are the words needed.
    unknown = others if len(others) > len(looked_up) else []
    shown = [text.mention(name) for name in (*known, *looked_up)] + [
        text.value(entry, 80) for entry in unknown
    ]
    shown += [f"whoever is {on_call(entry)}" for entry in called]
    return text.listed(shown, last="or", most=MOST_MENTIONS) or "nobody"


def mentions(asked: Asked, *, without: Collection[str] = ()) -> str:
    """Only the mentions, for messages that shall be noticed; `without` those who have done their part."""
    people = [name for name in asked.mention if name not in without]
    return " ".join(text.mention(name) for name in people[:MOST_MENTIONS])


def how_many(asked: Asked) -> str:
    """`any one of them`, `2 people must agree`."""
    needed = asked.min_approvals
    return "one of them decides" if needed <= 1 else f"{text.count(needed, 'person', 'people')} must agree"
