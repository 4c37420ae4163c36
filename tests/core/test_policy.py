"""Who may decide and where a step may run: the nearest level names approvers, the stricter of two rules wins."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.catalog.schema import ApproverGroup, Catalog, Environment, Rules, Runbook, Service, Step
from bot.errors import NotPermitted, Refused
from bot.runs.events import Actor
from bot.runs.plan import Plan, Target
from bot.runs.policy import (
    MEMBERSHIP_TTL,
    Caller,
    Membership,
    Policy,
    check_place,
    expand,
    is_unattended,
    permit,
    policy_of,
    standing,
)
from tests.core.given import ALICE, ALICE_BY_API, BOB, EVE, NOW, approved, person, plan, policy, runbook, step

SILENT = Rules()
LEVELS = ("step", "action", "runbook", "service", "environment")


def files(book: Runbook, *, action: Rules | None = None, **more: Any) -> Catalog:
    """A catalog with this runbook, and action `turn-it` where rules for it are given."""
    actions = {} if action is None else {"turn-it": step("turn-it", action_rules=action)}
    return Catalog(runbooks={book.name: book}, actions=actions, **more)


def acting(
    *, step_rules: Rules = SILENT, action: Rules = SILENT, book: Rules = SILENT, kind: str = "dial"
) -> Runbook:
    one = Step(name="a", type=kind, action="turn-it", rules=step_rules, action_rules=action, digest="d")
    return runbook(one, rules=book)


def rules_now(snapshot: Runbook, today: Runbook, **more: Any) -> Policy:
    catalog = files(today, action=today.steps[0].action_rules, **more)
    return policy_of(catalog, snapshot, snapshot.steps[0], service=None, environment="")


# ---------------------------------------------------------------- approvers


@pytest.mark.parametrize("nearest", range(len(LEVELS)))
def test_the_nearest_level_that_names_anybody_names_them_all(nearest: int) -> None:
    names = {level: Rules(approvers=(f"U0{level.upper()}",)) for level in LEVELS[nearest:3]}
    book = acting(
        step_rules=names.get("step", Rules()),
        action=names.get("action", Rules()),
        book=names.get("runbook", Rules()),
    )
    service = Service(name="payments", approvers=("U0SERVICE",) if nearest <= 3 else ())
    place = Environment(name="staging", approvers=("U0ENVIRONMENT",))
    catalog = files(book, action=book.steps[0].action_rules, environments={"staging": place})
    found = policy_of(catalog, book, book.steps[0], service=service, environment="staging")
    assert found.approvers == (f"U0{LEVELS[nearest].upper()}",)
    assert found.source.startswith(LEVELS[nearest])


def test_where_nobody_is_named_there_are_no_approvers_and_nobody_may() -> None:
    found = rules_now(acting(), acting())
    assert found.approvers == ()
    with pytest.raises(NotPermitted, match="names no approvers"):
        permit(found.approvers, ALICE, {}, now=NOW, to="approve this")


def test_groups_of_the_catalog_are_expanded_and_say_who_is_told_directly() -> None:
    groups = {
        "leads": ApproverGroup(name="leads", members=("U0ALICE", "S0LEADS"), direct_message=True),
        "others": ApproverGroup(name="others", members=("bob@acme.example", "U0ALICE")),
    }
    catalog = Catalog(groups=groups)
    assert expand(catalog, ("leads", "@others", "U0EVE")) == (
        ("U0ALICE", "S0LEADS", "bob@acme.example", "U0EVE"),
        ("U0ALICE", "S0LEADS"),
    )


def test_approvers_and_rules_of_today_stand_in_for_those_of_the_snapshot() -> None:
    then = acting(action=Rules(approvers=("U0ALICE",)))
    today = acting(action=Rules(approvers=("U0BOB",)))
    assert rules_now(then, today).approvers == ("U0BOB",)


def test_a_runbook_or_action_that_left_the_catalog_is_a_refusal() -> None:
    book = acting()
    with pytest.raises(NotPermitted, match="runbook 'turn' is no longer"):
        policy_of(Catalog(), book, book.steps[0], service=None, environment="")
    with pytest.raises(NotPermitted, match="action 'turn-it' is no longer"):
        policy_of(files(runbook("b")), book, book.steps[0], service=None, environment="")


# ---------------------------------------------------------------- the stricter of two

said = st.builds(
    Rules,
    requires_approval=st.none() | st.booleans(),
    min_approvals=st.none() | st.integers(1, 4),
    allow_self_approval=st.none() | st.booleans(),
)
books = st.builds(acting, step_rules=said, action=said, book=said)


@given(books, books)
def test_the_stricter_of_the_snapshot_and_today_wins(then: Runbook, today: Runbook) -> None:
    before, after, both = rules_now(then, then), rules_now(today, today), rules_now(then, today)
    assert both.asks is (before.asks or after.asks)
    assert both.min_approvals == max(before.min_approvals, after.min_approvals)
    assert both.allow_self_approval is (before.allow_self_approval and after.allow_self_approval)


@given(said, said, said)
def test_a_human_is_asked_unless_a_tag_says_otherwise_and_none_says_they_are(
    own: Rules, action: Rules, book: Rules
) -> None:
    words = {own.requires_approval, action.requires_approval}
    found = rules_now(*[acting(step_rules=own, action=action, book=book)] * 2)
    assert found.asks is (True in words or False not in words)


@given(books)
def test_an_environment_that_confirms_every_step_always_asks(book: Runbook) -> None:
    place = Environment(name="prod", confirm_every_step=True)
    catalog = files(book, action=book.steps[0].action_rules, environments={"prod": place})
    assert policy_of(catalog, book, book.steps[0], service=None, environment="prod").asks


def test_only_a_diagnosis_needs_nobody() -> None:
    diagnosis = acting(kind="diagnose")
    assert not rules_now(diagnosis, diagnosis).asks


@pytest.mark.parametrize(
    ("asks", "changes", "scoped", "dry_run", "alone"),
    [
        (True, True, True, False, False),
        (True, False, True, False, False),
        (False, True, True, False, True),
        (False, True, False, False, False),
        (False, False, False, False, True),
        (True, True, False, True, True),
    ],
)
def test_a_step_runs_alone_where_a_tag_says_so_and_what_changes_something_is_scoped(
    asks: bool, changes: bool, scoped: bool, dry_run: bool, alone: bool
) -> None:
    found = is_unattended(policy(asks=asks), plan(changes=changes), dry_run=dry_run, scoped=scoped)
    assert found is alone


# ---------------------------------------------------------------- who somebody is

GROUP = "S0LEADS"


def members(*ids: str, age: timedelta = timedelta(), error: str = "") -> dict[str, Membership]:
    read_at = None if error else NOW - age
    return {GROUP: Membership(group=GROUP, user_ids=frozenset(ids), read_at=read_at, error=error)}


@pytest.mark.parametrize(
    ("entries", "who"),
    [
        (("U0ALICE",), ALICE),
        (("alice@acme.example",), ALICE),
        (("ALICE@ACME.example",), ALICE),
        (("alice@acme.example",), ALICE_BY_API),
        ((GROUP,), BOB),
        (("U0EVE", GROUP), BOB),
    ],
)
def test_somebody_named_may(entries: tuple[str, ...], who: Caller) -> None:
    found = permit(entries, who, members("U0BOB"), now=NOW, to="approve this")
    assert found.via in entries
    assert (found.members_read_at == NOW) is (found.via == GROUP)


@pytest.mark.parametrize(
    ("read", "says"),
    [
        ({}, "not read yet"),
        (members(error="Slack does not answer"), "Slack does not answer"),
        (members("U0BOB", age=MEMBERSHIP_TTL + timedelta(seconds=1)), "five minutes"),
        (members("U0EVE"), "not one of"),
        (members("u0bob"), "not one of"),
    ],
)
def test_a_group_that_cannot_be_read_now_lets_nobody_in(read: dict[str, Membership], says: str) -> None:
    with pytest.raises(NotPermitted, match=says):
        permit((GROUP,), BOB, read, now=NOW, to="approve this")


def test_a_reading_counts_for_five_minutes_and_not_longer() -> None:
    permit((GROUP,), BOB, members("U0BOB", age=MEMBERSHIP_TTL), now=NOW, to="approve this")


def test_a_group_that_cannot_be_read_does_not_stop_those_named_beside_it() -> None:
    assert permit((GROUP, "U0BOB"), BOB, {}, now=NOW, to="approve this").via == "U0BOB"


def test_nobody_without_an_email_is_anybody_by_email() -> None:
    nobody = Caller(actor=EVE.actor, email="")
    with pytest.raises(NotPermitted):
        permit(("", "alice@acme.example"), nobody, {}, now=NOW, to="approve this")


@given(st.sampled_from([ALICE, BOB, EVE]), st.lists(st.sampled_from(["U0ALICE", "U0BOB", GROUP]), max_size=3))
def test_who_is_barred_never_may(who: Caller, entries: list[str]) -> None:
    barred = person(who.actor.name, barred="guests may not decide")
    with pytest.raises(NotPermitted):
        permit(entries, barred, members(barred.actor.id), now=NOW, to="approve this")


def test_approvals_fall_when_today_would_not_take_them() -> None:
    given_by = [approved(ALICE), approved(BOB)]
    today = policy(approvers=("U0ALICE",))
    fallen = standing(today, given_by, {}, requester=None, now=NOW)
    assert [one.actor.person for one, _ in fallen] == ["bob@acme.example"]
    both = standing(policy(), given_by, {}, requester=ALICE.actor, now=NOW)
    assert [one.actor.person for one, _ in both] == ["alice@acme.example"]
    stale = members("U0ALICE", "U0BOB", age=MEMBERSHIP_TTL * 2)
    assert len(standing(policy(approvers=(GROUP,)), given_by, stale, requester=None, now=NOW)) == 2


# ---------------------------------------------------------------- where

PLACES = ("dev", "staging", "prod")
scopes = st.none() | st.lists(st.sampled_from(PLACES), unique=True).map(tuple)


def at(place: str, *, kind: str = "host") -> Plan:
    return plan(targets=(Target(kind=kind, name="web-1", environment=place),))


somewhere = st.lists(st.sampled_from(PLACES), unique=True).map(tuple)


@given(scopes, scopes, scopes, st.sampled_from(PLACES), somewhere, somewhere)
def test_a_step_runs_only_where_every_level_that_speaks_or_its_own_promotion_lets_it(
    own: Any, action: Any, book: Any, place: str, of_action: Any, of_book: Any
) -> None:
    found = acting(step_rules=Rules(scopes=own), action=Rules(scopes=action), book=Rules(scopes=book))
    promotions = {"d": of_action, "v1": of_book}
    catalog = files(found, action=Rules(scopes=action), promotions=promotions)
    levels = ((own, of_book), (action, of_action), (book, of_book))
    if all(said is None or place in (*said, *promoted) for said, promoted in levels):
        assert check_place(catalog, found, found.steps[0], at(place), environment="") == place
    else:
        with pytest.raises(Refused, match=f"not in {place}"):
            check_place(catalog, found, found.steps[0], at(place), environment="")


@given(scopes, scopes, st.sampled_from(PLACES))
def test_scopes_narrow_when_today_is_stricter_and_do_not_widen_when_it_is_not(
    then: Any, today: Any, place: str
) -> None:
    snapshot = acting(action=Rules(scopes=then))
    catalog = files(acting(action=Rules(scopes=today)), action=Rules(scopes=today))
    may = all(said is None or place in said for said in (then, today))
    try:
        assert check_place(catalog, snapshot, snapshot.steps[0], at(place), environment="") == place
    except Refused:
        assert not may
    else:
        assert may


def test_an_inline_step_is_promoted_with_its_runbook_and_an_action_by_itself() -> None:
    inline = runbook(step("a"), rules=Rules(scopes=("dev",)))
    catalog = files(inline, promotions={"v1": ("prod",)})
    assert check_place(catalog, inline, inline.steps[0], at("prod"), environment="") == "prod"
    with pytest.raises(Refused):
        check_place(
            files(inline, promotions={"digest-a": ("prod",)}),
            inline,
            inline.steps[0],
            at("prod"),
            environment="",
        )


@pytest.mark.parametrize(
    ("made", "environment", "says"),
    [
        (at(""), "staging", "belongs to no environment"),
        (at("prod"), "staging", "this run is for staging"),
        (
            plan(
                targets=(
                    Target(kind="host", name="a", environment="dev"),
                    Target(kind="host", name="b", environment="prod"),
                )
            ),
            "",
            "several environments",
        ),
    ],
)
def test_a_target_of_no_or_another_or_two_environments_is_refused(
    made: Plan, environment: str, says: str
) -> None:
    book = runbook("a")
    with pytest.raises(Refused, match=says):
        check_place(files(book), book, book.steps[0], made, environment=environment)


def test_a_channel_is_nowhere_and_keeps_the_environment_of_the_run() -> None:
    book = runbook("a")
    assert check_place(files(book), book, book.steps[0], at("", kind="channel"), environment="prod") == "prod"


def test_a_member_is_one_human_through_either_door_and_a_program_is_nobody_else() -> None:
    clicked = Actor(kind="slack", id="U01ALICE", person="slack:U01ALICE", name="alice")
    called = Actor(kind="api", id="U01ALICE", person="alice@acme.example", name="alice")
    program = Actor(kind="api", id="api:U01ALICE", person="api:U01ALICE", name="alice")
    assert clicked.is_same_human(called)
    assert not program.is_same_human(clicked)
    assert not program.is_same_human(called)
