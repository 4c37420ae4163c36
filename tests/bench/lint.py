"""`runbookctl lint` of a catalog of 1,000 files, beside an interpreter that only imports a YAML reader and pydantic.

Counted: the whole process, from being started to being gone. Not counted: writing the catalog, and the first runs,
which write byte code and fill the page cache. The promise is about the whole time.

The catalog is what a company with fifty services might have: half actions and half runbooks, commands with parameters
and patterns, requests with secrets, undos, CEL conditions, templates, comments, one file in ten in JSON. It has no
problems; telling them would be measured otherwise.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.bench.harness import Row
from tests.bench.help_text import RUNBOOKCTL, beside

SAMPLES = 10
FILES = 1000
SERVICES = 50

INVENTORY = """\
environments:
  staging: { approvers: [platform-oncall] }
  prod: { approvers: [platform-oncall], confirm_every_step: true }
groups:
  platform-oncall: { members: [S0PLATFORM, dana@acme.example], direct_message: true }
secrets:
  FLAGS_TOKEN: [flags.acme.example]
urls:
  flags.acme.example: prod
metrics:
  error_rate: sum(rate(http_requests_total{service={{ service }},code=~"5.."}[5m]))
default_channel: "#incidents"
hosts:
"""

COMMAND = """\
# Reviewed by the team that owns service {n}.
id: restart-{n}
description: Restart one unit of service {n} and show how it came up.
host: "{{{{ params.host }}}}"
command: sudo systemctl restart {{{{ params.unit }}}} && systemctl is-active {{{{ params.unit }}}}
params:
  unit: {{ description: The systemd unit, pattern: "[a-z0-9@._-]+" }}
  host: {{ description: Where it runs, default: web-{service}, pattern: "[a-z0-9-]+" }}
expect:
  - {{ pattern: "^active$" }}
  - {{ pattern: "WARN", allow_failure: true }} # missing: only noted
rollback:
  manual: A restart cannot be taken back; if the unit stays down, page the owning team.
idempotent: true
safety: {{ scopes: [staging, prod], risk: medium, message: Sessions on this host are dropped. }}
timeout_seconds: 60
"""

RUNBOOK = """\
# What the people of service {service} do when it is slow.
name: relieve-{n}
description: Tell the channel, restart the unit, turn a flag off, say how it went.
trigger:
  service_id: service-{service}
  metric_name: error_rate
  condition: anomaly_score > 0.{digit} && value >= {n}
  symptoms: [latency, "slow checkout", error rate]
params:
  unit: {{ type: string, pattern: "[a-z0-9@._-]+", default: api-{n}, description: Which unit to restart }}
  level: {{ type: int, minimum: 1, maximum: 5, default: 2, description: How much to turn off }}
steps:
  - name: notify
    type: slack
    message: "{{{{ service.name }}}} is slow ({{{{ incident.title }}}}); restarting {{{{ params.unit }}}}."
    require_approval: false
  - name: restart
    action: restart-{action}
    with: {{ unit: "{{{{ params.unit }}}}", host: web-{service} }}
    approval_timeout_minutes: 15
  - name: relieve
    type: http
    method: PUT
    url: https://flags.acme.example/api/v1/flags/heavy-{n}
    headers: {{ Authorization: Bearer $FLAGS_TOKEN }}
    body: {{ level: "{{{{ params.level }}}}" }}
    expect_status: [200, 204]
    rollback: {{ manual: Set the flag back under Flags once it is quiet. }}
  - name: report
    type: slack
    message: "restarted: {{{{ steps.restart.output }}}}"
    require_approval: false
rollback_on_failure: true
safety: {{ scopes: [prod] }}
"""


async def measure(folder: Path) -> list[Row]:
    """In turns."""
    write(folder / "runbooks")
    return [
        beside(
            [str(RUNBOOKCTL), "lint", "runbooks"],
            [sys.executable, "-c", "import yaml, pydantic"],
            what=f"runbookctl lint, {FILES:,} files",
            beside_what="import yaml, pydantic",
            promised_ms=2000,
            samples=SAMPLES,
            folder=folder,
        )
    ]


def write(folder: Path) -> None:
    """A catalog of `FILES` files."""
    (folder / "actions").mkdir(parents=True)
    hosts = (
        f"  web-{n}: {{ environment: prod, address: web-{n}.acme.example, user: runbook }}"
        for n in range(SERVICES)
    )
    services = (
        f"  service-{n}: {{ team: team-{n % 7}, aliases: [PSVC{n:03d}], host: web-{n} }}"
        for n in range(SERVICES)
    )
    text = INVENTORY + "\n".join([*hosts, "services:", *services]) + "\n"
    (folder / "catalog.yaml").write_text(text, encoding="utf-8")
    actions = FILES // 2
    for n in range(actions):
        if n % 10 == 9:
            (folder / "actions" / f"flag-{n}.json").write_text(
                json.dumps(_flag(n), indent=2), encoding="utf-8"
            )
        else:
            text = COMMAND.format(n=n, service=n % SERVICES)
            (folder / "actions" / f"restart-{n}.yaml").write_text(text, encoding="utf-8")
    for n in range(FILES - actions - 1):
        text = RUNBOOK.format(n=n, service=n % SERVICES, digit=n % 9 + 1, action=n - n % 10)
        (folder / f"relieve-{n}.yaml").write_text(text, encoding="utf-8")


def _flag(n: int) -> dict[str, object]:
    return {
        "id": f"flag-{n}",
        "description": f"Turn feature {n} on or off.",
        "type": "http",
        "method": "PUT",
        "url": f"https://flags.acme.example/api/v1/flags/feature-{n}",
        "headers": {"Authorization": "Bearer $FLAGS_TOKEN"},
        "body": {"enabled": "{{ params.enabled }}"},
        "params": {"enabled": {"type": "bool", "description": "On or off"}},
        "rollback": {"manual": "Set the flag back under Flags."},
        "safety": {"scopes": ["prod"], "risk": "low"},
    }
