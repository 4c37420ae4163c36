"""`runbookctl diagnose`: the report on stdout, an exit code that says whether something is wrong, nothing written."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bot.cli.main import main
from bot.sandbox.cluster.server import Cluster
from tests.fakes.model_server import Json, ModelServer, Reply, calls, report


async def diagnose(cluster: Cluster, folder: Path, *arguments: str, **env: str) -> Result:
    kubeconfig = await asyncio.to_thread(cluster.write_kubeconfig, folder / "kubeconfig")
    line = ["diagnose", "--context", "standin", *arguments]
    return await asyncio.to_thread(CliRunner().invoke, main, line, env={"KUBECONFIG": str(kubeconfig), **env})


async def test_a_healthy_workload_is_told_with_exit_code_0(tmp_path: Path) -> None:
    async with Cluster() as cluster:
        cluster.deployment("shop", "api", replicas=2)
        await cluster.settled()
        done = await diagnose(cluster, tmp_path, "-n", "shop", "--deployment", "api")
        assert (done.exit_code, done.stderr) == (0, "")
        assert "# deployment shop/api" in done.stdout
        assert "is healthy as far as can be read" in done.stdout
        assert cluster.requests.writes() == []


async def test_what_is_wrong_is_told_with_its_words_and_exit_code_1(tmp_path: Path) -> None:
    async with Cluster() as cluster:
        cluster.quota("shop", "team", hard={"pods": "1"})
        cluster.deployment("shop", "api", replicas=3)
        await cluster.settled()
        done = await diagnose(cluster, tmp_path, "-n", "shop", "--deployment", "api")
        assert done.exit_code == 1
        assert "## 1. the namespace's quota refuses new pods" in done.stdout
        assert "exceeded quota: team" in done.stdout
        done = await diagnose(cluster, tmp_path, "-n", "shop", "--deployment", "api", "--json")
        told = json.loads(done.stdout)
        assert told["findings"][0]["kind"] == "quota-exceeded"
        assert told["evidence"]["subject"] == {"kind": "Deployment", "namespace": "shop", "name": "api"}


async def test_what_cannot_be_told_is_exit_code_2(tmp_path: Path) -> None:
    async with Cluster() as cluster:
        cluster.rights.allow_only([])
        done = await diagnose(cluster, tmp_path, "-n", "shop", "--deployment", "api")
        assert done.exit_code == 2
        assert "cannot be told from what could be read" in done.stdout
        assert "What could not be read" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["-n", "shop"], "say which workload"),
        (["-n", "shop", "--deployment", "a", "--job", "b"], "say which workload"),
        (["-n", "../../x", "--deployment", "api"], "is no name of Kubernetes"),
        (["-n", "shop", "--deployment", "api/scale"], "is no name of Kubernetes"),
        (["-n", "shop", "--deployment", "api"], "say which cluster"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_read(
    tmp_path: Path, arguments: list[str], says: str
) -> None:
    done = CliRunner().invoke(main, ["diagnose", *arguments], env={"KUBECONFIG": str(tmp_path / "none")})
    assert done.exit_code == 2
    assert says in done.stderr


async def test_a_models_opinion_follows_where_a_key_is_set_and_changes_nothing(tmp_path: Path) -> None:
    def looks_once(asked: Json, number: int) -> Reply:
        if number == 0:
            return calls("describe", kind="resourcequota", name="team")
        quote = {"item": "look-1/resourcequota/team", "quote": "spec.hard.pods: 1"}
        lie = {"item": "log/api/app", "quote": "disk full"}
        causes = [
            {"cause": "the quota allows a single pod", "confidence": "certain", "rests_on": [quote]},
            {"cause": "the disk is full", "rests_on": [lie]},
        ]
        return report(summary="It may have one pod and wants three.", hypotheses=causes)

    async with Cluster() as cluster, ModelServer(script=looks_once) as model:
        cluster.quota("shop", "team", hard={"pods": "1"})
        cluster.deployment("shop", "api", replicas=3)
        await cluster.settled()
        env = {"BOT_AI_KEY": "key-8f3a", "BOT_AI_MODEL": "played-1", "BOT_AI_URL": f"{model.url}/v1"}
        workload = ("-n", "shop", "--deployment", "api")
        done = await diagnose(cluster, tmp_path, *workload, **env)
        assert done.exit_code == 1
        assert done.stderr == "asking played-1, for at most 60 s …\n"
        findings, _, opinion = done.stdout.partition("## A model's opinion (played-1)")
        assert "## 1. the namespace's quota refuses new pods" in findings
        assert "It may have one pod and wants three." in opinion
        assert "    spec.hard.pods: 1\n\nfrom `look-1/resourcequota/team`" in opinion
        assert "Struck from its answer, since it does not hold (1):" in opinion
        assert "the disk is full: there is no evidence “log/api/app”" in opinion
        assert cluster.requests.writes() == []
        asked = len(model.requests)
        done = await diagnose(cluster, tmp_path, *workload, "--no-model", **env)
        assert (done.stderr, len(model.requests)) == ("", asked)
        assert "model" not in done.stdout


async def test_a_model_that_gives_nothing_leaves_the_report_as_it_was(tmp_path: Path) -> None:
    async with Cluster() as cluster, ModelServer(script=[Reply(status=401)]) as model:
        cluster.deployment("shop", "api", replicas=2)
        await cluster.settled()
        env = {"BOT_AI_KEY": "key-8f3a", "BOT_AI_MODEL": "played-1", "BOT_AI_URL": f"{model.url}/v1"}
        done = await diagnose(cluster, tmp_path, "-n", "shop", "--deployment", "api", "--json", **env)
        assert done.exit_code == 0
        told = json.loads(done.stdout)
        assert told["findings"][0]["kind"] == "healthy"
        assert told["opinion"]["nothing"] == "its endpoint refuses the key (401)"
        assert "key-8f3a" not in done.stdout + done.stderr
