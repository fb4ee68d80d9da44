"""Health, readiness and version: what may be asked without credentials."""

from __future__ import annotations

import platform
from collections.abc import Callable

import orjson

from towline.drydock.api.messages import Request, Response

_TEXT = "text/plain; charset=utf-8"


# Checks that tools look for by name. Each stands for a step of the start that is behind the server
# when it takes its first request, so that an answer is the proof of them.
_STARTED = (
    "ping",
    "log",
    *(
        f"poststarthook/{hook}"
        for hook in (
            "start-apiserver-admission-initializer",
            "generic-apiserver-start-informers",
            "start-apiextensions-informers",
            "start-apiextensions-controllers",
            "crd-informer-synced",
            "bootstrap-controller",
            "start-system-namespaces-controller",
            "start-service-ip-repair-controllers",
            "scheduling/bootstrap-system-priority-classes",
            "start-cluster-authentication-info-controller",
            "start-kube-aggregator-informers",
            "apiservice-registration-controller",
            "apiservice-status-local-available-controller",
            "apiservice-status-remote-available-controller",
            "kube-apiserver-autoregistration",
            "apiservice-openapi-controller",
            "storage-readiness",
        )
    ),
    "autoregister-completion",
)
_STARTED_READY = ("informer-sync",)


def _passed() -> bool:
    return True


class Health:
    """Named checks behind `/healthz`, `/livez` and `/readyz`, named as kube-apiserver's.

    Args:
        store: Whether the store takes writes; shown as `etcd`.
    """

    def __init__(self, store: Callable[[], bool]) -> None:
        self._live: dict[str, Callable[[], bool]] = dict.fromkeys(_STARTED, _passed)
        self._live["etcd"] = store
        self._ready = {**self._live, **dict.fromkeys(_STARTED_READY, _passed)}

    def answer(self, path: tuple[str, ...], request: Request) -> Response:
        """The verdict, `ok` or 500 with the failed checks."""
        root = path[0]
        checks = self._ready if root == "readyz" else self._live
        if len(path) > 1:
            wanted = "/".join(path[1:])
            checks = {name: check for name, check in checks.items() if name == wanted}
            if not checks:
                return Response(b"404 page not found\n", status=404, content_type=_TEXT)
        excluded = request.params("exclude")
        results = {n: check() for n, check in checks.items() if n not in excluded}
        passed = all(results.values())
        lines = [
            f"[+]{name} ok" if fine else f"[-]{name} failed: reason withheld"
            for name, fine in results.items()
        ]
        if passed and not request.has_param("verbose"):
            return Response(b"ok", content_type=_TEXT)
        lines.append(f"{root} check {'passed' if passed else 'failed'}")
        text = "\n".join(lines) + "\n"
        return Response(text.encode(), status=200 if passed else 500, content_type=_TEXT)


def version_document(version: str) -> bytes:
    """The body of `/version`.

    Args:
        version: The Kubernetes version whose API is served, such as `v1.36.1`.
    """
    major, minor = version.lstrip("v").split(".")[:2]
    machine = platform.machine()
    arch = {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)
    return orjson.dumps(
        {
            "major": major,
            "minor": minor,
            "gitVersion": f"{version}+drydock",
            "gitCommit": "",
            "gitTreeState": "clean",
            "buildDate": "1970-01-01T00:00:00Z",
            "goVersion": "none",
            "compiler": "none",
            "platform": f"linux/{arch}",
        }
    )
