"""What stands in a modal, and what is read back from one."""

from __future__ import annotations

from typing import Any

from bot.catalog.params import BadParams
from bot.catalog.schema import Param
from bot.engine.operations import DecisionForm, StartForm
from bot.engine.ports import ClickRef
from bot.runs.events import ProposalId
from bot.slack import ids
from bot.slack.views.forms import edit_form, reject_form, start_form
from bot.slack.views.typed import given_params, given_reason, given_runbook, is_dry_run, param_errors
from tests.slack.limits import check_modal
from tests.slack.stage import INCIDENT, MENU, shell_plan

REF = ids.FormRef(click=ClickRef(incident_id=INCIDENT, proposal_id=ProposalId("p-1"), digest="ab"))
PARAMS = (
    Param(name="replicas", type="int", description="how many", minimum=1, maximum=10),
    Param(name="zone", type="choice", choices=("eu-1", "eu-2"), default="eu-1"),
    Param(name="force", type="bool", required=False),
    Param(name="note", pattern="[a-z ]+", required=False),
)


def inputs(view: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Inputs by block id."""
    return {block["block_id"]: block for block in view["blocks"] if block["type"] == "input"}


def test_every_parameter_gets_an_input_of_its_type_with_the_value_it_has() -> None:
    view = edit_form(
        REF,
        runbook="scale",
        step="step 1 of 2",
        params=PARAMS,
        values={"replicas": 5, "force": True, "note": "hi"},
    )
    check_modal(view)
    found = inputs(view)
    replicas = found["param:replicas"]["element"]
    assert replicas["type"] == "number_input"
    assert (replicas["min_value"], replicas["max_value"], replicas["initial_value"]) == ("1", "10", "5")
    assert found["param:replicas"]["hint"]["text"] == "how many; from 1 to 10"
    assert found["param:zone"]["element"]["initial_option"]["value"] == "eu-1"
    assert found["param:force"]["element"]["initial_option"]["value"] == "true"
    assert found["param:force"]["optional"]
    assert found["param:note"]["element"]["initial_value"] == "hi"
    assert found["param:note"]["hint"]["text"] == "must match [a-z ]+"
    assert ids.parse_form(view["private_metadata"]) == REF


def test_what_was_typed_comes_back_by_name() -> None:
    state = {
        "values": {
            "param:replicas": {"value": {"type": "number_input", "value": "4"}},
            "param:zone": {"value": {"type": "static_select", "selected_option": {"value": "eu-2"}}},
            "param:force": {"value": {"type": "static_select", "selected_option": None}},
            "param:note": {"value": {"type": "plain_text_input", "value": None}},
            "reason": {"value": {"type": "plain_text_input", "value": " because "}},
            "runbook": {
                "choose_runbook": {"type": "static_select", "selected_option": {"value": "flush-redis"}}
            },
            "dry_run": {"value": {"type": "checkboxes", "selected_options": [{"value": "yes"}]}},
        }
    }
    assert given_params(state) == {"replicas": "4", "zone": "eu-2"}
    assert given_reason(state) == "because"
    assert given_runbook(state) == "flush-redis"
    assert is_dry_run(state)


def test_a_state_that_is_none_gives_nothing() -> None:
    for state in ({}, {"values": None}, {"values": {"param:x": None, "reason": {"value": 7}}}):
        assert given_params(state) == {}
        assert given_reason(state) == ""
        assert given_runbook(state) == ""
        assert not is_dry_run(state)


def test_refused_values_stand_at_their_fields() -> None:
    refusal = BadParams({"replicas": "must be at most 10", "zone": "is missing"})
    assert param_errors(refusal) == {
        "param:replicas": "must be at most 10",
        "param:zone": "is missing",
    }


def test_a_rejection_asks_for_a_reason_and_says_what_it_does() -> None:
    about = DecisionForm(
        runbook="scale-out", step="scale", environment="prod", plan=shell_plan("workers set 5", text="scale")
    )
    view = reject_form(REF, about)
    check_modal(view)
    assert not inputs(view)["reason"]["optional"]
    words = view["blocks"][0]["text"]["text"]
    assert words.startswith("You reject step scale of runbook scale-out in *prod*. The run halts there")
    assert "workers set 5" in view["blocks"][1]["text"]["text"]


def test_the_start_form_shows_parameters_once_a_runbook_is_chosen() -> None:
    ref = ids.StartRef(channel="C0INC", thread_ts="1.2")
    first = start_form(ref, menu=MENU)
    check_modal(first)
    assert list(inputs(first)) == ["runbook"]
    assert inputs(first)["runbook"]["dispatch_action"]
    chosen = ids.StartRef(channel="C0INC", thread_ts="1.2", runbook="flush-redis")
    second = start_form(chosen, menu=MENU, asks=StartForm(params=PARAMS))
    check_modal(second)
    assert next(iter(inputs(second))) == "runbook"
    assert "param:replicas" in inputs(second)
    assert "dry_run" in inputs(second)
    assert ids.parse_start(second["private_metadata"]) == chosen


def test_a_catalog_without_runbooks_gives_a_form_that_can_only_be_closed() -> None:
    view = start_form(ids.StartRef(channel="C0INC"), menu=())
    check_modal(view)
    assert "submit" not in view


def test_a_yes_or_no_is_two_dots_and_a_value_that_does_not_fit_is_named_beside_its_field() -> None:
    given = {"replicas": "many", "zone": "mars", "force": "on"}
    shown = inputs(
        start_form(
            ids.StartRef(channel="C0INC", runbook="scale"),
            menu=MENU,
            asks=StartForm(params=PARAMS),
            values=given,
        )
    )
    assert "initial_value" not in shown["param:replicas"]["element"]
    assert "you typed 'many', which does not fit" in shown["param:replicas"]["hint"]["text"]
    assert shown["param:zone"]["element"]["initial_option"]["value"] == "eu-1"
    assert shown["param:force"]["element"]["type"] == "radio_buttons"
    assert shown["param:force"]["element"]["initial_option"]["value"] == "true"


def test_a_service_and_an_environment_are_asked_for_where_there_are_several() -> None:
    several = StartForm(services=("a", "b"), environments=("dev", "prod"))
    ref = ids.StartRef(channel="C0INC", runbook="scale", service="b", environment="prod", dry_run=True)
    shown = inputs(start_form(ref, menu=MENU, asks=several))
    assert shown["service"]["element"]["initial_option"]["value"] == "b"
    assert not shown["service"]["optional"]
    assert shown["environment"]["element"]["initial_option"]["value"] == "prod"
    assert shown["environment"]["optional"]
    assert shown["dry_run"]["element"]["initial_options"]
    alone = inputs(start_form(ref, menu=MENU, asks=StartForm(services=("a",), environments=("prod",))))
    assert set(alone) == {"runbook", "dry_run"}
    assert several.missing({})
    assert not several.missing({}, service="a")
