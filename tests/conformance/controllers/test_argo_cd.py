"""Argo CD syncs, heals, prunes and deletes: its own programs on a git repository of this test."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from control_planes import ControlPlane
from git_repository import GitRepository
from objects import Objects
from peers.processes import running_process
from programs import free_port, problems, program, started

NAMESPACE = "argocd"
APPLICATIONS = f"/apis/argoproj.io/v1alpha1/namespaces/{NAMESPACE}/applications"
SETS = f"/apis/argoproj.io/v1alpha1/namespaces/{NAMESPACE}/applicationsets"
HERE = "https://kubernetes.default.svc"
# Warned on a real server as well: the only shard is its own, and a status that lost a race.
EXPECTED = ("has no assigned shard", "status.operationState.phase: Required value")

Log = Callable[[], list[dict[str, Any]]]


class Argo(NamedTuple):
    """A running installation, and what its controllers say."""

    objects: Objects
    application_controller: Log
    application_sets: Log


def _install(objects: Objects, programs: Path) -> None:
    objects.define(sorted(programs.glob("crds/argo/*.yaml")))
    objects.create("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    for file in sorted(programs.glob("argo-config/*.yaml")):
        body = yaml.safe_load(file.read_text())
        kind = {"ConfigMap": "configmaps", "Secret": "secrets"}[body["kind"]]
        objects.create(f"/api/v1/namespaces/{NAMESPACE}/{kind}", body)
    objects.patch(
        f"/api/v1/namespaces/{NAMESPACE}/secrets/argocd-secret",
        {"stringData": {"server.secretkey": "only-for-this-test"}},
    )
    objects.create(
        f"/apis/argoproj.io/v1alpha1/namespaces/{NAMESPACE}/appprojects",
        {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "AppProject",
            "metadata": {"name": "default"},
            "spec": {
                "sourceRepos": ["*"],
                "destinations": [{"server": "*", "namespace": "*"}],
                "clusterResourceWhitelist": [{"group": "*", "kind": "*"}],
            },
        },
    )


@pytest.fixture(scope="module")
def argo(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Argo]:
    """Argo CD's controllers, without its own web server."""
    binary, folder = program("argocd"), tmp_path_factory.mktemp("argo")
    redis_server = shutil.which("redis-server")
    if redis_server is None:
        pytest.skip("redis-server is not installed")
    objects = Objects(plane.client)
    _install(objects, binary.parent)
    redis, repositories = free_port(), free_port()
    to_redis, to_repositories = f"127.0.0.1:{redis}", f"127.0.0.1:{repositories}"

    def part(name: str, *arguments: str) -> contextlib.AbstractContextManager[Log]:
        return started(
            [str(binary), *arguments],
            folder / f"{name}.log",
            plane.kubeconfig,
            ARGOCD_BINARY_NAME=f"argocd-{name}",
            ARGOCD_FAKE_IN_CLUSTER="true",
            ARGOCD_GPG_ENABLED="false",
            ARGOCD_APPLICATION_CONTROLLER_REPLICAS="1",
            HOSTNAME=f"argocd-{name}-0",
            TMPDIR=str(folder),
        )

    with (
        running_process(
            [redis_server, "--port", str(redis), "--bind", "127.0.0.1", "--save", ""],
            folder / "redis.log",
        ),
        part(
            "repo-server",
            *("--disable-tls", "--address=127.0.0.1", f"--port={repositories}"),
            *(f"--metrics-port={free_port()}", f"--redis={to_redis}"),
        ),
        part(
            "application-controller",
            *(f"--namespace={NAMESPACE}", f"--repo-server={to_repositories}"),
            *("--repo-server-plaintext", f"--redis={to_redis}"),
            *(f"--metrics-port={free_port()}", "--self-heal-timeout-seconds=1"),
        ) as application_controller,
        part(
            "applicationset-controller",
            *(f"--namespace={NAMESPACE}", f"--argocd-repo-server={to_repositories}"),
            *("--repo-server-plaintext", "--metrics-addr=0"),
            *(f"--probe-addr=127.0.0.1:{free_port()}", f"--webhook-addr=127.0.0.1:{free_port()}"),
        ) as application_sets,
    ):
        yield Argo(objects, application_controller, application_sets)


def _application(name: str, url: str, *options: str) -> dict[str, Any]:
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": name, "finalizers": ["resources-finalizer.argocd.argoproj.io"]},
        "spec": {
            "project": "default",
            "source": {"repoURL": url, "targetRevision": "main", "path": "."},
            "destination": {"server": HERE, "namespace": name},
            "syncPolicy": {
                "automated": {"prune": True, "selfHeal": True},
                "syncOptions": ["CreateNamespace=true", *options],
            },
        },
    }


def _configuration(colour: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "settings"},
        "data": {"colour": colour},
    }


def _hook(phase: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "generateName": f"{phase.lower()}-",
            "annotations": {"argocd.argoproj.io/hook": phase},
        },
    }


def _web(image: str) -> list[dict[str, Any]]:
    """A Deployment of no pods, so that it is healthy without a node, and its Service."""
    labels = {"app": "web"}
    pod = {"containers": [{"name": "web", "image": image, "ports": [{"containerPort": 80}]}]}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "annotations": {"argocd.argoproj.io/sync-wave": "1"}},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web"},
        "spec": {"selector": labels, "ports": [{"port": 80}]},
    }
    return [deployment, service]


def _in_sync(objects: Objects, name: str, revision: str) -> dict[str, Any]:
    def settled(found: dict[str, Any]) -> bool:
        status = found.get("status", {})
        return (
            status.get("sync", {}).get("status") == "Synced"
            and status["sync"].get("revision") == revision
            and status.get("health", {}).get("status") == "Healthy"
            and status.get("operationState", {}).get("phase") == "Succeeded"
            and "operation" not in found
        )

    return objects.until(f"{APPLICATIONS}/{name}", settled)


def _refresh(objects: Objects, name: str) -> None:
    annotations = {"argocd.argoproj.io/refresh": "normal"}
    objects.patch(f"{APPLICATIONS}/{name}", {"metadata": {"annotations": annotations}})


@pytest.mark.timeout(300)
def test_argo_cd_syncs_heals_prunes_and_deletes(argo: Argo, tmp_path: Path) -> None:
    repository = GitRepository(tmp_path / "repository")
    first = repository.commit(
        {
            "web.yaml": _web("web:1"),
            "settings.yaml": [_configuration("green")],
            "hooks.yaml": [_hook("PreSync"), _hook("PostSync")],
        }
    )
    objects = argo.objects
    objects.create(APPLICATIONS, _application("plain", repository.url))
    second_way = _application("server-side", repository.url, "ServerSideApply=true")
    second_way["metadata"]["annotations"] = {
        "argocd.argoproj.io/compare-options": "ServerSideDiff=true"
    }
    objects.create(APPLICATIONS, second_way)
    for name in ("plain", "server-side"):
        found = _in_sync(objects, name, first)
        kinds = sorted(one["kind"] for one in found["status"]["resources"] if not one.get("hook"))
        assert kinds == ["ConfigMap", "Deployment", "Service"]
        phases = [
            one.get("hookPhase")
            for one in found["status"]["operationState"]["syncResult"]["resources"]
            if one.get("hookType")
        ]
        assert phases == ["Succeeded", "Succeeded"]
        _heals_and_follows(objects, name)
    second = repository.commit({"web.yaml": _web("web:2")})
    for name in ("plain", "server-side"):
        _refresh(objects, name)
        found = _in_sync(objects, name, second)
        web = f"/apis/apps/v1/namespaces/{name}/deployments/web"
        assert _image(objects.get(web)) == "web:2"
        objects.until_gone(f"/api/v1/namespaces/{name}/configmaps/settings")
    assert problems(argo.application_controller(), *EXPECTED) == []
    for name in ("plain", "server-side"):
        objects.delete(f"{APPLICATIONS}/{name}")
        objects.until_gone(f"/apis/apps/v1/namespaces/{name}/deployments/web")
        objects.until_gone(f"{APPLICATIONS}/{name}")


def _heals_and_follows(objects: Objects, name: str) -> None:
    settings = f"/api/v1/namespaces/{name}/configmaps/settings"
    objects.patch(settings, {"data": {"colour": "red"}})
    objects.until(settings, lambda one: one["data"] == {"colour": "green"})
    objects.delete(settings)
    objects.until(settings, lambda one: one["data"] == {"colour": "green"})


def _image(deployment: dict[str, Any] | None) -> str:
    assert deployment is not None
    image: str = deployment["spec"]["template"]["spec"]["containers"][0]["image"]
    return image


@pytest.mark.timeout(300)
def test_an_application_set_makes_and_removes_applications(argo: Argo, tmp_path: Path) -> None:
    repository = GitRepository(tmp_path / "repository")
    revision = repository.commit({"settings.yaml": [_configuration("green")]})
    template = _application("{{.name}}", repository.url)
    template = {"metadata": {"name": "{{.name}}"}, "spec": template["spec"]}
    names = [{"name": "east"}, {"name": "west"}]
    objects = argo.objects
    objects.create(
        SETS,
        {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "ApplicationSet",
            "metadata": {"name": "regions"},
            "spec": {
                "goTemplate": True,
                "generators": [{"list": {"elements": names}}],
                "template": template,
            },
        },
    )
    for name in ("east", "west"):
        _in_sync(objects, name, revision)
    objects.patch(f"{SETS}/regions", {"spec": {"generators": [{"list": {"elements": names[:1]}}]}})
    objects.until_gone(f"{APPLICATIONS}/west")
    assert problems(argo.application_sets()) == []
    objects.delete(f"{SETS}/regions")
    objects.until_gone(f"{APPLICATIONS}/east")
