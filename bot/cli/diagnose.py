"""`runbookctl diagnose`: read a workload with your own kubeconfig and say what is wrong; changes nothing."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from bot.cli.output import COULD_NOT_RUN, FINE, FOUND_PROBLEMS, json_option, put_json, put_markdown
from bot.errors import BadInput

if TYPE_CHECKING:
    from bot.diagnosis.diagnosis import Diagnosis
    from bot.diagnosis.evidence import Subject
    from bot.settings import Settings


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
@json_option
@click.pass_context
def diagnose(
    context: click.Context,
    /,
    namespace: str,
    *,
    context_name: str,
    budget_s: float,
    as_json: bool,
    **workload: str | None,
) -> None:
    """Say what is wrong with a workload, most likely cause first, with the words that show it.

    It reads the cluster of KUBECONFIG (or the one it runs in) and never writes. Secrets are not read. Exit code 0 when
    the workload is healthy, 1 when something was found, 2 when it cannot be told.
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
    made = asyncio.run(_read(settings, subject, context_name, budget_s))
    if as_json:
        put_json(made.as_json())
    else:
        put_markdown(made.markdown())
    if made.top is None:
        context.exit(COULD_NOT_RUN)
    context.exit(FINE if made.is_healthy else FOUND_PROBLEMS)


async def _read(settings: Settings, subject: Subject, context_name: str, budget_s: float) -> Diagnosis:
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
    try:
        return await look_into(
            clusters.reader(Cluster(name=context_name or "the cluster", context=context_name)),
            subject,
            redactor=Redactor(settings.secret_values()),
            now=lambda: datetime.now(UTC),
            budget_s=budget_s,
        )
    finally:
        await clusters.aclose()


def _name(text: str) -> str:
    """A Kubernetes name, and nothing that would lead to another place of the API."""
    import re

    if not re.fullmatch(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?", text) or ".." in text:
        raise BadInput(
            f"{text!r} is no name of Kubernetes", hint="lower-case letters, digits, dashes and dots"
        )
    return text
