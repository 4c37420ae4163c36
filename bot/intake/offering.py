"""Which runbooks the rules would propose for a service in an environment, whatever the page says."""

from __future__ import annotations

from bot.catalog.params import parse_params
from bot.catalog.schema import Catalog, Runbook
from bot.diagnosis.agent import Offer
from bot.errors import BadInput
from bot.intake.incident import Facts
from bot.intake.matching import never_applies


def offers(catalog: Catalog, service: str, environment: str) -> tuple[Offer, ...]:
    """Those for this service (or for any) that may run there, can be proposed as they are, and do more than read."""
    facts = Facts(title="", service=service, environment=environment)
    return tuple(
        Offer(runbook=name, step=runbook.steps[0].name, text=runbook.description)
        for name, runbook in sorted(catalog.runbooks.items())
        if _is_for(catalog, runbook, service)
        and any(step.type not in ("diagnose", "slack") for step in runbook.steps)
        and not never_applies(catalog, runbook, facts)
        and _needs_nothing(runbook)
    )


def _is_for(catalog: Catalog, runbook: Runbook, service: str) -> bool:
    trigger = runbook.trigger
    if not trigger.services:
        return bool(trigger.symptoms or trigger.metric_name or trigger.condition)
    known = {found.name if (found := catalog.service_named(name)) else name for name in trigger.services}
    return service in known


def _needs_nothing(runbook: Runbook) -> bool:
    """Whether every param has a default: a suggestion is made without asking for one."""
    try:
        parse_params(runbook.params, {})
    except BadInput:
        return False
    return True
