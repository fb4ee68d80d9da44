"""Helm charts rendered in this process against one run of the real program for each render.

For each chart: CPU milliseconds of a first render (modules loaded, nothing compiled), of renders
with changed values afterwards, of a look-up when nothing has changed, and of the real program; and
the peak memory of both. Charts come from a folder such as the render corpus (`NAME/chart` or
`NAME`); the real program is found on the PATH or named with `--helm`.

    .venv/bin/python benchmarks/render_helm.py --charts ../shared/corpus/helm --helm /path/to/helm
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from towline.cli.helm_files import LocalTree
from towline.cli.helm_template import local_environment
from towline.render.cache import RenderCache
from towline.render.helm.directory import read_directory
from towline.render.helm.loading import load_chart
from towline.render.helm.rendering import Engine
from towline.render.helm.template import Release, render_chart, text_of_release
from towline.render.inputs import Inputs
from towline.render.source import RenderRequest, render_source

DEFAULT = ("podinfo", "ingress-nginx", "argo-cd", "kube-prometheus-stack")
KUBE = "1.33.0"


def measure_here(folder: Path, rounds: int) -> dict[str, float]:
    """Runs in a fresh process: the first render, then others with changed values."""
    tree = LocalTree(folder.parent)

    def request(mark: str) -> RenderRequest:
        helm = {"version": "v3", "kubeVersion": KUBE, "parameters": [{"name": "m", "value": mark}]}
        source = {"repoURL": "https://git.example.com/r", "path": folder.name, "helm": helm}
        return RenderRequest(source=source, app_name="rel", namespace="default", revision="0" * 40)

    def text(mark: str) -> None:
        chart = load_chart(read_directory(tree, folder.name))
        release = Release(name="rel", kube_version=KUBE, include_crds=True)
        text_of_release(render_chart(chart, {"m": mark}, release, engine=engine))

    engine = Engine(local_environment())
    cold = _cpu(lambda: text("cold"))
    warm = [_cpu(lambda mark=number: text(f"w{mark}")) for number in range(rounds)]
    cache = RenderCache()
    inputs = Inputs(tree=tree)
    cache.keep(inputs, request("x"), render_source(inputs, request("x")))
    unchanged = [_cpu(lambda: cache.lookup(inputs, request("x"))) for _ in range(rounds)]
    return {
        "cold_ms": cold,
        "warm_ms": statistics.median(warm),
        "unchanged_ms": statistics.median(unchanged),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def _cpu(work: Any) -> float:
    before = time.process_time()
    work()
    return (time.process_time() - before) * 1000


def measure_real(helm: str, folder: Path, rounds: int) -> dict[str, float]:
    """CPU and peak memory of the real program."""
    spent, peaks = [], []
    for _ in range(rounds):
        argv = [helm, "template", "rel", str(folder), "--include-crds", "--kube-version", KUBE]
        process = subprocess.Popen(
            argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ}
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            return {}
        spent.append((usage.ru_utime + usage.ru_stime) * 1000)
        peaks.append(usage.ru_maxrss / 1024)
    return {"real_ms": statistics.median(spent), "real_peak_mb": max(peaks)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--charts", type=Path, default=Path("../shared/corpus/helm"))
    parser.add_argument("--helm", default=shutil.which("helm") or "")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--child", type=Path)
    parser.add_argument("names", nargs="*", default=list(DEFAULT))
    options = parser.parse_args()
    if options.child is not None:
        print(json.dumps(measure_here(options.child, options.rounds)))
        return
    for name in options.names:
        folder = options.charts / name
        folder = folder / "chart" if (folder / "chart").is_dir() else folder
        child = [sys.executable, __file__, "--child", str(folder), "--rounds", str(options.rounds)]
        done = subprocess.run(child, capture_output=True, text=True, check=False)
        result = json.loads(done.stdout) if done.returncode == 0 else {"error": done.stderr[-300:]}
        if options.helm:
            result |= measure_real(options.helm, folder, options.rounds)
        print(json.dumps({"chart": name, **result}, default=str))


if __name__ == "__main__":
    main()
