"""An operator written with kopf: handlers, children, finalizers, timers, daemons."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

DEFINITION = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: farms.kopf.example}
spec:
  group: kopf.example
  scope: Namespaced
  names: {plural: farms, singular: farm, kind: Farm, shortNames: [fm]}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}}
    additionalPrinterColumns:
    - {name: Said, type: string, jsonPath: .status.grown.said}
    schema:
      openAPIV3Schema:
        type: object
        x-kubernetes-preserve-unknown-fields: true
"""
OPERATOR = """
import kopf


@kopf.on.startup()
def settle(settings, **_):
    settings.posting.enabled = True
    settings.persistence.finalizer = "kopf.example/finalizer"
    settings.watching.server_timeout = 60


@kopf.on.create("farms", id="grown")
def grown(spec, name, namespace, **_):
    child = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"crop": spec["crop"]}}
    kopf.adopt(child)
    kopf.label(child, {"farm": name})
    return {"said": f"grows {spec['crop']}", "child": child["metadata"]}


@kopf.on.create("farms", id="flaky", retries=3)
def flaky(retry, **_):
    if retry < 1:
        raise kopf.TemporaryError("not yet", delay=0.1)
    return retry


@kopf.on.field("farms", field="spec.crop", id="swapped")
def swapped(old, new, patch, **_):
    patch.status["crops"] = f"{old} to {new}"


@kopf.timer("farms", interval=0.2, id="tick")
def tick(status, patch, **_):
    patch.status["ticks"] = min(3, (status.get("ticks") or 0) + 1)


@kopf.daemon("farms", id="guard")
async def guard(stopped, body, **_):
    kopf.info(body, reason="Guarding", message="day and night")
    await stopped.wait()


@kopf.on.delete("farms")
def harvested(logger, **_):
    logger.info("harvested")


@kopf.on.event("pods", labels={"farm": kopf.PRESENT})
def noticed(**_):
    pass
"""
FARM = """
apiVersion: kopf.example/v1
kind: Farm
metadata: {name: north}
spec: {crop: rye}
"""


@pytest.fixture(scope="module")
def ctl(kubectl: Any) -> Any:
    kubectl("create", "namespace", "kopf")
    kubectl("config", "set-context", "--current", "--namespace=kopf")
    kubectl("apply", "-f", "-", text=DEFINITION)
    kubectl("wait", "--for=condition=Established", "crd/farms.kopf.example", "--timeout=10s")
    return kubectl


@pytest.fixture(scope="module")
def operator(ctl: Any, folder: Path) -> Iterator[Path]:
    """The running operator; its log."""
    script, log = folder / "farms.py", folder / "kopf.log"
    script.write_text(OPERATOR)
    command = [sys.executable, "-m", "kopf", "run", "--standalone", "-n", "kopf", str(script)]
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=ctl.environment, stdout=output, stderr=output)
    try:
        yield log
    finally:
        process.terminate()
        process.wait(timeout=20)


def awaited(ctl: Any, path: str, value: str = "") -> None:
    condition = f"jsonpath={{{path}}}" + (f"={value}" if value else "")
    ctl("wait", f"--for={condition}", "farm/north", "--timeout=20s")


def test_an_operator_lives_with_its_objects(ctl: Any, operator: Path) -> None:
    ctl("apply", "-f", "-", text=FARM)
    awaited(ctl, ".status.grown.said", "grows rye")
    awaited(ctl, ".status.flaky", "1")
    posted = ("--for=create", "--field-selector=reason=Guarding", "--timeout=10s")
    ctl("wait", "event", *posted)
    awaited(ctl, ".status.ticks", "3")
    farm = ctl.json("get", "farm", "north")
    assert farm["metadata"]["finalizers"] == ["kopf.example/finalizer"]
    assert farm["status"]["grown"]["child"]["ownerReferences"][0]["uid"] == farm["metadata"]["uid"]
    assert "grows rye" in ctl("get", "fm")

    ctl("patch", "fm", "north", "--type=merge", "-p", '{"spec":{"crop":"oats"}}')
    awaited(ctl, ".status.crops", "rye to oats")

    ctl("delete", "fm", "north", "--timeout=20s")
    assert "NotFound" in ctl.refused("get", "fm", "north")
    text = operator.read_text()
    assert "harvested" in text
    assert "Traceback" not in text
