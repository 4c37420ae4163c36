"""Where a kubernetes step may act: clusters, namespaces and nodes of the catalog, and no others."""

from __future__ import annotations

from typing import Any

import pytest

from bot.actions.kubernetes.input import KubernetesInput
from bot.actions.kubernetes.site import Site, locate
from bot.catalog.schema import Cluster, EnvironmentName
from bot.errors import BadInput, NotPermitted
from tests.fakes.actions import catalog

PROD, STAGING = EnvironmentName("prod"), EnvironmentName("staging")
EU = Cluster(name="eu", context="eks-eu", namespaces={"payments": PROD, "search": PROD})
MIXED = Cluster(name="mixed", namespaces={"payments": PROD, "try": STAGING})


def at(clusters: list[Cluster], **given: Any) -> Site:
    words = {"action": "restart", "deployment": "api", **given}
    made = KubernetesInput.model_validate({key: one for key, one in words.items() if one is not None})
    return locate(made, catalog(clusters={one.name: one for one in clusters}))


def test_the_only_cluster_is_meant_when_none_is_named() -> None:
    site = at([EU], namespace="payments")
    assert (site.target.key, site.target.environment) == ("cluster:eu/payments", "prod")
    assert site.given.cluster == "eu"


def test_among_several_one_must_be_named() -> None:
    with pytest.raises(BadInput, match="names no cluster, and the catalog has 2"):
        at([EU, MIXED], namespace="payments")


def test_a_cluster_the_catalog_does_not_have_is_refused_with_the_known_ones() -> None:
    with pytest.raises(BadInput, match="'us' is no cluster") as caught:
        at([EU], cluster="us", namespace="payments")
    assert "eu" in caught.value.hint


def test_a_namespace_that_is_not_listed_belongs_to_no_environment() -> None:
    with pytest.raises(NotPermitted, match="'payment' of cluster 'eu' belongs to no environment") as caught:
        at([EU], namespace="payment")
    assert caught.value.hint == "did you mean 'payments'?"


def test_a_node_is_in_the_environment_that_all_namespaces_share() -> None:
    site = at([EU], action="drain", deployment=None, node="n1")
    assert (site.target.key, site.target.environment) == ("cluster:eu/nodes/n1", "prod")


def test_a_node_that_carries_two_environments_is_refused() -> None:
    with pytest.raises(NotPermitted, match="its namespaces are in prod, staging"):
        at([MIXED], action="cordon", deployment=None, node="n1")


def test_the_line_names_the_context_people_use() -> None:
    assert at([EU], namespace="search").line().startswith("kubectl --context eks-eu -n search ")
