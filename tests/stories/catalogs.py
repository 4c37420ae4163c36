"""The catalog of the stories: one service on one host, people of Acme, and the runbooks a story brings along."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

INVENTORY = """\
environments:
  prod: { approvers: [oncall] }
hosts:
  web-1: { environment: prod, address: 127.0.0.1, port: PORT, user: runbook }
  web-2: { environment: prod, address: 127.0.0.1, port: PORT, user: runbook }
services:
  checkout:
    team: payments
    aliases: [PF9KMXH, checkout-api]
    channel: "#incidents"
    host: web-1
    links: { Dashboard: "https://grafana.acme.example/d/checkout" }
groups:
  oncall: [S0ONCALL]
  leads: { members: [U01ALICE, bob@acme.example], direct_message: true }
default_channel: "#incidents"
"""


def write(folder: Path, *, port: int, runbooks: dict[str, str], inventory: str = "") -> None:
    """Write `catalog.yaml` and one file per runbook."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "catalog.yaml").write_text(
        (inventory or INVENTORY).replace("PORT", str(port)), encoding="utf-8"
    )
    for name, text in runbooks.items():
        (folder / f"{name}.yaml").write_text(f"name: {name}\n{dedent(text)}", encoding="utf-8")


HEAL = """
    description: Empty the cache and restart the API when checkout is slow.
    trigger: { service_id: checkout, symptoms: [latency] }
    steps:
      - name: flush-cache
        command: redis-cli FLUSHDB
        rollback: { manual: The cache fills itself again within minutes. }
        expect: ["^OK$"]
      - name: look
        command: curl -s localhost/health
        read_only: true
        require_approval: false
      - name: restart
        command: systemctl restart checkout
        rollback: systemctl start checkout
        safety: { message: Tell support before you restart., risk: high }
      - name: report
        type: slack
        message: "checkout is {{ steps.look.output }} again after {{ incident.title }}"
        require_approval: false
    safety: { scopes: [prod] }
"""
"""A fix in four steps: two are decided, two run by themselves."""

FLUSH = """
    description: Empty the cache.
    trigger: { service_id: checkout, symptoms: [latency] }
    steps:
      - name: flush-cache
        command: redis-cli FLUSHDB
        rollback: redis-cli RESTORE
    safety: { scopes: [prod] }
"""
"""One step with an undo."""
