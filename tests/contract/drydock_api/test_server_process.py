"""The server as a process: kill -9 under load, restarts, locks, clean ends."""

from __future__ import annotations

import asyncio
import gc
import json
import ssl
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

import aiohttp
import pytest

pytestmark = [
    pytest.mark.asyncio,
    pytest.mark.drydock_only("its process, its folder, its memory"),
    # The test client's connections die with the server; how it cleans them up is not the matter.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

MAPS = "/api/v1/namespaces/default/configmaps"


class Client:
    """A JSON client with the cluster's CA and token."""

    def __init__(self, server: Any) -> None:
        context = ssl.create_default_context(cafile=str(server.folder / "data/pki/ca.crt"))
        self.session = aiohttp.ClientSession(
            server.url,
            connector=aiohttp.TCPConnector(ssl=context, limit=64),
            headers={"Authorization": f"Bearer {server.token}"},
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.session.close()
        await asyncio.sleep(0)
        gc.collect()

    async def get(self, path: str) -> Any:
        async with self.session.get(path) as answer:
            return await answer.json()

    async def create(self, name: str) -> int:
        body = {"metadata": {"name": name}, "data": {"k": "v" * 200}}
        async with self.session.post(MAPS, json=body) as answer:
            made = await answer.json()
            assert answer.status == 201, made
            return int(made["metadata"]["resourceVersion"])


async def storm(client: Client, writer: int, acknowledged: dict[str, int]) -> None:
    """Creates objects until the server is gone; notes what it was promised."""
    number = 0
    while True:
        name = f"w{writer}-{number}"
        try:
            acknowledged[name] = await client.create(name)
        except (aiohttp.ClientError, ConnectionError):
            return
        number += 1


async def test_every_acknowledged_write_survives_kill_9(server: Any) -> None:
    acknowledged: dict[str, int] = {}
    for _ in range(2):
        before = len(acknowledged)
        async with Client(server) as client, asyncio.TaskGroup() as group:
            offset = before * 1000
            for writer in range(16):
                group.create_task(storm(client, offset + writer, acknowledged))
            while len(acknowledged) < before + 200:
                await asyncio.sleep(0.002)
            server.kill()
        server.start()
        async with Client(server) as client:
            found = await client.get(MAPS)
            versions = {
                item["metadata"]["name"]: int(item["metadata"]["resourceVersion"])
                for item in found["items"]
            }
            for name, version in acknowledged.items():
                assert versions[name] == version
            fresh = await client.create(f"fresh-{before}")
            assert fresh > max(versions.values())
            acknowledged[f"fresh-{before}"] = fresh


async def test_a_restart_keeps_address_keys_and_token(server: Any) -> None:
    url, token = server.url, server.token
    authority = (server.folder / "data/pki/ca.crt").read_bytes()
    assert server.stop() == 0
    server.start()
    assert (server.url, server.token) == (url, token)
    assert (server.folder / "data/pki/ca.crt").read_bytes() == authority


async def test_watches_resume_over_a_restart(server: Any) -> None:
    async with Client(server) as client:
        version = (await client.get(MAPS))["metadata"]["resourceVersion"]
        await client.create("over-restart")
    server.stop()
    server.start()
    async with Client(server) as client:
        url = f"{MAPS}?watch=1&resourceVersion={version}&timeoutSeconds=10"
        async with client.session.get(url) as stream:
            event = json.loads(await stream.content.readline())
    assert (event["type"], event["object"]["metadata"]["name"]) == ("ADDED", "over-restart")


async def test_secrets_on_disk_are_the_owners_only(server: Any) -> None:
    data = server.folder / "data"
    for path in (data / "pki/tokens.csv", data / "pki/server.key", server.kubeconfig):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((data / "pki").stat().st_mode) == 0o700


async def test_a_second_server_on_the_same_folder_is_refused(server: Any) -> None:
    second = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "towline.drydock.server", "--data", str(server.folder / "data")],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert second.returncode == 1
    assert "is in use by another Drydock" in second.stderr
    assert "Traceback" not in second.stderr


async def test_open_watches_do_not_hold_up_the_end(server: Any) -> None:
    url = f"{MAPS}?watch=1&resourceVersion=0"
    async with Client(server) as client, client.session.get(url) as stream:
        await stream.content.readline()
        loop = asyncio.get_running_loop()
        begun = loop.time()
        code = await asyncio.to_thread(server.stop)
        assert code == 0
        assert loop.time() - begun < 5
    server.start()


async def test_memory_stays_small(server: Any) -> None:
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    resident = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    assert int(resident.split()[1]) < 100 * 1024
