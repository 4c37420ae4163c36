"""`runbookctl diagnose`: read a workload with your own kubeconfig and say what is wrong; changes nothing."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from bot.cli.catalog import load_catalog
from bot.cli.output import COULD_NOT_RUN, FINE, FOUND_PROBLEMS, json_option, put_json, put_markdown, tell
from bot.errors import BadInput

if TYPE_CHECKING:
    from bot.clients.kubernetes import ClusterReader
    from bot.diagnosis.diagnosis import Diagnosis
    from bot.diagnosis.evidence import Subject
    from bot.settings import Settings
    from bot.telemetry import Redactor


@click.command()
@click.option("--namespace", "-n", required=True, help="Where the workload is.")
@click.option("--deployment", help="The workload, a Deployment.")
@click.option("--statefulset", help="The workload, a StatefulSet.")
@click.option("--daemonset", help="The workload, a DaemonSet.")
@click.option("--job", help="The workload, a Job.")
@click.option("--context", "context_name", default="", help="The context of the kubeconfig to read with.")
@click.option(
    "--within", "budget_s", default=10.0, show_default=True, help="How many seconds reading may take."
)
@click.option("--no-model", is_flag=True, help="Ask no language model, also where BOT_AI_KEY is set.")
@json_option
@click.pass_context
def diagnose(
    context: click.Context,
    /,
    namespace: str,
    *,
    context_name: str,
    budget_s: float,
    no_model: bool,
    as_json: bool,
    **workload: str | None,
) -> None:
    """Say what is wrong with a workload, most likely cause first, with the words that show it.

    It reads the cluster of KUBECONFIG (or the one it runs in) and never writes. Secrets are not read. Exit code 0 when
    the workload is healthy, 1 when something was found, 2 when it cannot be told. Where BOT_AI_KEY is set, a model's
    opinion follows; it changes neither the findings nor the exit code.
    """
    from bot.diagnosis.evidence import Subject
    from bot.diagnosis.place import KINDS
    from bot.settings import Settings

    named = [(KINDS[kind], name) for kind, name in workload.items() if name]
    if len(named) != 1:
        raise BadInput(
            "say which workload", hint="one of --deployment, --statefulset, --daemonset, --job with its name"
        )
    kind, name = named[0]
    subject = Subject(kind=kind, namespace=_name(namespace), name=_name(name))
    settings = Settings.load(to_serve=False)
    if settings.kubeconfig and not context_name:
        # The current one follows whoever typed last, and a report about another cluster is worse than none.
        raise BadInput("say which cluster", hint="give --context; `kubectl config get-contexts` lists them")
    made = asyncio.run(_read(settings, subject, context_name, budget_s, asks_model=not no_model))
    if as_json:
        put_json(made.as_json())
    else:
        put_markdown(made.markdown())
    if made.top is None:
        context.exit(COULD_NOT_RUN)
    context.exit(FINE if made.is_healthy else FOUND_PROBLEMS)


async def _read(
    settings: Settings, subject: Subject, context_name: str, budget_s: float, *, asks_model: bool
) -> Diagnosis:
    from datetime import UTC, datetime

    from bot.catalog.schema import Cluster
    from bot.clients.kubernetes import Clusters
    from bot.diagnosis.diagnosis import diagnose as look_into
    from bot.telemetry import Redactor

    clusters = Clusters(
        kubeconfig=settings.kubeconfig,
        requests_per_s=settings.kubernetes_requests_per_s,
        burst=settings.kubernetes_burst,
    )
    redactor = Redactor(settings.secret_values())
    reader = clusters.reader(Cluster(name=context_name or "the cluster", context=context_name))
    try:
        made = await look_into(
            reader, subject, redactor=redactor, now=lambda: datetime.now(UTC), budget_s=budget_s
        )
        if not asks_model:
            return made
        return await _with_opinion(settings, made, reader, context_name, redactor)
    finally:
        await clusters.aclose()


async def _with_opinion(
    settings: Settings, made: Diagnosis, reader: ClusterReader, context_name: str, redactor: Redactor
) -> Diagnosis:
    """The same, with what a model says; the catalog tells which steps it may recommend, where there is one."""
    from datetime import UTC, datetime

    from bot.catalog.schema import Catalog
    from bot.clients.prometheus import PrometheusReader
    from bot.diagnosis.agent import Agent
    from bot.diagnosis.agent.opinions import Opinions
    from bot.diagnosis.place import service_of
    from bot.errors import BotError
    from bot.intake.offering import offers

    agent = Agent.of(settings, redactor)
    if agent is None:
        return made
    try:
        catalog = load_catalog(settings.catalog_path)
    except BotError:  # a workload can be looked into from anywhere; without a catalog nothing is recommended
        catalog = Catalog()
    url, token = settings.prometheus_url, settings.prometheus_token.get_secret_value()
    metrics = PrometheusReader(url, token=token) if url else None
    asked = Opinions(
        agent=agent, catalog=lambda: catalog, offers=offers, now=lambda: datetime.now(UTC), metrics=metrics
    )
    tell(f"asking {settings.ai_model}, for at most {settings.ai_seconds} s …")
    service, environment = service_of(catalog, made.evidence.subject, context=context_name)
    try:
        return await asked.on(made, reader=reader, service=service, environment=environment)
    finally:
        if metrics is not None:
            await metrics.close()


def _name(text: str) -> str:
    """A Kubernetes name, and nothing that would lead to another place of the API."""
    import re

    if not re.fullmatch(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?", text) or ".." in text:
        raise BadInput(
            f"{text!r} is no name of Kubernetes", hint="lower-case letters, digits, dashes and dots"
        )
    return text
