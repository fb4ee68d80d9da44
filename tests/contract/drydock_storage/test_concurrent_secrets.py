"""S67: a thousand credential updates and reads at once, by real clients of a real server."""

from __future__ import annotations

import asyncio
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SECRETS = "/api/v1/namespaces/default/secrets"
ACCOUNT = "/api/v1/namespaces/default/serviceaccounts/default"
REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"
COUNT = 10
UPDATES, READS, TOKENS = 500, 400, 100


def encoded(number: int) -> dict[str, str]:
    """Two long values that always belong together."""
    value = b64encode(str(number).encode() * 500).decode()
    return {"user": value, "password": value, "count": b64encode(str(number).encode()).decode()}


def number_of(secret: dict[str, Any]) -> int:
    return int(b64decode(secret["data"]["count"]))


async def increase(client: Any, name: str, refusal: type[Any]) -> str:
    """Adds one to a Secret by read, change and conditional write; returns the new version."""
    while True:
        secret = await client.get(f"{SECRETS}/{name}")
        secret["data"] = encoded(number_of(secret) + 1)
        try:
            written = await client.send("PUT", f"{SECRETS}/{name}", secret)
        except refusal as answer:
            if answer.code != 409:
                raise
        else:
            assert written["data"] == secret["data"]
            return str(written["metadata"]["resourceVersion"])


async def read(client: Any, name: str) -> None:
    secret = await client.get(f"{SECRETS}/{name}")
    assert secret["data"] == encoded(number_of(secret)), "a torn read"


async def new_token(client: Any) -> None:
    asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    made = await client.send("POST", f"{ACCOUNT}/token", asked)
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview"}
    seen = await client.send(
        "POST", REVIEWS, {**review, "spec": {"token": made["status"]["token"]}}
    )
    assert seen["status"]["user"]["username"] == "system:serviceaccount:default:default"


@pytest.mark.asyncio
async def test_s67_a_thousand_concurrent_credential_updates_and_reads(
    make_server: Callable[[Path], Any], tmp_path: Path, refusal: type[Any]
) -> None:
    server = make_server(tmp_path)
    server.start()
    names = [f"credential-{number}" for number in range(COUNT)]
    async with server.client() as client:
        for name in names:
            await client.send("POST", SECRETS, {"metadata": {"name": name}, "data": encoded(0)})
        async with asyncio.timeout(10):
            async for event in client.watch("/api/v1/namespaces/default/serviceaccounts", 0):
                if event["object"]["metadata"]["name"] == "default":
                    break
        async with asyncio.TaskGroup() as group:
            updates = [
                group.create_task(increase(client, names[number % COUNT], refusal))
                for number in range(UPDATES)
            ]
            for number in range(READS):
                group.create_task(read(client, names[number % COUNT]))
            for _ in range(TOKENS):
                group.create_task(new_token(client))
        versions = [update.result() for update in updates]
        assert len(set(versions)) == UPDATES, "two updates were given one revision"
        found = (await client.get(SECRETS))["items"]
        counts = {
            s["metadata"]["name"]: number_of(s) for s in found if s["metadata"]["name"] in names
        }
        wanted = Counter(names[number % COUNT] for number in range(UPDATES))
        assert counts == dict(wanted), "an acknowledged update is not visible"
    assert server.running()
