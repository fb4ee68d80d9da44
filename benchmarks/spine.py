"""Latency and memory of the spine on this machine, medians of several trials.

Starts an instance of its own, then measures from outside, by watching the Kubernetes API:

    edit      manifest push -> the Deployment's spec changed
    recreate  Deployment deleted -> a new one exists
    rescale   replicas changed by hand -> changed back
    idle      resident memory of each part, nothing happening
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from towline.demo.instance import Instance
from towline.demo.repositories import Repository
from towline.kube.refs import GroupVersionKind
from towline.kubeclient.client import KubeClient
from towline.kubeclient.informer import Informer
from towline.kubeclient.kubeconfig import load_kubeconfig

DEPLOYMENT = GroupVersionKind("apps", "v1", "Deployment")

MANIFEST = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: bench
spec:
  replicas: 0
  selector: {{matchLabels: {{app: bench}}}}
  template:
    metadata: {{labels: {{app: bench}}}}
    spec:
      containers:
        - name: main
          image: example/bench:{tag}
"""


class Watcher:
    """Knows the Deployment as soon as the API tells of it."""

    def __init__(self, informer: Informer) -> None:
        self._informer = informer
        self._changed = asyncio.Event()
        informer.subscribe(lambda *_: self._changed.set())

    def deployment(self) -> dict[str, Any] | None:
        found = self._informer.get("default", "bench")
        return found.body() if found is not None else None

    async def until(self, check: Any, seconds: float = 60) -> float:
        """Waits for a state; returns the time at which it was seen."""
        async with asyncio.timeout(seconds):
            while not check(self.deployment()):
                self._changed.clear()
                await self._changed.wait()
        return time.perf_counter()


async def trials(instance: Instance, count: int) -> dict[str, list[float]]:
    endpoints = instance.endpoints
    forge = str(endpoints["forge"]).rstrip("/")
    token = instance.secret("forge_token_file")
    repository = Repository(instance.data / "bench-repo", f"{forge}/bench/manifests.git", token)
    source = instance.data / "bench-source"
    source.mkdir()
    manifest = source / "deployment.yaml"
    manifest.write_text(MANIFEST.format(tag=0))
    await repository.create(source)
    await repository.commit("first")
    await repository.push()
    access = load_kubeconfig(Path(endpoints["kubeconfig"]))
    results: dict[str, list[float]] = {"edit": [], "recreate": [], "rescale": []}
    async with KubeClient(access) as client, asyncio.TaskGroup() as group:
        informer = Informer(client, DEPLOYMENT, "default")
        watching = group.create_task(informer.run())
        await informer.synced(30)
        watcher = Watcher(informer)
        await client.apply(application(repository.remote), manager="kubectl")
        await watcher.until(lambda d: d is not None)
        for trial in range(1, count + 1):
            results["edit"].append(await edit(repository, watcher, trial))
            results["recreate"].append(await recreate(client, watcher))
            await edit(repository, watcher, trial + 1000)  # a new revision ends the heal back-off
            results["rescale"].append(await rescale(client, watcher))
        watching.cancel()
    return results


async def edit(repository: Repository, watcher: Watcher, tag: int) -> float:
    (repository.folder / "deployment.yaml").write_text(MANIFEST.format(tag=tag))
    await repository.commit(f"tag {tag}")
    began = time.perf_counter()
    await repository.push()
    pushed = time.perf_counter()

    def changed(deployment: dict[str, Any] | None) -> bool:
        return deployment is not None and image(deployment) == f"example/bench:{tag}"

    seen = await watcher.until(changed)
    await asyncio.sleep(0.5)  # the sync's own bookkeeping is not part of the next trial
    return max(seen - pushed, 0.0) if seen > pushed else seen - began


async def recreate(client: KubeClient, watcher: Watcher) -> float:
    old = (watcher.deployment() or {})["metadata"]["uid"]
    await client.delete(DEPLOYMENT, "default", "bench")
    deleted = time.perf_counter()
    seen = await watcher.until(lambda d: d is not None and d["metadata"]["uid"] != old)
    return max(0.0, seen - deleted)


async def rescale(client: KubeClient, watcher: Watcher) -> float:
    await client.patch(
        DEPLOYMENT, "default", "bench", {"spec": {"replicas": 1}}, manager="kubectl-scale"
    )
    changed = time.perf_counter()
    seen = await watcher.until(lambda d: d is not None and d["spec"]["replicas"] == 0)
    return max(0.0, seen - changed)


def image(deployment: dict[str, Any]) -> str:
    return str(deployment["spec"]["template"]["spec"]["containers"][0]["image"])


def application(url: str) -> dict[str, Any]:
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": "bench", "namespace": "argocd"},
        "spec": {
            "project": "default",
            "source": {"repoURL": url, "targetRevision": "main", "path": "."},
            "destination": {"server": "https://kubernetes.default.svc", "namespace": "default"},
            "syncPolicy": {"automated": {"prune": True, "selfHeal": True}},
        },
    }


async def run(count: int, output: Path | None) -> None:
    data = Path(tempfile.mkdtemp(prefix="towline-bench-"))
    instance = Instance(data)
    began = time.perf_counter()
    try:
        await instance.start()
        started = time.perf_counter() - began
        results = await trials(instance, count)
        await asyncio.sleep(10)
        memory = instance.memory_mb()
    finally:
        await instance.stop()
        shutil.rmtree(data, ignore_errors=True)
    figures: dict[str, Any] = {"start_seconds": round(started, 2), "memory_mb": memory}
    for name, values in results.items():
        figures[name] = {
            "median_ms": round(statistics.median(values) * 1000),
            "min_ms": round(min(values) * 1000),
            "max_ms": round(max(values) * 1000),
            "trials": len(values),
        }
    text = json.dumps(figures, indent=2)
    print(text)
    if output:
        output.write_text(text + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=5)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    asyncio.run(run(options.trials, options.out))
