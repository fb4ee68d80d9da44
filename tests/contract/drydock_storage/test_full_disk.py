"""R28 through the API: a full disk refuses writes, tells no lies, and passes without a restart."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

MAPS = "/api/v1/namespaces/default/configmaps"


def config_map(name: str) -> dict[str, Any]:
    return {"metadata": {"name": name}, "data": {"filling": "x" * 20_000}}


def fill(folder: Path) -> Path:
    """Takes what is left of the space."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        while True:
            try:
                file.write(bytes(4096))
            except OSError:
                return ballast


async def write_until_refused(
    client: Any, refusal: type[Any], stored: dict[str, str], *, times: int
) -> list[Any]:
    refused: list[Any] = []
    while len(refused) < times:
        name = f"map-{len(stored) + len(refused)}"
        try:
            made = await client.send("POST", MAPS, config_map(name))
        except refusal as answer:
            refused.append(answer)
        else:
            stored[name] = made["metadata"]["resourceVersion"]
        assert len(stored) < 1000, "the disk does not fill"
    return refused


async def versions(client: Any) -> dict[str, str]:
    items = (await client.get(MAPS))["items"]
    found = {item["metadata"]["name"]: item["metadata"]["resourceVersion"] for item in items}
    found.pop("kube-root-ca.crt", None)
    return found


@pytest.mark.asyncio
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_r28_a_full_disk_refuses_writes_until_there_is_space(
    small_disk: Path, make_server: Callable[[Path], Any], refusal: type[Any]
) -> None:
    server = make_server(small_disk)
    server.start()
    stored: dict[str, str] = {}
    async with server.client() as client:
        stored["first"] = (await client.send("POST", MAPS, config_map("first")))["metadata"][
            "resourceVersion"
        ]
        watch = client.watch(MAPS, stored["first"])
        ballast = fill(small_disk)
        refused = await write_until_refused(client, refusal, stored, times=5)
        for answer in refused:
            assert (answer.code, answer.body["kind"]) == (500, "Status")
            assert answer.body["reason"] == "InternalError"
            assert "no space left for the cluster's state" in answer.body["message"]
            assert "the write was not stored" in answer.body["message"]
        assert await versions(client) == stored
        assert server.running()

        ballast.unlink()
        made = await client.send("POST", MAPS, config_map("after"))
        stored["after"] = made["metadata"]["resourceVersion"]
        seen = {"first": stored["first"]}
        async with asyncio.timeout(10):
            while len(seen) < len(stored):
                event = await anext(watch)
                assert event["type"] == "ADDED"
                meta = event["object"]["metadata"]
                seen[meta["name"]] = meta["resourceVersion"]
        assert seen == stored
        await watch.aclose()
    server.end(signal.SIGKILL)
    server.start()
    async with server.client() as client:
        assert await versions(client) == stored


@pytest.mark.asyncio
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_r28_a_start_on_a_full_disk_serves_or_says_so(
    small_disk: Path, make_server: Callable[[Path], Any]
) -> None:
    server = make_server(small_disk)
    server.start()
    async with server.client() as client:
        made = await client.send("POST", MAPS, config_map("kept"))
    server.end(signal.SIGKILL)
    ballast = fill(small_disk)
    server.log = small_disk.parent / "server.log"
    process = server.spawn()
    said = await asyncio.to_thread(process.stdout.readline)
    if not said:
        assert "no space left" in server.log.read_text().lower()
        assert "Traceback" not in server.log.read_text()
    server.end(signal.SIGKILL)
    ballast.unlink()
    server.start()
    async with server.client() as client:
        assert (await versions(client))["kept"] == made["metadata"]["resourceVersion"]
