"""Kustomize builds in one process beside the real binary run for each build, as JSON.

    render_kustomize.py [--real COMMAND] [--rounds N] FOLDER...

Without folders three are made: a small overlay, a hundred workloads under two layers, and an
overlay over a large definition. CPU milliseconds, medians: `cold` knows nothing yet, `warm` has
parsed the files before. Peak memory in MB is that of this process, and of the real one.
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
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from towline.cli.kustomize_files import DiskFiles, tree_path
from towline.render.kustomize.build import Kustomizer


def workload(name: str) -> dict[str, Any]:
    container = {"name": "main", "image": "nginx:1", "envFrom": [{"configMapRef": {"name": "cfg"}}]}
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }


def definition(fields: int) -> dict[str, Any]:
    text = (
        "What this field means, in a sentence that is long enough to be folded by an editor. " * 2
    )
    leaf = {"description": text, "type": "object", "properties": {"value": {"type": "string"}}}
    group = {"type": "object", "properties": {f"field{i}": leaf for i in range(20)}}
    schema = {"type": "object", "properties": {f"group{i}": group for i in range(fields // 20)}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "things.example.com"},
        "spec": {"group": "example.com", "versions": [{"name": "v1", "schema": schema}]},
    }


def make(place: Path, name: str, objects: list[dict[str, Any]]) -> Path:
    base, overlay = place / name / "base", place / name / "overlay"
    base.mkdir(parents=True)
    overlay.mkdir()
    (base / "all.yaml").write_text(
        yaml.dump_all(
            objects, Dumper=type("Plain", (yaml.CSafeDumper,), {"ignore_aliases": _never})
        )
    )
    (base / "kustomization.yaml").write_text(
        "resources: [all.yaml]\ncommonLabels: {team: base}\n"
        "configMapGenerator: [{name: cfg, literals: [a=b]}]\n"
    )
    (overlay / "kustomization.yaml").write_text(
        "resources: [../base]\nnamePrefix: prod-\nnamespace: prod\n"
        "images: [{name: nginx, newTag: '2'}]\n"
    )
    return overlay


def _never(*_: object) -> bool:
    return True


def cpu(work: Callable[[], object], who: int) -> float:
    def spent() -> float:
        usage = resource.getrusage(who)
        return usage.ru_utime + usage.ru_stime

    before = spent()
    work()
    return (spent() - before) * 1000


def measure(folder: Path, real: str, rounds: int) -> dict[str, float]:
    path = tree_path(str(folder.resolve()))

    def median(work: Callable[[], object], who: int = resource.RUSAGE_SELF) -> float:
        return round(statistics.median(cpu(work, who) for _ in range(rounds)), 1)

    warm = Kustomizer()
    result = {
        "cold": median(lambda: Kustomizer().build(DiskFiles(), path).text),
        "warm": median(lambda: warm.build(DiskFiles(), path).text),
    }
    if real:
        command = [*real.split(), str(folder)]
        children = resource.RUSAGE_CHILDREN
        result["real"] = median(
            lambda: subprocess.run(command, stdout=subprocess.DEVNULL, check=True,
                                   stderr=subprocess.DEVNULL), children)  # fmt: skip
        started = time.perf_counter()
        expected = subprocess.run(command, capture_output=True, check=True).stdout.decode()
        result["real_wall"] = round((time.perf_counter() - started) * 1000, 1)
        result["same"] = float(warm.build(DiskFiles(), path).text == expected)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--real", default="", help="such as `kustomize build`")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("folders", nargs="*", type=Path)
    given = parser.parse_args()
    beside = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    kubectl = shutil.which("kubectl", path=beside)
    real = given.real or (f"{kubectl} kustomize" if kubectl else "")
    with tempfile.TemporaryDirectory() as place:
        folders = given.folders or [
            make(Path(place), "small overlay", [workload("web")]),
            make(Path(place), "hundred workloads", [workload(f"w{i}") for i in range(100)]),
            make(Path(place), "large definition", [workload("web"), definition(4000)]),
        ]
        report: dict[str, Any] = {
            (folder.parent.name if not given.folders else str(folder)): measure(
                folder, real, given.rounds
            )
            for folder in folders
        }
    for who, name in ((resource.RUSAGE_SELF, "here"), (resource.RUSAGE_CHILDREN, "real")):
        report[f"peak_mb_{name}"] = round(resource.getrusage(who).ru_maxrss / 1024)
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
