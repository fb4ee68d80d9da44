"""Flux's kustomize-controller applies, prunes, corrects, impersonates and outlives its server."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from control_planes import ControlPlane, drydock
from flux_controller import NAMESPACE, Flux, running_flux
from objects import Objects, has_condition
from programs import problems

KUSTOMIZATIONS = f"/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/{NAMESPACE}/kustomizations"
WEB = "/apis/apps/v1/namespaces/shop/deployments/web"
SETTINGS = "/api/v1/namespaces/shop/configmaps/settings"


def _deployment(image: str) -> dict[str, Any]:
    """Of no pods, so that it is healthy without a node."""
    labels = {"app": "web"}
    container = {"name": "web", "image": image, "resources": {"requests": {"cpu": "10m"}}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }


SHOP = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
CONFIGURATION = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "settings", "namespace": "shop"},
    "data": {"colour": "${colour}"},
}

GADGETS = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "gadgets.shop.example.com"},
    "spec": {
        "group": "shop.example.com",
        "scope": "Namespaced",
        "names": {"plural": "gadgets", "singular": "gadget", "kind": "Gadget"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {
                            "spec": {"type": "object", "properties": {"size": {"type": "integer"}}}
                        },
                    }
                },
            }
        ],
    },
}
GADGET = {
    "apiVersion": "shop.example.com/v1",
    "kind": "Gadget",
    "metadata": {"name": "first"},
    "spec": {"size": 1},
}


def _job(version: str) -> dict[str, Any]:
    """Suspended, so that it needs no node."""
    container = {"name": "migrate", "image": f"migrate:{version}"}
    pod = {"restartPolicy": "Never", "containers": [container]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "migrate"},
        "spec": {"suspend": True, "backoffLimit": 1, "template": {"spec": pod}},
    }


@pytest.fixture(scope="module")
def flux(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flux]:
    """kustomize-controller at work, on each server."""
    with running_flux(plane, tmp_path_factory.mktemp("flux")) as started_flux:
        yield started_flux


def _kustomization(name: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "metadata": {"name": name},
        "spec": {
            "interval": "1h",
            "retryInterval": "1s",
            "prune": True,
            "path": "./",
            "sourceRef": {"kind": "GitRepository", "name": "shop"},
            "deletionPolicy": "WaitForTermination",
            **spec,
        },
    }


def _ready(objects: Objects, name: str) -> dict[str, Any]:
    return objects.until(f"{KUSTOMIZATIONS}/{name}", lambda one: has_condition(one, "Ready"))


@pytest.mark.timeout(300)
def test_kustomize_controller_applies_corrects_prunes_and_deletes(flux: Flux) -> None:
    objects, source = flux.objects, flux.source
    source.publish("one", {"shop.yaml": [SHOP, _deployment("web:1"), CONFIGURATION]})
    substitute = {"substitute": {"colour": "green"}}
    objects.create(KUSTOMIZATIONS, _kustomization("shop", wait=True, postBuild=substitute))
    found = _ready(objects, "shop")
    assert sorted(one["id"] for one in found["status"]["inventory"]["entries"]) == [
        "_shop__Namespace",
        "shop_settings__ConfigMap",
        "shop_web_apps_Deployment",
    ]
    assert _data(objects) == {"colour": "green"}

    objects.patch(SETTINGS, {"data": {"colour": "red", "other": "kept"}})
    _ask(objects, "again")
    assert _data(objects) == {"colour": "green", "other": "kept"}

    source.publish("two", {"shop.yaml": [SHOP, _deployment("web:2")]})
    objects.until(WEB, lambda one: _image(one) == "web:2")
    objects.until_gone(SETTINGS)

    before = _generation(objects, WEB)
    _ask(objects, "once more")
    assert _generation(objects, WEB) == before

    objects.delete(f"{KUSTOMIZATIONS}/shop")
    objects.until_gone(f"{KUSTOMIZATIONS}/shop")
    objects.until_gone("/api/v1/namespaces/shop")
    assert problems(flux.log()) == []
    assert _events(objects) >= {"ReconciliationSucceeded", "Progressing"}


@pytest.mark.timeout(300)
def test_kustomize_controller_acts_as_an_account_and_replaces_what_is_immutable(
    flux: Flux,
) -> None:
    objects, source = flux.objects, flux.source
    _account(objects, "deployer")
    source.publish("three", {"job.yaml": [_job("1")], "kinds.yaml": [GADGETS, GADGET]})
    objects.create(
        KUSTOMIZATIONS,
        _kustomization("work", serviceAccountName="deployer", targetNamespace=NAMESPACE),
    )
    denied = objects.until(
        f"{KUSTOMIZATIONS}/work", lambda one: has_condition(one, "Ready", "False")
    )
    user = f"system:serviceaccount:{NAMESPACE}:deployer"
    assert f'User "{user}" cannot patch resource' in _message(denied)

    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "deployer"},
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "ClusterRole",
            "name": "cluster-admin",
        },
        "subjects": [{"kind": "ServiceAccount", "name": "deployer", "namespace": NAMESPACE}],
    }
    objects.create("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", binding)
    _ready(objects, "work")
    gadgets = f"/apis/shop.example.com/v1/namespaces/{NAMESPACE}/gadgets"
    assert objects.get(f"{gadgets}/first") is not None

    source.publish("four", {"job.yaml": [_job("2")], "kinds.yaml": [GADGETS, GADGET]})
    refused = objects.until(
        f"{KUSTOMIZATIONS}/work", lambda one: has_condition(one, "Ready", "False")
    )
    assert "field is immutable" in _message(refused)
    objects.patch(f"{KUSTOMIZATIONS}/work", {"spec": {"force": True}})
    _ready(objects, "work")
    job = f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs/migrate"
    objects.until(job, lambda one: _image(one) == "migrate:2")

    objects.delete(f"{KUSTOMIZATIONS}/work")
    objects.until_gone(f"{KUSTOMIZATIONS}/work")
    objects.until_gone(job)


@pytest.mark.timeout(300)
def test_kustomize_controller_goes_on_after_a_restart_of_the_server(tmp_path: Path) -> None:
    with contextlib.ExitStack() as controller:
        with drydock(tmp_path) as plane:
            controller.callback(plane.client.close)  # which is used after the restart as well
            flux = controller.enter_context(running_flux(plane, tmp_path))
            flux.source.publish("five", {"shop.yaml": [SHOP, _deployment("web:1")]})
            flux.objects.create(KUSTOMIZATIONS, _kustomization("shop"))
            _ready(flux.objects, "shop")
        with drydock(tmp_path):
            flux.source.publish("six", {"shop.yaml": [SHOP, _deployment("web:2")]})
            flux.objects.until(WEB, lambda one: _image(one) == "web:2")


def _account(objects: Objects, name: str) -> None:
    objects.create(f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts", {"metadata": {"name": name}})


def _message(found: dict[str, Any]) -> str:
    return next(
        str(one["message"]) for one in found["status"]["conditions"] if one["type"] == "Ready"
    )


def _data(objects: Objects) -> dict[str, str]:
    found = objects.get(SETTINGS)
    assert found is not None
    data: dict[str, str] = found["data"]
    return data


def _generation(objects: Objects, path: str) -> int:
    found = objects.get(path)
    assert found is not None
    return int(found["metadata"]["generation"])


def _image(workload: dict[str, Any]) -> str:
    image: str = workload["spec"]["template"]["spec"]["containers"][0]["image"]
    return image


def _ask(objects: Objects, when: str) -> None:
    """Asks for a reconciliation and waits until it was done."""
    path = f"{KUSTOMIZATIONS}/shop"
    annotations = {"reconcile.fluxcd.io/requestedAt": when}
    objects.patch(path, {"metadata": {"annotations": annotations}})
    objects.until(path, lambda one: one["status"].get("lastHandledReconcileAt") == when)


def _events(objects: Objects) -> set[str]:
    found = objects.get(f"/api/v1/namespaces/{NAMESPACE}/events")
    assert found is not None
    return {one["reason"] for one in found["items"]}
