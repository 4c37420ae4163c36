"""A tick of a runbook's schedule, as it is accepted and as the signal it is.

A tick opens an incident of its own in the channel of the runbook's service, on which that runbook is suggested:
coming round is no reason to run anything. One that is posted late says so.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from bot.errors import BadInput
from bot.intake.incident import Facts, Origin
from bot.intake.signal import SCHEDULE, Signal, schedule_key

LATE = timedelta(minutes=2)
"""Later than this is late enough to be said, and too late to start anything without a click."""


class Tick(BaseModel):
    """One time that one runbook's schedule came round, for one service (or none)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    runbook: str
    at: AwareDatetime
    timezone: str = "UTC"
    service: str = ""
    is_one_of_several: bool = False
    """Whether the runbook names several services, each of which gets an incident of its own."""

    @property
    def key(self) -> str:
        """Names it for ever: what stops it from being posted twice."""
        service = self.service if self.is_one_of_several else ""
        return schedule_key(self.runbook, self.at.astimezone(UTC), service=service)


def read_tick(body: str) -> Tick:
    """The tick in an accepted item; `BadInput` where it is none."""
    try:
        return Tick.model_validate_json(body)
    except ValidationError as error:
        raise BadInput("this is no tick of a schedule") from error


def signal_of(tick: Tick, *, received_at: datetime) -> Signal:
    """What a tick tells; `received_at` is when it was noticed."""
    at = tick.at.astimezone(UTC)
    return Signal(
        kind="triggered",
        account="source",
        origins=(Origin(key=tick.key, source=SCHEDULE),),
        facts=Facts(
            title=f"Scheduled: {tick.runbook}, {_clock(tick)}{_late(received_at - at)}",
            service_text=tick.service,
            runbook=tick.runbook,
        ),
        occurred_at=min(at, received_at),
        service_names=(tick.service,) if tick.service else (),
    )


def _clock(tick: Tick) -> str:
    at, name = tick.at.astimezone(UTC), "UTC"
    with suppress(KeyError, ValueError, OSError):  # accepted on a machine that knew more zones than this one
        at, name = at.astimezone(ZoneInfo(tick.timezone)), tick.timezone
    return f"{at:%a %d %b %H:%M} {name}"


def _late(by: timedelta) -> str:
    if by < LATE:
        return ""
    return f", {int(by.total_seconds() // 60)} minutes late: the bot was away"
