"""Starts and ends the two servers, each in a folder of its own."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from peers.client import Client

SERVICE_CIDR = "10.96.0.0/16"
SERVICE_ADDRESS = "10.96.0.1"
_TOKEN = "conformance-token"
_START_SECONDS = 120.0


@contextlib.contextmanager
def drydock(folder: Path) -> Iterator[Client]:
    """Drydock's API server.

    Raises:
        RuntimeError: It does not start.
    """
    argv = [sys.executable, "-m", "peers.drydock_api", str(folder), SERVICE_CIDR]
    with running_process(argv, folder / "log", python_environment()) as process:
        assert process.stdout is not None
        line = process.stdout.readline().split()
        if len(line) != 2:
            raise RuntimeError(f"Drydock did not start:\n{(folder / 'log').read_text()}")
        client = Client(*line)
        yield client
        client.close()


@contextlib.contextmanager
def kube_apiserver(programs: Path, folder: Path, more: Sequence[str] = ()) -> Iterator[Client]:
    """etcd and kube-apiserver.

    Args:
        programs: Folder that holds both programs.
        folder: For state, keys and logs.
        more: Further options of kube-apiserver, which win over those that are given anyway.

    Raises:
        RuntimeError: They do not start.
    """
    ports = _free_ports(3)
    etcd = f"http://127.0.0.1:{ports[0]}"
    peer = f"http://127.0.0.1:{ports[1]}"
    etcd_argv = [
        str(programs / "etcd"),
        *("--data-dir", str(folder / "etcd"), "--unsafe-no-fsync"),
        *("--listen-client-urls", etcd, "--advertise-client-urls", etcd),
        *("--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer),
        *("--initial-cluster", f"default={peer}"),
    ]
    argv = [str(programs / "kube-apiserver"), *_flags(folder, etcd, ports[2]), *more]
    with (
        running_process(etcd_argv, folder / "etcd.log") as store,
        running_process(argv, folder / "kube-apiserver.log") as server,
    ):
        client = Client(f"https://127.0.0.1:{ports[2]}", _TOKEN)
        _wait_until_ready(client, (store, server), folder)
        yield client
        client.close()


def _flags(folder: Path, etcd: str, port: int) -> list[str]:
    key = folder / "service-account.key"
    key.write_bytes(
        rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    )
    tokens = folder / "tokens.csv"
    tokens.write_text(f'{_TOKEN},admin,admin,"system:masters"\n')
    return [
        *(f"--etcd-servers={etcd}", "--bind-address=127.0.0.1", f"--secure-port={port}"),
        *(f"--cert-dir={folder / 'certificates'}", f"--token-auth-file={tokens}"),
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        *(f"--service-account-key-file={key}", f"--service-account-signing-key-file={key}"),
        *("--authorization-mode=RBAC", f"--service-cluster-ip-range={SERVICE_CIDR}"),
    ]


def _wait_until_ready(
    client: Client, processes: tuple[subprocess.Popen[str], ...], folder: Path
) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end:
        if any(process.poll() is not None for process in processes):
            break
        with contextlib.suppress(OSError):
            paths = ("/readyz", "/api/v1/namespaces/default", "/api/v1/namespaces/kube-system")
            if all(client.request("GET", path).status == 200 for path in paths):
                return
        time.sleep(0.2)
    logs = (folder / "etcd.log", folder / "kube-apiserver.log")
    tails = "\n".join(log.read_text()[-3000:] for log in logs)
    raise RuntimeError(f"kube-apiserver did not become ready:\n{tails}")


@contextlib.contextmanager
def running_process(
    argv: list[str], log: Path, environment: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """A program that runs until the block ends; `log` gets what it writes to stderr."""
    with log.open("w") as errors:
        process = subprocess.Popen(
            argv, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def python_environment() -> dict[str, str]:
    """For a Python process that runs a module of this package."""
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [
            stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)
        ]
        return [each.getsockname()[1] for each in sockets]
