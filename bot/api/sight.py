"""What a caller may see: objects of their teams and of none; anybody else's are not there at all.

An object of another team answers 404 like one that does not exist, so that names and ids cannot be fished for.
"""

from __future__ import annotations

from collections.abc import Sequence

from bot.api.auth import ApiCaller
from bot.api.doors import Doors
from bot.catalog.schema import Catalog, Runbook, Service
from bot.diagnosis.place import Place
from bot.engine.suggesting import nearest
from bot.errors import BadInput, NotFound, NotPermitted
from bot.runs.events import RunId
from bot.runs.state import Run

MOST_NAMED = 10


def services_of(catalog: Catalog, runbook: Runbook) -> tuple[Service, ...]:
    """The services a runbook names that the catalog knows."""
    found = (catalog.service_named(name) for name in runbook.trigger.services)
    return tuple({one.name: one for one in found if one is not None}.values())


def runbooks_for(doors: Doors, caller: ApiCaller) -> tuple[Runbook, ...]:
    """The runbooks that are there for the caller, by name: those of no service, or of one they see."""
    catalog = doors.engine.catalog()
    return tuple(one for one in doors.engine.runbooks() if _is_seen(catalog, caller, one))


def _is_seen(catalog: Catalog, caller: ApiCaller, runbook: Runbook) -> bool:
    services = services_of(catalog, runbook)
    return not services or any(caller.sees(one.team) for one in services)


def runbook_for(doors: Doors, caller: ApiCaller, name: str) -> Runbook:
    """The runbook of this name; `NotFound` names the nearest one the caller sees."""
    known = {str(one.name): one for one in runbooks_for(doors, caller)}
    if name in known:
        return known[name]
    near = nearest(name, list(known))
    raise NotFound(
        f"there is no runbook {name[:60]!r}",
        hint=f"did you mean {near!r}?"
        if near
        else "`GET /api/v1/runbooks` lists them, and so does `runbookctl list`",
    )


def service_for(doors: Doors, caller: ApiCaller, runbook: Runbook, given: str) -> str:
    """The name of the service a start is for, "" where it is for none; refused where it is not the caller's."""
    catalog = doors.engine.catalog()
    named = services_of(catalog, runbook)
    name = given or (named[0].name if len(named) == 1 else "")
    if not name:
        if len(named) > 1 or (
            caller.tenants is not None and any(one.team for one in catalog.services.values())
        ):
            seen = sorted(one.name for one in named or catalog.services.values() if caller.sees(one.team))
            raise BadInput(
                f"it is not clear which service {runbook.name} is started for",
                hint=f"say so in `context.service_id`, or with --service: {_some(seen)}",
            )
        return ""
    return service_called(doors, caller, name).name


def service_called(doors: Doors, caller: ApiCaller, name: str) -> Service:
    """The service of this name or alias; refused where there is none, or where it is another team's."""
    catalog = doors.engine.catalog()
    service = catalog.service_named(name)
    if service is None:
        near = nearest(name, [one.name for one in catalog.services.values() if caller.sees(one.team)])
        raise BadInput(
            f"there is no service {name[:60]!r} in the catalog",
            hint=f"did you mean {near!r}?" if near else "",
        )
    require_team(caller, service)
    return service


def place_for(
    doors: Doors,
    caller: ApiCaller,
    service: Service | None,
    *,
    cluster: str = "",
    namespace: str = "",
    kind: str = "",
    name: str = "",
) -> Place:
    """The workload that is named, with what the catalog gives for the service; refused where it is not the caller's."""
    catalog = doors.engine.catalog()
    try:
        place = Place.said(catalog, service, cluster=cluster, namespace=namespace, kind=kind, name=name)
    except (BadInput, NotPermitted) as refusal:
        if caller.tenants is None or not namespace:
            raise
        # What is listed besides is other teams' too.
        raise type(refusal)(refusal.message) from refusal
    _require_place(caller, catalog, place)
    return place


def _require_place(caller: ApiCaller, catalog: Catalog, place: Place) -> None:
    """Raise `NotPermitted` for a workload that is not the caller's to look into.

    Namespaces have no team of their own. A workload that a service is belongs to that service's team; any other in a
    namespace to the teams that have something there, all of them; and where nobody has, a token for every team is
    asked for as soon as there are teams at all.
    """
    there = [one for one in catalog.services.values() if _is_at(one, catalog, place)]
    own = [one for one in there if _is_at(one, catalog, place, exactly=True)]
    if any(caller.sees(one.team) for one in own):
        return
    strangers = [one for one in own or there if not caller.sees(one.team)]
    is_nobodys = not there and any(one.team for one in catalog.services.values())
    if strangers or (is_nobodys and caller.tenants is not None):
        raise NotPermitted(
            f"{place.subject.words} belongs to no team that the token names",
            hint="mint a token with that team in `teams`, or for every team",
        )


def sees_all_of(caller: ApiCaller, catalog: Catalog, place: Place) -> bool:
    """Whether everybody who has something in the namespace is of a team that the token names."""
    there = [one for one in catalog.services.values() if _is_at(one, catalog, place)]
    return all(caller.sees(one.team) for one in there)


def _is_at(service: Service, catalog: Catalog, place: Place, *, exactly: bool = False) -> bool:
    if service.workload is None:
        return False
    theirs = Place.of_service(service, catalog)
    if exactly:
        return (theirs.target, theirs.subject) == (place.target, place.subject)
    return theirs.target == place.target


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:MOST_NAMED]) + (", …" if len(names) > MOST_NAMED else "")


def require_team(caller: ApiCaller, service: Service) -> None:
    """Raise `NotPermitted` for a service of a team the token does not name."""
    if not caller.sees(service.team):
        raise NotPermitted(
            f"the service {service.name!r} belongs to a team that the token does not name",
            hint="mint a token with that team in `teams`",
        )


async def run_for(doors: Doors, caller: ApiCaller, run_id: str) -> Run:
    """The run of this id; `NotFound` where there is none for the caller."""
    run = await doors.engine.run(RunId(run_id))
    if not caller.sees(run.opened.tenant):
        raise NotFound(f"there is no run {run_id!r}")
    return run
