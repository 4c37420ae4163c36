"""The manifest: what is in the repository is what is generated, within Slack's limits, and what the code relies on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from bot.cli.main import main
from bot.errors import BadInput
from bot.sandbox.members import MANIFEST_EVENTS, MANIFEST_SCOPES
from bot.slack import ids
from bot.slack.commands import COMMAND
from bot.slack.manifest import manifest, text_of

HERE = Path(__file__).parents[2]


def test_the_file_in_the_repository_is_the_generated_one() -> None:
    assert (HERE / "manifest.yml").read_text() == text_of(manifest())


@pytest.mark.parametrize("url", ["", "https://bot.example.com"])
def test_the_yaml_reads_back_as_the_manifest(url: str) -> None:
    assert yaml.safe_load(text_of(manifest(http_url=url))) == manifest(http_url=url)


@pytest.mark.parametrize("url", ["", "https://bot.example.com"])
def test_slacks_limits_are_kept(url: str) -> None:
    made = manifest(http_url=url)
    shown, features = made["display_information"], made["features"]
    assert len(shown["name"]) <= 35
    assert len(shown["description"]) <= 140
    assert 174 <= len(shown["long_description"]) <= 4000
    assert len(features["bot_user"]["display_name"]) <= 80
    for shortcut in features["shortcuts"]:
        assert len(shortcut["name"]) <= 24
        assert len(shortcut["description"]) <= 150
        assert len(shortcut["callback_id"]) <= 255
    for command in features["slash_commands"]:
        assert len(command["description"]) <= 2000
        assert len(command["usage_hint"]) <= 1000


def test_it_names_what_the_listeners_listen_to() -> None:
    features = manifest()["features"]
    assert [one["command"] for one in features["slash_commands"]] == [COMMAND]
    assert [one["callback_id"] for one in features["shortcuts"]] == [ids.START_SHORTCUT]


def test_scopes_and_events_are_those_the_local_workspace_grants() -> None:
    made = manifest()
    assert set(made["oauth_config"]["scopes"]["bot"]) == set(MANIFEST_SCOPES)
    assert set(made["settings"]["event_subscriptions"]["bot_events"]) == set(MANIFEST_EVENTS)


def test_socket_mode_has_no_address_and_http_mode_has_one_everywhere() -> None:
    def addresses(made: dict[str, Any]) -> list[str | None]:
        settings = made["settings"]
        return [
            settings["event_subscriptions"].get("request_url"),
            settings["interactivity"].get("request_url"),
            *(one.get("url") for one in made["features"]["slash_commands"]),
        ]

    assert addresses(manifest()) == [None] * 3
    assert manifest()["settings"]["socket_mode_enabled"] is True
    over_http = manifest(http_url="https://bot.example.com/")
    assert addresses(over_http) == ["https://bot.example.com/slack/events"] * 3
    assert over_http["settings"]["socket_mode_enabled"] is False


@pytest.mark.parametrize(
    "url", ["http://bot.example.com", "bot.example.com", "https://", "https://u@x.example/"]
)
def test_an_address_slack_could_not_call_is_refused(url: str) -> None:
    with pytest.raises(BadInput):
        manifest(http_url=url)


def test_the_command_prints_it_and_refuses_a_bad_address() -> None:
    printed = CliRunner().invoke(main, ["manifest", "--http", "https://bot.example.com"])
    assert printed.exit_code == 0
    assert yaml.safe_load(printed.stdout) == manifest(http_url="https://bot.example.com")
    refused = CliRunner().invoke(main, ["manifest", "--http", "nonsense"])
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "is no address Slack could call" in refused.stderr


@pytest.mark.parametrize(
    "module",
    ["text", "ids", "message", "thread", "transcript", "views", "manifest", "commands", "interactions"],
)
def test_the_pure_half_of_the_door_loads_no_slack_library(module: str) -> None:
    program = (
        f"import sys, bot.slack.{module}; "
        "sys.exit(any(name in sys.modules for name in ('slack_sdk', 'slack_bolt', 'aiohttp')))"
    )
    assert subprocess.run([sys.executable, "-c", program], cwd=HERE, check=False).returncode == 0
