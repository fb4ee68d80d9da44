"""port-forward of a real kubectl, and of a client that speaks channels."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.asyncio.client import connect

from towline.drydock.api.exec_channels import port_prefix


class Forwarded:
    """kubectl port-forward, on ports that it chose."""

    def __init__(self, machine: Any, *ports: int) -> None:
        self.process = subprocess.Popen(
            [machine.binary, "port-forward", "pod/box", *(f":{port}" for port in ports)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=machine.environment,
        )
        self.local: dict[int, int] = {}
        assert self.process.stdout is not None
        while len(self.local) < len(ports):
            line = self.process.stdout.readline()
            assert line, "port-forward ended"
            if "127.0.0.1:" in line:
                here, _, there = line.strip().rpartition(" -> ")
                self.local[int(there)] = int(here.rpartition(":")[2])

    def get(self, port: int) -> bytes:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.local[port]}/", timeout=5) as answer:
            return bytes(answer.read())


@pytest.fixture
def forwarded(machine: Any) -> Iterator[Forwarded]:
    made = Forwarded(machine, 8080, 8081, 8082, 9)
    yield made
    made.process.kill()
    made.process.communicate()


def test_servers_of_the_pod_are_reached(forwarded: Forwarded) -> None:
    assert forwarded.get(8080) == b"served\n"
    assert forwarded.get(8081) == b"served\n", "it listens on the pod's localhost only"


def test_many_connections_share_one_socket(forwarded: Forwarded) -> None:
    got: list[bytes] = []
    threads = [threading.Thread(target=lambda: got.append(forwarded.get(8080))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [b"served\n"] * 20


def test_bytes_come_back_whole_after_a_half_close(forwarded: Forwarded) -> None:
    blob = os.urandom(5_000_000)
    with socket.create_connection(("127.0.0.1", forwarded.local[8082]), timeout=20) as client:
        threading.Thread(target=lambda: (client.sendall(blob), client.shutdown(1))).start()
        got = bytearray()
        while block := client.recv(65536):
            got += block
    assert bytes(got) == blob


def test_a_port_where_nobody_listens_is_told(forwarded: Forwarded) -> None:
    with socket.create_connection(("127.0.0.1", forwarded.local[9]), timeout=5) as client:
        client.sendall(b"x")
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(10) == b""
    said, _ = forwarded.process.communicate(timeout=10)
    assert "failed to connect to localhost:9 inside namespace" in said
    assert "connection refused" in said


@pytest.mark.asyncio
async def test_channels_carry_ports_for_other_clients(machine: Any) -> None:
    context = ssl.create_default_context(cafile=machine.ca)
    url = machine.url.replace("https", "wss")
    async with connect(
        f"{url}/api/v1/namespaces/default/pods/box/portforward?ports=8082&ports=9",
        ssl=context,
        additional_headers={"Authorization": f"Bearer {machine.token}"},
        subprotocols=["v4.channel.k8s.io"],  # type: ignore[list-item]
        compression=None,
    ) as client:
        assert client.subprotocol == "v4.channel.k8s.io"
        await client.send(b"\0hello")
        got: dict[int, bytes] = {}
        while b"hello" not in got.get(0, b"") or b"refused" not in got.get(3, b""):
            message = await client.recv()
            assert isinstance(message, bytes)
            got[message[0]] = got.get(message[0], b"") + message[1:]
    assert got[0] == port_prefix(8082) + b"hello"
    assert got[1] == port_prefix(8082)
    assert got[2] == port_prefix(9)
