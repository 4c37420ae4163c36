"""`runbookctl list`, `show` and `completion`: what there is, told whole, and typed with few keys."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bot.cli.main import main
from tests.fakes.patience import PATIENCE_S
from tests.house.tree import ROOT

SHIPPED = str(ROOT / "runbooks")


def ctl(*arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments, "--catalog", SHIPPED])


def test_list_has_a_line_for_each_runbook_and_action() -> None:
    result = ctl("list")
    lines = result.stdout.splitlines()
    assert result.exit_code == 0
    assert lines[0].split() == ["kind", "name", "where", "steps", "what"]
    assert [line.split()[1] for line in lines if line.startswith("action")][:2] == [
        "clear-redis-cache",
        "disk-usage",
    ]
    assert next(line for line in lines if "scale-payment-api" in line).split()[:4] == [
        "runbook", "scale-payment-api", "prod", "3",
    ]  # fmt: skip
    assert "13 listed" in result.stderr


def test_list_can_be_narrowed() -> None:
    assert {line.split()[0] for line in ctl("list", "--actions").stdout.splitlines()[1:]} == {"action"}
    told = json.loads(ctl("list", "--service", "payments-api", "--json").stdout)
    assert [one["name"] for one in told] == [
        "disable-new-checkout",
        "roll-back-payment-api",
        "scale-payment-api",
    ]
    refused = ctl("list", "--service", "payment-apy")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "did you mean payment-api?" in refused.stderr


def test_a_runbook_is_told_with_its_steps_trigger_approvers_and_undo() -> None:
    told = json.loads(ctl("show", "disable-new-checkout", "--json").stdout)
    first, second = told["steps"]
    sent = "sends PUT https://flags.acme.example/api/v1/flags/new-checkout"
    assert first["does"] == f"set-feature-flag (flag: new-checkout, enabled: false): {sent}"
    assert first["undo"] == f"set-feature-flag (flag: new-checkout, enabled: true): {sent}"
    assert second["does"].startswith("restart deployment payment-workers in namespace payments")
    assert (told["where"], told["rollback_on_failure"]) == ({"scopes": ["prod"], "promoted_to": []}, True)
    assert "the metric error_rate" in told["fits"]
    rights = {right["steps"][0]: right for right in told["approval"]}
    assert (rights["turn-off"]["min_approvals"], rights["turn-off"]["by"]) == (2, "step")
    assert rights["turn-off"]["approvers"] == ["S0PAYMENTS", "amira@acme.example", "luis@acme.example"]
    assert rights["hand-over"]["asks"] is False
    assert len(told["digest"]) == 64


def test_a_runbook_is_told_in_words() -> None:
    out = ctl("show", "scale-payment-api").stdout
    assert "check       error_rate is checked after 10 min, worse above 2.5\n" in out
    assert "params      replicas (" in out
    assert (
        "payment-api  prod         scale-out       1 of S0PAYMENTS, amira@acme.example, luis@acme.example"
        in out
    )


def test_an_action_is_told_with_where_it_may_run_and_who_uses_it() -> None:
    out = ctl("show", "clear-redis-cache").stdout
    assert "where     staging\n" in out
    assert "undo      cannot be undone\n" in out
    assert "used by   clear-session-cache\n" in out
    told = json.loads(ctl("show", "set-feature-flag", "--json").stdout)
    assert (told["approvers"], told["params"][0]["takes"]) == (
        ["payments-oncall"],
        "one of new-checkout, instant-refunds",
    )


@pytest.mark.parametrize(
    ("name", "hint"), [("clear-redis-cach", "did you mean"), ("xyzzy", "runbookctl list")]
)
def test_what_is_not_there_is_answered_with_the_nearest(name: str, hint: str) -> None:
    result = ctl("show", name)
    assert (result.exit_code, result.stdout) == (2, "")
    assert hint in result.stderr


def test_show_loads_no_client_of_anything_outside() -> None:
    script = (
        "import sys\nfrom bot.cli.main import main\n"
        f"main(['show', 'clear-redis-cache', '--catalog', {SHIPPED!r}], standalone_mode=False)\n"
        "print(sorted({'slack_bolt', 'slack_sdk', 'kubernetes', 'asyncssh', 'aiohttp'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=PATIENCE_S
    )
    assert done.stdout.endswith("[]\n")


# ---------------------------------------------------------------- completion


def completed(shell: str, words: str, count: int, **environment: str) -> str:
    script = "import sys; sys.argv[0] = 'runbookctl'\nfrom bot.cli.main import main\nmain()"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={
            **os.environ,
            "_RUNBOOKCTL_COMPLETE": f"{shell}_complete",
            "COMP_WORDS": words,
            "COMP_CWORD": str(count),
            "BOT_CATALOG": SHIPPED,
            **environment,
        },
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE_S,
    )
    assert done.stderr == ""
    return done.stdout


def test_names_of_runbooks_and_actions_complete() -> None:
    assert completed("bash", "runbookctl show re", 2) == (
        "plain,relieve-product-search\nplain,restart-service\nplain,restart-web-frontend\n"
    )
    assert completed("bash", "runbookctl promote --action set-s", 3) == "plain,set-search-replicas\n"
    assert completed("bash", "runbookctl promote --runbook sc", 3) == "plain,scale-payment-api\n"


def test_services_environments_and_codes_complete() -> None:
    assert completed("bash", "runbookctl list --service p", 3) == "plain,payment-api\nplain,product-search\n"
    assert completed("bash", "runbookctl simulate --env ", 3) == "plain,prod\nplain,staging\n"
    assert completed("bash", "runbookctl lint --explain rb00", 3).split()[0] == "plain,RB001"


def test_commands_complete_too_and_a_folder_that_is_not_there_completes_nothing(tmp_path: Path) -> None:
    assert "promote" in completed("zsh", "runbookctl pro", 1)
    assert completed("bash", "runbookctl show re", 2, BOT_CATALOG=str(tmp_path / "none")).strip() == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_script(shell: str) -> None:
    result = CliRunner().invoke(main, ["completion", shell])
    assert result.exit_code == 0
    assert f"_RUNBOOKCTL_COMPLETE={shell}_complete" in result.stdout


def test_the_documented_line_completes_in_a_real_bash() -> None:
    bin_folder = Path(sys.executable).parent
    script = (
        'eval "$(runbookctl completion bash)"\n'
        "COMP_WORDS=(runbookctl show rest); COMP_CWORD=2; _runbookctl_completion runbookctl rest show\n"
        'printf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    done = subprocess.run(
        ["bash", "-c", script],
        env={
            **os.environ,
            "PATH": f"{bin_folder}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "BOT_CATALOG": SHIPPED,
        },
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=True,
    )
    assert done.stdout.split() == ["restart-service", "restart-web-frontend"]


def test_a_schedule_is_told_with_when_it_comes_round_next(tmp_path: Path) -> None:
    (tmp_path / "catalog.yaml").write_text("environments: { prod: { approvers: [dana@acme.example] } }\n")
    schedule = '{ cron: "0 6 1 1 *", timezone: Europe/Berlin }'
    steps = "[{ type: slack, message: hello, channel: '#ops' }]"
    (tmp_path / "new-year.yaml").write_text(
        f"name: new-year\ntrigger: {{ schedule: {schedule} }}\nsteps: {steps}\n"
    )
    asked = ["show", "new-year", "--catalog", str(tmp_path)]
    told = json.loads(CliRunner().invoke(main, [*asked, "--json"]).stdout)
    assert told["next"].endswith("-01-01T06:00+01:00")
    assert told["next"] in CliRunner().invoke(main, asked).stdout
    assert json.loads(ctl("show", "scale-payment-api", "--json").stdout)["next"] is None
