"""Flux's kustomize-controller as it runs here; its source is an archive server of these tests."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import io
import tarfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from control_planes import ControlPlane
from objects import Objects
from programs import free_port, program, started

NAMESPACE = "flux-system"
SOURCES = f"/apis/source.toolkit.fluxcd.io/v1/namespaces/{NAMESPACE}/gitrepositories"


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


class Flux(NamedTuple):
    """A running kustomize-controller, what it says, and the source of its Kustomizations."""

    objects: Objects
    source: Source
    log: Callable[[], list[dict[str, Any]]]


@contextlib.contextmanager
def running_flux(plane: ControlPlane, folder: Path) -> Iterator[Flux]:
    """kustomize-controller at work on one server, with one source, named `shop`."""
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
            yield Flux(objects, source, log)
    finally:
        source.close()
