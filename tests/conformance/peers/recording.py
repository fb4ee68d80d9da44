"""A scenario's conversation with one server, in a form in which two servers can be compared."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from itertools import groupby, islice
from typing import Any

from peers.client import Client, Reply

JSON = "application/json"
YAML = "application/yaml"
JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"

_COMPARED_HEADERS = ("content-type", "warning", "cache-control", "allow")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_AGE = re.compile(r"\d+[smh](\d+[smh])?")
_ADDRESS = re.compile(r"10\.96\.\d+\.\d+")
_VOLUME = re.compile(r"kube-api-access-[a-z0-9]{5}")
_PATCHED = re.compile(r'patch: Invalid value: "(?:[^"\\]|\\.)*"')
_PATCH_CAUSE = re.compile(r'Invalid value: "(?:[^"\\]|\\.)*"')
_SCHEME = re.compile(r' in scheme "[^"]*"')
_RECORDED = re.compile(r"in record \(\d+\)")
_TOO_OLD = re.compile(r"too old resource version: \d+ \(\d+\)")
_TOO_LARGE = re.compile(r"resource version: (\d+), current: \d+")


class Talk:
    """Sends a scenario's requests and keeps every answer under the name of its step.

    Args:
        client: The server.
        namespace: Where the scenario keeps its objects.

    Attributes:
        steps: What was answered, normalised, by step.
    """

    def __init__(self, client: Client, namespace: str) -> None:
        self.client = client
        self.namespace = namespace
        self.steps: dict[str, Any] = {}

    def path(self, resource: str, name: str = "") -> str:
        """The path of a namespaced collection or object, such as `apps/v1/deployments`."""
        group_version, _, plural = resource.rpartition("/")
        root = f"/apis/{group_version}" if "/" in group_version else "/api/v1"
        return f"{root}/namespaces/{self.namespace}/{plural}" + (f"/{name}" if name else "")

    def ask(
        self,
        step: str,
        method: str,
        path: str,
        body: Any = None,
        *,
        content_type: str = JSON,
        accept: str = JSON,
        headers: dict[str, str] | None = None,
        view: Callable[[Any], Any] | None = None,
    ) -> Any:
        """Sends a request, keeps the answer, and returns its body as it came.

        Args:
            step: Unique in the scenario.
            method: HTTP method.
            path: With the query.
            body: An object to send as JSON, or text to send as it is.
            content_type: Of the body.
            accept: Accept header.
            headers: Further headers.
            view: Picks what is compared from a successful answer.
        """
        if step in self.steps:
            raise AssertionError(f"two steps are called {step!r}")
        reply = self.quiet(
            method, path, body, content_type=content_type, accept=accept, headers=headers
        )
        shown = reply.body if view is None or reply.status >= 300 else view(reply.body)
        self.steps[step] = {
            "status": reply.status,
            "headers": {
                name: reply.headers[name] for name in _COMPARED_HEADERS if name in reply.headers
            },
            "body": normal(shown),
        }
        return reply.body

    def quiet(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        content_type: str = JSON,
        accept: str = JSON,
        headers: dict[str, str] | None = None,
    ) -> Reply:
        """Sends a request whose answer is not compared."""
        raw = body.encode() if isinstance(body, str) else b""
        if body is not None and not isinstance(body, str):
            raw = json.dumps(body).encode()
        given = {"Accept": accept, **(headers or {})}
        if body is not None:
            given.setdefault("Content-Type", content_type)
        return self.client.request(method, path, raw, given)

    def keep(self, step: str, value: Any) -> None:
        """Keeps something that was found out otherwise."""
        self.steps[step] = normal(value)

    def watch(self, step: str, path: str, count: int) -> list[dict[str, Any]]:
        """Keeps the first events of a watch and returns them."""
        found = list(islice(self.events(path), count))
        self.keep(step, found)
        return found

    def events(self, path: str) -> Iterator[dict[str, Any]]:
        """The events of a watch that ends after ten seconds at the latest."""
        mark = "&" if "?" in path else "?"
        return self.client.events(f"{path}{mark}watch=1&timeoutSeconds=10")


def normal(value: Any, key: str = "") -> Any:
    """The value with what differs from server to server and run to run replaced by its kind."""
    if isinstance(value, dict):
        made = {name: normal(each, name) for name, each in value.items()}
        # Their order hangs on times that are told to the second, or on the order of a Go map.
        for name in ("managedFields", "causes"):
            if isinstance(made.get(name), list):
                # Some checks of the real server run twice and give the same cause twice.
                made[name] = [each for each, _ in groupby(sorted(made[name], key=_rank))]
        if made.get("field") == "patch":
            made["message"] = _PATCH_CAUSE.sub("Invalid value: <patched>", str(made["message"]))
        meta = made.get("metadata")
        if isinstance(meta, dict) and meta.get("generateName") and meta.get("name"):
            meta["name"] = f"{meta['generateName']}<generated>"
        return made
    if isinstance(value, list):
        return [normal(each, key) for each in value]
    if isinstance(value, str):
        return _normal_text(value, key)
    if key in ("nodePort", "healthCheckNodePort") and isinstance(value, int) and value >= 30000:
        return "<port>"
    return value


def _rank(entry: Any) -> str:
    keys = ("manager", "operation", "subresource", "field", "reason", "message")
    return json.dumps([entry.get(key) for key in keys] if isinstance(entry, dict) else entry)


def _normal_text(value: str, key: str) -> str:
    if key == "resourceVersion" and value.isdigit():
        return "<version>"
    if key in ("continue", "storageVersionHash"):
        return f"<{key}>" if value else value
    if key in ("clusterIP", "clusterIPs", "cells") and _ADDRESS.fullmatch(value):
        return "<address>"
    if key == "cells" and _AGE.fullmatch(value):
        return "<age>"
    value = _UUID.sub("<uid>", value)
    value = _VOLUME.sub("kube-api-access-<generated>", value)
    value = _RECORDED.sub("in record (<version>)", value)
    value = _TOO_OLD.sub("too old resource version: <version>", value)
    value = _TOO_LARGE.sub(r"resource version: \1, current: <version>", value)
    value = _PATCHED.sub("patch: Invalid value: <patched>", value)
    value = _SCHEME.sub("", value)
    return _TIME.sub("<time>", value)
