"""Objects of a server under test, in few words."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import yaml
from peers.client import Client

PATIENCE = 60.0


class Objects:
    """Reads and writes objects by path.

    Args:
        client: Of the server.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    def get(self, path: str) -> dict[str, Any] | None:
        """The object; None where there is none."""
        reply = self._client.request("GET", path)
        if reply.status == 404:
            return None
        assert reply.status == 200, reply
        found: dict[str, Any] = reply.body
        return found

    def create(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Creates an object in a collection."""
        return self._send("POST", path, body, "application/json")

    def patch(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Merges into an object."""
        return self._send("PATCH", path, body, "application/merge-patch+json")

    def delete(self, path: str) -> None:
        """Deletes an object in the background."""
        reply = self._client.request("DELETE", path)
        assert reply.status in {200, 202}, reply

    def define(self, files: Iterable[Path]) -> None:
        """Creates the kinds that files define and waits until they are served."""
        path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
        for file in files:
            for body in yaml.load_all(file.read_text(), yaml.CSafeLoader):
                name = self.create(path, body)["metadata"]["name"]
                self.until(f"{path}/{name}", lambda found: has_condition(found, "Established"))

    def until(
        self, path: str, condition: Callable[[dict[str, Any]], Any], seconds: float = PATIENCE
    ) -> dict[str, Any]:
        """Waits until an object is there and fulfils a condition."""
        end, found = time.monotonic() + seconds, None
        while time.monotonic() < end:
            found = self.get(path)
            if found is not None and condition(found):
                return found
            time.sleep(0.1)
        raise AssertionError(f"{path}: {json.dumps(found, indent=1)}")

    def until_gone(self, path: str) -> None:
        """Waits until an object is gone."""
        end = time.monotonic() + PATIENCE
        while (found := self.get(path)) is not None:
            assert time.monotonic() < end, f"{path} is still there: {json.dumps(found, indent=1)}"
            time.sleep(0.1)

    def _send(self, method: str, path: str, body: dict[str, Any], kind: str) -> dict[str, Any]:
        reply = self._client.request(
            method, path, json.dumps(body).encode(), {"Content-Type": kind}
        )
        assert reply.status in {200, 201}, reply
        sent: dict[str, Any] = reply.body
        return sent


def has_condition(found: dict[str, Any], kind: str, status: str = "True") -> bool:
    """Whether an object's status has a condition, of the present generation where it says so."""
    generation = found["metadata"].get("generation")
    return any(
        one["type"] == kind
        and one["status"] == status
        and one.get("observedGeneration", generation) == generation
        for one in found.get("status", {}).get("conditions") or []
    )
