"""Drydock from outside: time to start, memory, latency, throughput, lists and watches, as JSON.

Without arguments it starts clusters of its own. With `--kubeconfig` it measures that server with
the same requests, so that two servers can be compared in one run on one machine:

    start       process start -> requests are answered (own clusters only), also with state
    memory      resident, empty and with many objects; `--pid` names the processes of a given server
    latency     one client, one request after another
    parallel    16 writers at once
    list        5,000 pods in one answer
    watch       from the request of a write to its event at each of 200 watchers
    simulated   pods on simulated nodes, created -> all ready, alone and of a Deployment (own only)
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import re
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Self

import aiohttp

from towline.kubeclient.kubeconfig import ClusterAccess, load_kubeconfig
from towline.kubeclient.transport import tls_context

Obj = dict[str, Any]
NAMESPACE = "bench"
MAPS = f"/api/v1/namespaces/{NAMESPACE}/configmaps"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
DEPLOYMENTS = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
WRITERS = 16
_TICKS = os.sysconf("SC_CLK_TCK")
_MARK = re.compile(rb'"mark":"(\d+)"')


class Cluster:
    """A client of the server under test.

    Args:
        access: How to reach it.
        pids: Its processes.
    """

    def __init__(self, access: ClusterAccess, pids: list[int]) -> None:
        self._access = access
        self.pids = pids
        self.session: aiohttp.ClientSession

    async def __aenter__(self) -> Self:
        headers = {"Authorization": f"Bearer {self._access.token}"} if self._access.token else {}
        self.session = aiohttp.ClientSession(
            self._access.server,
            connector=aiohttp.TCPConnector(ssl=tls_context(self._access), limit=0),
            timeout=aiohttp.ClientTimeout(total=600),
            headers=headers,
            read_bufsize=2**20,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.session.close()

    async def send(self, method: str, path: str, body: Obj | None = None, kind: str = "") -> bytes:
        headers = {"Content-Type": kind} if kind else {}
        data = None if body is None else json.dumps(body).encode()
        headers.setdefault("Content-Type", "application/json")
        async with self.session.request(method, path, data=data, headers=headers) as answer:
            text = await answer.read()
            if answer.status >= 400:
                raise RuntimeError(f"{method} {path}: {answer.status} {text[:300]!r}")
            return text

    async def get(self, path: str) -> Any:
        return json.loads(await self.send("GET", path))

    def memory_mb(self) -> float | None:
        """Resident memory of all processes; the write-ahead caches of the kernel do not count."""
        pages = [int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in self.pids]
        return round(sum(pages) * os.sysconf("SC_PAGE_SIZE") / 1e6, 1) if pages else None

    def cpu_seconds(self) -> float:
        """Processor time used so far by all processes."""
        ticks = 0
        for pid in self.pids:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / _TICKS


class Own:
    """A Drydock of our own, in a folder of its own."""

    def __init__(self, node: str = "none", nodes: int = 1, sync: str = "full") -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="drydock-bench-"))
        self.kubeconfig = self.folder / "kubeconfig"
        self._arguments = ["--node", node, "--nodes", str(nodes), "--sync", sync]
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> float:
        """Starts it; returns the seconds until it answers a request."""
        began = time.perf_counter()
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "towline.drydock.server", "--log-level", "WARNING"),
            *("--data", str(self.folder / "data"), "--kubeconfig", str(self.kubeconfig)),
            *self._arguments,
            stdout=asyncio.subprocess.PIPE,
        )
        assert self._process.stdout is not None
        if not await self._process.stdout.readline():
            raise RuntimeError("the server did not start")
        async with Cluster(load_kubeconfig(self.kubeconfig), []) as cluster:
            await cluster.send("GET", "/readyz")
        return time.perf_counter() - began

    async def stop(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            await self._process.wait()

    def client(self) -> Cluster:
        assert self._process is not None
        return Cluster(load_kubeconfig(self.kubeconfig), [self._process.pid])

    async def end(self) -> None:
        await self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


@contextlib.asynccontextmanager
async def own(**options: Any) -> AsyncIterator[tuple[Own, Cluster, float]]:
    made = Own(**options)
    try:
        seconds = await made.start()
        async with made.client() as cluster:
            yield made, cluster, seconds
    finally:
        await made.end()


def spread(seconds: list[float]) -> Obj:
    """Median and tail in milliseconds."""
    ordered = sorted(seconds)
    last = len(ordered) - 1
    return {
        "median_ms": round(statistics.median(ordered) * 1000, 2),
        "p95_ms": round(ordered[round(last * 0.95)] * 1000, 2),
        "p99_ms": round(ordered[round(last * 0.99)] * 1000, 2),
        "max_ms": round(ordered[-1] * 1000, 2),
        "count": len(ordered),
    }


def config_map(name: str, size: int = 200) -> Obj:
    return {"metadata": {"name": name}, "data": {"key": "v" * size, "mark": "none"}}


def pod(name: str) -> Obj:
    container = {
        "name": "main",
        "image": "example/app:1",
        "ports": [{"containerPort": 8080}],
        "env": [{"name": "LEVEL", "value": "info"}],
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}},
        "readinessProbe": {"httpGet": {"path": "/ready", "port": 8080}},
    }
    # Nobody schedules it: what is measured is the server.
    spec = {"containers": [container], "schedulerName": "nobody"}
    return {"metadata": {"name": name, "labels": {"app": "bench"}}, "spec": spec}


async def timed(work: Callable[[int], Awaitable[Any]], count: int) -> list[float]:
    seconds = []
    for number in range(count):
        began = time.perf_counter()
        await work(number)
        seconds.append(time.perf_counter() - began)
    return seconds


async def in_parallel(work: Callable[[int], Awaitable[Any]], count: int) -> float:
    """Runs the work for 0..count-1 by a fixed number of workers; returns the seconds."""
    numbers = iter(range(count))

    async def worker() -> None:
        for number in numbers:
            await work(number)

    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(WRITERS):
            group.create_task(worker())
    return time.perf_counter() - began


async def prepare(cluster: Cluster) -> None:
    """A namespace whose default ServiceAccount is there: pods need it."""
    with contextlib.suppress(RuntimeError):
        await cluster.send("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    async with asyncio.timeout(30):
        while True:
            try:
                await cluster.send("GET", f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/default")
            except RuntimeError:
                await asyncio.sleep(0.05)
            else:
                return


async def clean(cluster: Cluster) -> None:
    for path in (PODS, MAPS):
        await cluster.send("DELETE", f"{path}?gracePeriodSeconds=0")


async def latency(cluster: Cluster, count: int) -> Obj:
    async def create(number: int) -> None:
        await cluster.send("POST", MAPS, config_map(f"latency-{number}"))

    async def get(number: int) -> None:
        await cluster.send("GET", f"{MAPS}/latency-{number % count}")

    await timed(lambda n: cluster.send("POST", MAPS, config_map(f"warm-{n}")), 20)
    created = spread(await timed(create, count))
    return {"create": created, "get": spread(await timed(get, 2 * count))}


async def parallel(cluster: Cluster, count: int) -> Obj:
    seconds = await in_parallel(
        lambda n: cluster.send("POST", MAPS, config_map(f"parallel-{n}")), count
    )
    return {"creates_per_second": round(count / seconds), "writers": WRITERS, "count": count}


async def listing(cluster: Cluster, count: int) -> Obj:
    seconds = await in_parallel(lambda n: cluster.send("POST", PODS, pod(f"list-{n}")), count)
    body = await cluster.send("GET", PODS)
    listed = spread(await timed(lambda _: cluster.send("GET", PODS), 7))
    return {
        "pod_creates_per_second": round(count / seconds),
        "list": listed,
        "pods": count,
        "megabytes": round(len(body) / 1e6, 2),
    }


class Watcher:
    """One watch: notes when each marked event arrives."""

    def __init__(self, sent: list[float], delays: list[float]) -> None:
        self._sent = sent
        self._delays = delays
        self.seen = 0
        self.ready = asyncio.Event()

    async def run(self, cluster: Cluster, version: str) -> None:
        query = f"watch=1&resourceVersion={version}&fieldSelector=metadata.name%3Dwatched"
        async with cluster.session.get(f"{MAPS}?{query}") as answer:
            self.ready.set()
            rest = b""
            async for chunk in answer.content.iter_any():
                now = time.perf_counter()
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    mark = _MARK.search(line)
                    if mark is not None:
                        self._delays.append(now - self._sent[int(mark[1])])
                        self.seen += 1
                if self.seen >= len(self._sent):
                    return


async def watching(cluster: Cluster, watchers: int, events: int, rate: float) -> Obj:
    await cluster.send("POST", MAPS, config_map("watched"))
    version = (await cluster.get(MAPS))["metadata"]["resourceVersion"]
    sent = [0.0] * events
    delays: list[float] = []
    all_watchers = [Watcher(sent, delays) for _ in range(watchers)]
    began = time.perf_counter()
    async with asyncio.timeout(30 + 4 * events / rate), asyncio.TaskGroup() as group:
        for each in all_watchers:
            group.create_task(each.run(cluster, version))
        for each in all_watchers:
            await each.ready.wait()
        opened = time.perf_counter()
        for number in range(events):
            await asyncio.sleep(max(0.0, opened + number / rate - time.perf_counter()))
            sent[number] = time.perf_counter()
            change = {"data": {"mark": str(number)}}
            path = f"{MAPS}/watched"
            await cluster.send("PATCH", path, change, "application/merge-patch+json")
        written = time.perf_counter()
    ended = time.perf_counter()
    return {
        "delivery": spread(delays),
        "watchers": watchers,
        "events": events,
        "writes_per_second": round(events / (written - opened), 1),
        "open_seconds": round(opened - began, 2),
        "drain_seconds": round(ended - written, 2),
    }


async def many_objects(cluster: Cluster, count: int) -> Obj:
    """Memory with many objects: nine ConfigMaps for each pod."""

    async def create(number: int) -> None:
        if number % 10:
            await cluster.send("POST", MAPS, config_map(f"many-{number}", 1000))
        else:
            await cluster.send("POST", PODS, pod(f"many-{number}"))

    seconds = await in_parallel(create, count)
    await asyncio.sleep(2)
    return {"memory_mb": cluster.memory_mb(), "objects": count, "seconds": round(seconds, 1)}


def deployment(name: str, replicas: int) -> Obj:
    labels = {"app": name}
    template = {
        "metadata": {"labels": labels},
        "spec": {"containers": [{"name": "main", "image": "example/app:1"}]},
    }
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    return {"metadata": {"name": name}, "spec": spec}


async def ready_pods(cluster: Cluster, name: str, replicas: int) -> float:
    """Creates a Deployment; returns the seconds until all of its pods are ready."""
    began = time.perf_counter()
    await cluster.send("POST", DEPLOYMENTS, deployment(name, replicas))
    async with asyncio.timeout(300):
        while True:
            status = (await cluster.get(f"{DEPLOYMENTS}/{name}")).get("status") or {}
            if status.get("readyReplicas", 0) >= replicas:
                return time.perf_counter() - began
            await asyncio.sleep(0.1)


async def ready_alone(cluster: Cluster, count: int) -> float:
    """Creates pods without an owner; returns the seconds until all of them are ready."""

    def body(number: int) -> Obj:
        template = deployment("alone", 1)["spec"]["template"]
        return {**template, "metadata": {"name": f"alone-{number}", "labels": {"app": "alone"}}}

    began = time.perf_counter()
    await in_parallel(lambda number: cluster.send("POST", PODS, body(number)), count)
    async with asyncio.timeout(300):
        # They become ready in about the order of their creation: the last ones are asked first.
        for number in reversed(range(max(0, count - WRITERS), count)):
            await until_ready(cluster, f"alone-{number}")
        for each in (await cluster.get(PODS))["items"]:
            if not is_ready(each):
                await until_ready(cluster, each["metadata"]["name"])
    return time.perf_counter() - began


async def until_ready(cluster: Cluster, name: str) -> None:
    while True:
        if is_ready(await cluster.get(f"{PODS}/{name}")):
            return
        await asyncio.sleep(0.02)


def is_ready(pod: Obj) -> bool:
    conditions = pod.get("status", {}).get("conditions") or []
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


async def simulated(nodes: int, pods: int) -> Obj:
    figures: Obj = {"pods": pods, "nodes": nodes}
    async with own(node="simulated", nodes=nodes) as (_, cluster, _started):
        await prepare(cluster)
        figures["alone_ready_per_second"] = round(pods / await ready_alone(cluster, pods))
        await asyncio.sleep(5)
        used = cluster.cpu_seconds()
        await asyncio.sleep(15)
        figures["idle_cpu_percent"] = round((cluster.cpu_seconds() - used) / 15 * 100, 2)
        figures["memory_mb"] = cluster.memory_mb()
    replicas = min(pods, 1000)
    async with own(node="simulated", nodes=nodes) as (_, cluster, _started):
        await prepare(cluster)
        seconds = await ready_pods(cluster, "storm", replicas)
        figures["deployment"] = {
            "replicas": replicas,
            "ready_per_second": round(replicas / seconds),
        }
    return figures


async def starts(trials: int) -> Obj:
    first, again = [], []
    for _ in range(trials):
        made = Own()
        try:
            first.append(await made.start())
            await made.stop()
            again.append(await made.start())
        finally:
            await made.end()
    return {"first": spread(first), "again": spread(again)}


async def demo_memory() -> Obj:
    """About what the demo loads: a few definitions, workloads on nodes, some hundred objects."""
    async with own(node="simulated") as (_, cluster, _started):
        await prepare(cluster)
        for number in range(3):
            await cluster.send("POST", _DEFINITIONS, definition(f"kind{number}s"))
        for number in range(10):
            await ready_pods(cluster, f"demo-{number}", 2)
        for number in range(100):
            await cluster.send("POST", MAPS, config_map(f"demo-{number}", 1000))
        await cluster.send("GET", "/openapi/v2")
        await cluster.send("GET", "/openapi/v3/apis/apps/v1")
        await asyncio.sleep(2)
        return {"memory_mb": cluster.memory_mb(), "node": "simulated"}


_DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def definition(plural: str) -> Obj:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    return {
        "metadata": {"name": f"{plural}.bench.example.com"},
        "spec": {
            "group": "bench.example.com",
            "scope": "Namespaced",
            "names": {"plural": plural, "kind": plural.capitalize()},
            "versions": [version],
        },
    }


async def measure(cluster: Cluster, options: argparse.Namespace) -> Obj:
    """What is measured on any server."""
    await prepare(cluster)
    figures: Obj = {"memory_idle_mb": cluster.memory_mb()}
    figures["latency"] = await latency(cluster, options.requests)
    figures["parallel"] = await parallel(cluster, options.creates)
    figures["watch"] = await watching(cluster, options.watchers, options.events, options.rate)
    await clean(cluster)
    figures["list"] = await listing(cluster, options.pods)
    await clean(cluster)
    return figures


async def run(options: argparse.Namespace) -> Obj:
    if options.kubeconfig:
        access = load_kubeconfig(options.kubeconfig)
        async with Cluster(access, options.pid) as cluster:
            figures = await measure(cluster, options)
            figures["many"] = await many_objects(cluster, options.objects)
            await clean(cluster)
            return figures
    figures = {"start": await starts(options.trials)}
    async with own(sync=options.sync) as (_, cluster, _started):
        figures |= await measure(cluster, options)
    async with own(sync=options.sync) as (server, cluster, _started):
        await prepare(cluster)
        figures["many"] = await many_objects(cluster, options.objects)
        await server.stop()
        figures["many"]["restart_seconds"] = round(await server.start(), 2)
    figures["demo"] = await demo_memory()
    figures["simulated"] = await simulated(options.nodes, options.pods)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kubeconfig", type=Path, help="measure this server, not one of our own")
    parser.add_argument("--server", default="", help="its name in the output")
    parser.add_argument("--pid", type=int, action="append", default=[], help="one of its processes")
    parser.add_argument("--trials", type=int, default=5, help="starts")
    parser.add_argument("--requests", type=int, default=300, help="requests for the latencies")
    parser.add_argument("--creates", type=int, default=2000, help="parallel creates")
    parser.add_argument("--pods", type=int, default=5000, help="pods in a list, and simulated")
    parser.add_argument("--nodes", type=int, default=10, help="simulated nodes")
    parser.add_argument("--objects", type=int, default=10_000, help="objects for the memory")
    parser.add_argument("--watchers", type=int, default=200)
    parser.add_argument("--events", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=50.0, help="watched writes per second")
    parser.add_argument("--sync", choices=("full", "normal"), default="full")
    parser.add_argument("--out", type=Path, help="file for the JSON")
    options = parser.parse_args()
    figures = {"server": options.server or "drydock", **asyncio.run(run(options))}
    text = json.dumps(figures, indent=2)
    print(text)
    if options.out:
        options.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
