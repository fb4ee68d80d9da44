"""Flux's kustomize-controller applies, prunes and corrects; a folder of this test is its source."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import io
import tarfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from control_planes import ControlPlane
from objects import Objects, has_condition
from programs import free_port, problems, program, started

NAMESPACE = "flux-system"
SOURCES = f"/apis/source.toolkit.fluxcd.io/v1/namespaces/{NAMESPACE}/gitrepositories"
KUSTOMIZATIONS = f"/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/{NAMESPACE}/kustomizations"
WEB = "/apis/apps/v1/namespaces/shop/deployments/web"
SETTINGS = "/api/v1/namespaces/shop/configmaps/settings"


def _archive(files: dict[str, list[dict[str, Any]]]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, documents in files.items():
            content = yaml.safe_dump_all(documents).encode()
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o644
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


class Source:
    """Plays source-controller: serves archives and names the newest in a source's status."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._archives: dict[str, bytes] = {}
        archives = self._archives

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = archives.get(self.path)
                self.send_response(404 if body is None else 200)
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write(body or b"")

            def log_message(self, *_: Any) -> None:
                """Says nothing."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def publish(self, revision: str, files: dict[str, list[dict[str, Any]]]) -> None:
        body = _archive(files)
        path = f"/{revision}.tar.gz"
        self._archives[path] = body
        host, port = self._server.server_address[:2]
        artifact = {
            "digest": f"sha256:{hashlib.sha256(body).hexdigest()}",
            "lastUpdateTime": "2024-01-01T00:00:00Z",
            "path": path.lstrip("/"),
            "revision": f"main@sha1:{hashlib.sha1(revision.encode()).hexdigest()}",
            "size": len(body),
            "url": f"http://{host!s}:{port}{path}",
        }
        ready = {
            "type": "Ready",
            "status": "True",
            "reason": "Succeeded",
            "message": "stored",
            "lastTransitionTime": "2024-01-01T00:00:00Z",
        }
        status = {"artifact": artifact, "conditions": [ready], "observedGeneration": 1}
        self._objects.patch(f"{SOURCES}/shop/status", {"status": status})

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _deployment(image: str) -> dict[str, Any]:
    labels = {"app": "web"}
    container = {"name": "web", "image": image, "resources": {"requests": {"cpu": "10m"}}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {
            "replicas": 1,
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


@contextlib.contextmanager
def _flux(
    plane: ControlPlane, folder: Path
) -> Iterator[tuple[Objects, Source, Callable[[], list[dict[str, Any]]]]]:
    """kustomize-controller at work, on one Kustomization of one source."""
    binary = program("kustomize-controller")
    objects = Objects(plane.client)
    objects.define(sorted(binary.parent.glob("crds/flux/*.yaml")))
    objects.create("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    objects.create(
        SOURCES,
        {
            "apiVersion": "source.toolkit.fluxcd.io/v1",
            "kind": "GitRepository",
            "metadata": {"name": "shop"},
            "spec": {"interval": "1h", "url": "https://git.example/shop"},
        },
    )
    source = Source(objects)
    argv = [
        *(str(binary), "--metrics-addr=127.0.0.1:0"),
        *(f"--health-addr=127.0.0.1:{free_port()}", "--min-retry-delay=100ms"),
    ]
    try:
        with started(
            argv,
            folder / "kustomize-controller.log",
            plane.kubeconfig,
            RUNTIME_NAMESPACE=NAMESPACE,
        ) as log:
            yield objects, source, log
    finally:
        source.close()


@pytest.mark.timeout(300)
def test_kustomize_controller_applies_corrects_prunes_and_deletes(
    plane: ControlPlane, tmp_path: Path
) -> None:
    with _flux(plane, tmp_path) as (objects, source, log):
        source.publish("one", {"shop.yaml": [SHOP, _deployment("web:1"), CONFIGURATION]})
        objects.create(
            KUSTOMIZATIONS,
            {
                "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
                "kind": "Kustomization",
                "metadata": {"name": "shop"},
                "spec": {
                    "interval": "1h",
                    "prune": True,
                    "path": "./",
                    "sourceRef": {"kind": "GitRepository", "name": "shop"},
                    "postBuild": {"substitute": {"colour": "green"}},
                    "deletionPolicy": "WaitForTermination",
                },
            },
        )
        found = objects.until(f"{KUSTOMIZATIONS}/shop", lambda one: has_condition(one, "Ready"))
        assert sorted(one["id"] for one in found["status"]["inventory"]["entries"]) == [
            "_shop__Namespace",
            "shop_settings__ConfigMap",
            "shop_web_apps_Deployment",
        ]
        assert objects.get(SETTINGS)["data"] == {"colour": "green"}  # type: ignore[index]

        objects.patch(SETTINGS, {"data": {"colour": "red"}})
        _ask(objects, "again")
        objects.until(SETTINGS, lambda one: one["data"] == {"colour": "green"})

        source.publish("two", {"shop.yaml": [SHOP, _deployment("web:2")]})
        objects.until(WEB, lambda one: _image(one) == "web:2")
        objects.until_gone(SETTINGS)

        untouched = objects.get(WEB)
        _ask(objects, "once more")
        assert objects.get(WEB)["metadata"]["generation"] == untouched["metadata"]["generation"]  # type: ignore[index]

        objects.delete(f"{KUSTOMIZATIONS}/shop")
        objects.until_gone(f"{KUSTOMIZATIONS}/shop")
        objects.until_gone("/api/v1/namespaces/shop")
        assert problems(log()) == []
        assert _events(objects) >= {"ReconciliationSucceeded", "Progressing"}


def _image(deployment: dict[str, Any]) -> str:
    image: str = deployment["spec"]["template"]["spec"]["containers"][0]["image"]
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
