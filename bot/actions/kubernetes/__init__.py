"""The `kubernetes` step: scale, restart, rollout-undo, cordon, uncordon and drain in the clusters of the catalog.

One module per verb, each over the same four: `plan` and `probe` are given a reader, `execute` and `dry_run` an order
that also has a writer. `permissions` says what each needs to be allowed; whoever adds a request adds it there, and a
test compares the two.
"""

from bot.actions.kubernetes.action import KubernetesAction
from bot.actions.kubernetes.input import KubernetesInput, kubectl

__all__ = ["KubernetesAction", "KubernetesInput", "kubectl"]
