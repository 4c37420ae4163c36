"""Who a token's caller is to the engine: a member of the workspace where it names one, else a program with a role.

A token with an email speaks for that person and for nobody else: the member is looked up as for a click, so guests and
strangers are refused, the catalog's lists hold for them, and the person counts once however they came. A token
without one is a program; being in nobody's list, it may do what its role says (start and cancel) and decides nothing.
"""

from __future__ import annotations

from dataclasses import replace

from bot.api.auth import OPERATOR as OPERATOR_ROLE
from bot.api.auth import ApiCaller
from bot.api.doors import Doors
from bot.errors import NotPermitted
from bot.runs.policy import OPERATOR, Caller


async def person_or_program(doors: Doors, caller: ApiCaller) -> Caller:
    """Whoever asks to start or cancel; `NotPermitted` for an email that is no member's."""
    if caller.email:
        return await person(doors, caller)
    grants = frozenset({OPERATOR}) if OPERATOR_ROLE in caller.roles else frozenset()
    return Caller(actor=caller.actor, grants=grants)


async def person(doors: Doors, caller: ApiCaller) -> Caller:
    """The member of the workspace this token names; `NotPermitted` where it names none, or Slack cannot say."""
    if not caller.email:
        raise NotPermitted(
            "this token names no person, and only people decide", hint="mint one with the email of a member"
        )
    member = await doors.members.member_of(caller.email) if doors.members is not None else None
    if member is None:
        raise NotPermitted(
            "the token's email is no member's of the Slack workspace, or Slack cannot say just now",
            hint="mint a token with the address that the member has confirmed in Slack, or try again in a minute",
        )
    return replace(member, actor=replace(member.actor, kind="api"))
