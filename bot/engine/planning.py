"""Asks an action for its plan and lets nothing but a sentence for people come back out."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import structlog
from pydantic import BaseModel

from bot.actions.base import Action, PlanScope
from bot.errors import ActionError, ActionFailed, BotError, Refused
from bot.runs.plan import Plan

log = structlog.get_logger()

PLAN_TIMEOUT_S = 60.0
"""Reading a state takes seconds; longer, and nobody would learn why nothing is proposed."""


async def plan_of(action: Action, given: BaseModel, scope: PlanScope) -> Plan:
    """The action's plan within a minute; raises `Refused` or `ActionError` only.

    A run whose plan breaks would be looked at again for ever and say nothing, and an incident with one such runbook
    would never get a suggestion: so what nobody foresaw becomes a step that cannot be proposed, with a reference.
    """
    try:
        async with asyncio.timeout(PLAN_TIMEOUT_S):
            return await action.plan(given, scope)
    except (Refused, ActionError):
        raise
    except TimeoutError as problem:
        raise ActionFailed(f"its state could not be read within {PLAN_TIMEOUT_S:.0f} s") from problem
    except BotError as problem:
        raise ActionFailed(problem.message, hint=problem.hint) from problem
    except Exception as problem:
        reference = uuid4().hex[:8]
        log.exception("plan-broke", reference=reference, type=action.type)
        message = f"something broke inside the bot while this was planned (reference {reference})"
        raise ActionFailed(message, hint="tell whoever runs the bot the reference") from problem
