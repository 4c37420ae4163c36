"""What Prometheus is told: every family in one table, and the one object that counts.

Whoever counts says a family and its labels; what a label may hold is bounded here a second time, whatever they do:
a label has at most `NAMES_LIMIT` different values in the life of a process, and what comes later is `other`. Nothing
is global: the registry belongs to its `Metrics`, and two of them count apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Literal, TypeAlias

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector

OTHER = "other"
NAMES_LIMIT = 200
"""Values of one label; services times actions times results is what a Prometheus has to hold for years."""

QUICK = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
STEPS = (0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0)
PEOPLE = (5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0)

RESULTS = ("succeeded", "failed", "unknown")
VERDICTS = ("approved", "rejected", "skipped", "edited", "overridden", "expired")
SIGNALS = (
    "pagerduty-webhook",
    "pagerduty-incident",
    "slack-message",
    "anomaly-event",
    "deployment-event",
    "alertmanager-webhook",
    "schedule-tick",
)
ENDS = (
    "succeeded",
    "failed",
    "rejected",
    "expired",
    "cancelled",
    "rolled_back",
    "rollback_incomplete",
)


@dataclass(frozen=True, kw_only=True)
class Family:
    """One name with its labels and what it says."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    what: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """All values of the labels that have only a few."""

    @property
    def samples(self) -> tuple[str, ...]:
        """The names under which its numbers are asked for."""
        if self.kind == "histogram":
            return tuple(f"{self.name}_{part}" for part in ("bucket", "count", "sum"))
        return (self.name,)


FAMILIES: tuple[Family, ...] = (
    Family(
        name="runbook_incidents_opened_total",
        kind="counter",
        what="Incidents opened",
        labels=("service", "source"),
        values={
            "source": (
                "pagerduty",
                "slack",
                "alertmanager",
                "anomaly",
                "deployment",
                "manual",
                "api",
                "schedule",
            )
        },
    ),
    Family(
        name="runbook_suggestions_total",
        kind="counter",
        what="Times a runbook was suggested (result suggested), or none could be (nothing)",
        labels=("service", "result"),
        values={"result": ("suggested", "nothing")},
    ),
    Family(
        name="runbook_runs_opened_total", kind="counter", what="Runs opened", labels=("service", "runbook")
    ),
    Family(
        name="runbook_runs_finished_total",
        kind="counter",
        what="Runs that ended, by how",
        labels=("service", "runbook", "status"),
        values={"status": ENDS},
    ),
    Family(
        name="runbook_run_seconds",
        kind="histogram",
        what="From a run's opening to its end, people's time included",
        labels=("status",),
        values={"status": ENDS},
        buckets=(*PEOPLE, 7200.0, 21_600.0, 86_400.0),
    ),
    Family(
        name="runbook_steps_executed_total",
        kind="counter",
        what="Steps whose outcome was recorded: succeeded, failed or unknown; dry runs are none",
        labels=("service", "action", "result"),
        values={"result": RESULTS},
    ),
    Family(
        name="runbook_step_seconds",
        kind="histogram",
        what="How long steps ran",
        labels=("type", "result"),
        values={"result": RESULTS},
        buckets=STEPS,
    ),
    Family(
        name="runbook_decisions_total",
        kind="counter",
        what="What people decided: approved, rejected, skipped, edited, overridden; or expired, when nobody did",
        labels=("service", "verdict"),
        values={"verdict": VERDICTS},
    ),
    Family(
        name="runbook_decision_seconds",
        kind="histogram",
        what="From a proposal to a decision on it",
        labels=("verdict",),
        values={"verdict": VERDICTS},
        buckets=PEOPLE,
    ),
    Family(
        name="runbook_overrides_total",
        kind="counter",
        what="Steps that ran without their approvers, because somebody broke glass",
        labels=("service",),
    ),
    Family(
        name="runbook_rollbacks_total",
        kind="counter",
        what="Walks back that began: by the bot (rollback_on_failure) or by people",
        labels=("service", "by"),
        values={"by": ("bot", "people")},
    ),
    Family(
        name="runbook_undos_total",
        kind="counter",
        what="Undos of single steps: succeeded, failed, unknown, or blocked before anything was sent",
        labels=("service", "action", "result"),
        values={"result": (*RESULTS, "blocked")},
    ),
    Family(
        name="runbook_checks_total",
        kind="counter",
        what="Metric checks: better, worse or inconclusive",
        labels=("service", "verdict"),
        values={"verdict": ("better", "worse", "inconclusive")},
    ),
    Family(
        name="runbook_incidents_open", kind="gauge", what="Incidents that are not over", labels=("service",)
    ),
    Family(name="runbook_runs_open", kind="gauge", what="Runs that are not over", labels=("status",)),
    Family(
        name="runbook_approvals_pending",
        kind="gauge",
        what="Suggestions and proposals that wait for people",
        labels=("service",),
    ),
    Family(
        name="runbook_unknown_outcomes_open",
        kind="gauge",
        what="Steps and undos whose outcome is unknown and that nobody has settled",
        labels=("service",),
    ),
    Family(name="runbook_queue_depth", kind="gauge", what="Approved runs that wait for a slot or a target"),
    Family(
        name="runbook_webhooks_total",
        kind="counter",
        what="Webhooks and events over HTTP: accepted, refused, or failed on our side",
        labels=("source", "result"),
        values={
            "source": ("pagerduty", "alertmanager", "events"),
            "result": ("accepted", "refused", "failed"),
        },
    ),
    Family(
        name="runbook_signals_total",
        kind="counter",
        what="Signals that were accepted: handled, ignored, refused, or put aside because they broke",
        labels=("kind", "result"),
        values={"kind": SIGNALS, "result": ("handled", "ignored", "refused", "put_aside")},
    ),
    Family(
        name="runbook_signal_seconds",
        kind="histogram",
        what="From accepting a signal to having it in the journal; after a while away, that while too",
        labels=("kind",),
        values={"kind": SIGNALS},
        buckets=(*QUICK, 60.0, 600.0, 3600.0),
    ),
    Family(
        name="runbook_http_requests_total",
        kind="counter",
        what="Requests to this server",
        labels=("route", "method", "status"),
    ),
    Family(
        name="runbook_http_request_seconds",
        kind="histogram",
        what="How long this server took to answer",
        labels=("route",),
        buckets=QUICK,
    ),
    Family(
        name="runbook_slack_calls_total",
        kind="counter",
        what="Calls to Slack: ok, later (rate limit), refused, or unsure (the answer was lost)",
        labels=("method", "result"),
    ),
    Family(
        name="runbook_slack_call_seconds",
        kind="histogram",
        what="How long Slack took to answer",
        labels=("method",),
        buckets=QUICK,
    ),
    Family(
        name="runbook_slack_deliveries_total",
        kind="counter",
        what="Messages of threads: posted or edited, held back for later, or given up",
        labels=("result",),
        values={"result": ("posted", "edited", "later", "given_up")},
    ),
    Family(
        name="runbook_pagerduty_deliveries_total",
        kind="counter",
        what="What PagerDuty is told: told, held back for later, or given up",
        labels=("result",),
        values={"result": ("told", "later", "given_up")},
    ),
    Family(
        name="runbook_diagnoses_total",
        kind="counter",
        what="Diagnoses made, by the class of the most likely finding (none: it could not be told)",
        labels=("service", "finding"),
    ),
    Family(
        name="runbook_diagnosis_seconds",
        kind="histogram",
        what="From asking for a diagnosis to having its report in the journal",
        buckets=QUICK,
    ),
    Family(
        name="runbook_diagnosis_judgements_total",
        kind="counter",
        what="Times people said that a diagnosis was right or wrong, by the class it had named",
        labels=("finding", "verdict"),
    ),
    Family(
        name="runbook_worker_errors_total",
        kind="counter",
        what="Unexpected errors of the worker, each with a reference in the log",
        labels=("where",),
        values={"where": ("run", "incident", "reception", "journal", "task")},
    ),
)


def readme_table() -> str:
    """README's table: each name with its labels and what it says."""
    rows = (
        f"| `{one.name}` | {', '.join(f'`{label}`' for label in one.labels)} | {one.what} |"
        for one in FAMILIES
    )
    return "\n".join(["| name | labels | what |", "|---|---|---|", *rows])


Sample: TypeAlias = tuple[str, tuple[str, ...], float]
"""Family, label values in its order, number."""

GaugeSource: TypeAlias = Callable[[], Iterable[Sample]]


class Metrics:
    """Counts, and tells a scrape. One per process, handed to whoever counts."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._families = {one.name: one for one in FAMILIES}
        self._made = {one.name: self._make(one) for one in FAMILIES if one.kind in ("counter", "histogram")}
        self._names: dict[str, set[str]] = {}
        ProcessCollector(registry=self.registry)
        self.prepare()

    def _make(self, one: Family) -> Counter | Histogram:
        if one.kind == "histogram":
            return Histogram(one.name, one.what, one.labels, buckets=one.buckets, registry=self.registry)
        return Counter(one.name, one.what, one.labels, registry=self.registry)

    def count(self, family: str, **labels: str) -> None:
        """One more."""
        counter = self._made[family]
        assert isinstance(counter, Counter)
        counter.labels(**self._bounded(labels)).inc()

    def took(self, family: str, seconds: float, **labels: str) -> None:
        """One that took this long; a clock that was set back counts as no time."""
        histogram = self._made[family]
        assert isinstance(histogram, Histogram)
        bounded = self._bounded(labels)
        (histogram.labels(**bounded) if bounded else histogram).observe(max(0.0, seconds))

    def prepare(self, **fixed: str) -> None:
        """Begin at 0 wherever the labels are exactly these and such as have only a few values.

        Prometheus sees a growth only between two scrapes: of what appears as 1, the one is lost to `increase`.
        """
        for one in FAMILIES:
            if one.kind == "gauge" or not one.labels or set(one.labels) != {*fixed, *one.values}:
                continue  # one without labels begins at 0 by itself
            free = [label for label in one.labels if label not in fixed]
            for values in product(*(one.values[label] for label in free)):
                labels = {**fixed, **dict(zip(free, values, strict=True))}
                self._made[one.name].labels(**self._bounded(labels))

    def signal(self, kind: str, result: str, seconds: float) -> None:
        """One signal that was answered."""
        self.count("runbook_signals_total", kind=kind, result=result)
        self.took("runbook_signal_seconds", seconds, kind=kind)

    def slack_call(self, method: str, result: str, seconds: float) -> None:
        """One call to Slack that went out."""
        self.count("runbook_slack_calls_total", method=method, result=result)
        self.took("runbook_slack_call_seconds", seconds, method=method)

    def _bounded(self, labels: dict[str, str]) -> dict[str, str]:
        return {label: self._name(label, value) for label, value in labels.items()}

    def _name(self, label: str, value: str) -> str:
        known = self._names.setdefault(label, {OTHER})
        if value in known:
            return value
        if len(known) >= NAMES_LIMIT:
            return OTHER
        known.add(value)
        return value

    def follow(self, source: GaugeSource) -> None:
        """Ask `source` for the gauges at each scrape; one for all of them."""
        self.registry.register(_Gauges(self, source))

    def exposition(self) -> str:
        """Everything, in Prometheus' text format 0.0.4; may be asked for in a thread (5,000 series take 0.1 s)."""
        return generate_latest(_WithoutBirthdays(self.registry)).decode()

    def gauges(self, source: GaugeSource) -> Iterator[GaugeMetricFamily]:
        """The gauges as they are now; samples that fall together under `other` are summed."""
        totals: dict[str, dict[tuple[str, ...], float]] = {
            one.name: ({(): 0.0} if not one.labels else {}) for one in FAMILIES if one.kind == "gauge"
        }
        for name, values, number in source():
            labels = zip(self._families[name].labels, values, strict=True)
            bounded = tuple(self._name(label, value) for label, value in labels)
            totals[name][bounded] = totals[name].get(bounded, 0.0) + number
        for name, found in totals.items():
            family = GaugeMetricFamily(name, self._families[name].what, labels=self._families[name].labels)
            for values, number in found.items():
                family.add_metric(values, number)
            yield family


class _WithoutBirthdays:
    """Leaves out when each counter was made: twice the series, for what only OpenMetrics knows to read."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        for family in self._registry.collect():
            family.samples = [one for one in family.samples if not one.name.endswith("_created")]
            yield family


class _Gauges:
    """Prometheus' client asks this at each scrape; `describe` spares it a collection when it is registered."""

    def __init__(self, metrics: Metrics, source: GaugeSource) -> None:
        self._metrics = metrics
        self._source = source

    def collect(self) -> Iterator[GaugeMetricFamily]:
        return self._metrics.gauges(self._source)

    def describe(self) -> Iterator[GaugeMetricFamily]:
        return iter(())
