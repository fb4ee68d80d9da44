"""Drydock beside a real control plane, on this machine, in one run, turn by turn.

The real one is kube-apiserver, etcd and kube-controller-manager as `make conformance` builds them;
both make writes durable before they answer. Prints JSON: the figures of both, and medians of the
ratios (Drydock's over the real one's) of the rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import socket
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from drydock import Cluster, Obj, measure, own

from towline.kubeclient.kubeconfig import load_kubeconfig

TOKEN = "bench-token"
READY_SECONDS = 120.0
PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager")
KUBECONFIG = """apiVersion: v1
kind: Config
clusters: [{{name: real, cluster: {{server: "{server}", insecure-skip-tls-verify: true}}}}]
users: [{{name: admin, user: {{token: {token}}}}}]
contexts: [{{name: real, context: {{cluster: real, user: admin}}}}]
current-context: real
"""
RATIOS = (
    ("start_seconds",),
    ("memory_idle_mb",),
    ("latency", "create", "median_ms"),
    ("latency", "get", "median_ms"),
    ("parallel", "creates_per_second"),
    ("list", "list", "median_ms"),
    ("watch", "delivery", "p99_ms"),
)


@contextlib.asynccontextmanager
async def real(programs: Path) -> AsyncIterator[tuple[Cluster, float]]:
    """A control plane of the real programs; yields a client and the seconds until ready."""
    with tempfile.TemporaryDirectory(prefix="real-bench-") as name:
        folder = Path(name)
        etcd_port, peer_port, port, manager_port = _ports(4)
        kubeconfig = folder / "kubeconfig"
        kubeconfig.write_text(KUBECONFIG.format(server=f"https://127.0.0.1:{port}", token=TOKEN))
        began = time.perf_counter()
        async with contextlib.AsyncExitStack() as stack:
            arguments = _arguments(folder, etcd_port, peer_port, port, manager_port)
            children = [
                await stack.enter_async_context(_child(programs / program, given, folder))
                for program, given in zip(PROGRAMS, arguments, strict=True)
            ]
            await _until_ready(port, children)
            seconds = time.perf_counter() - began
            pids = [child.pid for child in children]
            cluster = Cluster(load_kubeconfig(kubeconfig), pids)
            yield await stack.enter_async_context(cluster), seconds


def _arguments(
    folder: Path, etcd_port: int, peer_port: int, port: int, manager_port: int
) -> list[list[str]]:
    key, tokens = folder / "sa.key", folder / "tokens.csv"
    key.write_bytes(
        rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    )
    tokens.write_text(f'{TOKEN},admin,admin,"system:masters"\n')
    etcd, peer = f"http://127.0.0.1:{etcd_port}", f"http://127.0.0.1:{peer_port}"
    return [
        [
            *("--data-dir", str(folder / "etcd")),
            *("--listen-client-urls", etcd, "--advertise-client-urls", etcd),
            *("--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer),
            *("--initial-cluster", f"default={peer}"),
        ],
        [
            *(f"--etcd-servers={etcd}", "--bind-address=127.0.0.1", f"--secure-port={port}"),
            *(f"--cert-dir={folder / 'certificates'}", f"--token-auth-file={tokens}"),
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
            *(f"--service-account-key-file={key}", f"--service-account-signing-key-file={key}"),
            *("--authorization-mode=RBAC", "--service-cluster-ip-range=10.96.0.0/16"),
        ],
        [
            *(f"--kubeconfig={folder / 'kubeconfig'}", "--bind-address=127.0.0.1"),
            *(f"--secure-port={manager_port}", f"--service-account-private-key-file={key}"),
            *(f"--cert-dir={folder / 'manager'}", "--leader-elect=false"),
        ],
    ]


@contextlib.asynccontextmanager
async def _child(
    program: Path, arguments: list[str], folder: Path
) -> AsyncIterator[asyncio.subprocess.Process]:
    with (folder / f"{program.name}.log").open("wb") as log:
        child = await asyncio.create_subprocess_exec(program, *arguments, stdout=log, stderr=log)
    try:
        yield child
    finally:
        with contextlib.suppress(ProcessLookupError):
            child.terminate()
        try:
            await asyncio.wait_for(child.wait(), 20)
        except TimeoutError:
            child.kill()
            await child.wait()


async def _until_ready(port: int, children: list[asyncio.subprocess.Process]) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    end = time.perf_counter() + READY_SECONDS
    async with aiohttp.ClientSession(headers=headers) as session:
        while time.perf_counter() < end:
            if any(child.returncode is not None for child in children):
                raise RuntimeError("a program of the real control plane ended")
            with contextlib.suppress(aiohttp.ClientError):
                async with session.get(f"https://127.0.0.1:{port}/readyz", ssl=False) as answer:
                    if answer.status == 200:
                        return
            await asyncio.sleep(0.02)
    raise RuntimeError("the real control plane did not become ready")


def _ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [
            stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)
        ]
        return [each.getsockname()[1] for each in sockets]


def _figure(figures: Obj, path: tuple[str, ...]) -> float | None:
    found: Any = figures
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, int | float) else None


def ratios(rounds: list[dict[str, Obj]]) -> dict[str, float]:
    """Median over the rounds of Drydock's figure divided by the real one's."""
    result: dict[str, float] = {}
    for path in RATIOS:
        pairs = [(_figure(r["drydock"], path), _figure(r["real"], path)) for r in rounds]
        known = [mine / theirs for mine, theirs in pairs if mine is not None and theirs]
        if known:
            result[".".join(path)] = round(statistics.median(known), 2)
    return result


async def run(options: argparse.Namespace) -> Obj:
    rounds: list[dict[str, Obj]] = []
    for _ in range(options.rounds):
        async with own() as (_, cluster, seconds):
            mine = {"start_seconds": round(seconds, 2), **await measure(cluster, options)}
        async with real(options.programs) as (cluster, seconds):
            theirs = {"start_seconds": round(seconds, 2), **await measure(cluster, options)}
        rounds.append({"drydock": mine, "real": theirs})
    return {"ratios": ratios(rounds), "rounds": rounds}


def _cached() -> Path | None:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "towline"
    found = sorted(cache.glob("kubernetes-v*"))
    return found[-1] if found else None


def main() -> None:
    """Parses the arguments, runs, prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", type=Path, default=_cached(), help="folder of the real ones")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--requests", type=int, default=300)
    parser.add_argument("--creates", type=int, default=2000)
    parser.add_argument("--pods", type=int, default=5000)
    parser.add_argument("--watchers", type=int, default=200)
    parser.add_argument("--events", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=50.0)
    options = parser.parse_args()
    if options.programs is None or not (options.programs / "etcd").exists():
        parser.error("the real programs are missing: build them with `make conformance`")
    print(json.dumps(asyncio.run(run(options)), indent=2))


if __name__ == "__main__":
    main()
