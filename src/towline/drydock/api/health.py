"""Health, readiness and version: what may be asked without credentials."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping

import orjson

from towline.drydock.api.messages import Request, Response

_TEXT = "text/plain; charset=utf-8"


class Health:
    """Named checks behind `/healthz`, `/livez` and `/readyz`.

    Args:
        live: Checks of liveness.
        ready: More checks, of readiness.
    """

    def __init__(
        self, live: Mapping[str, Callable[[], bool]], ready: Mapping[str, Callable[[], bool]]
    ) -> None:
        self._live = {"ping": lambda: True, **live}
        self._ready = {**self._live, **ready}

    def answer(self, path: tuple[str, ...], request: Request) -> Response:
        """The verdict, `ok` or 500 with the failed checks."""
        root = path[0]
        checks = self._ready if root == "readyz" else self._live
        if len(path) > 1:
            checks = {name: check for name, check in checks.items() if name == path[1]}
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
