"""Starts whole control planes: an API with its controllers, and a kubeconfig that leads to it."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from peers.client import Client
from peers.processes import kube_apiserver, running_process

_START_SECONDS = 60.0


class ControlPlane(NamedTuple):
    """One server under test.

    Attributes:
        kubeconfig: Of its administrator.
        client: A plain client, as its administrator.
        log: What the server itself writes.
    """

    kubeconfig: Path
    client: Client
    log: Path


@contextlib.contextmanager
def drydock(folder: Path) -> Iterator[ControlPlane]:
    """Drydock with its controllers and a simulated node, as the command starts it."""
    kubeconfig, log = folder / "kubeconfig", folder / "log"
    argv = [
        *(str(Path(sys.executable).with_name("towline")), "drydock", "serve"),
        *("--node", "simulated"),
        *("--kubeconfig", str(kubeconfig), "--data", str(folder / "data")),
    ]
    with running_process(argv, log) as running:
        _wait(
            lambda: kubeconfig.is_file() and _nodes_are_ready(_client_of(kubeconfig)), running, log
        )
        client = _client_of(kubeconfig)
        yield ControlPlane(kubeconfig, client, log)
        client.close()


@contextlib.contextmanager
def kubernetes(programs: Path, folder: Path) -> Iterator[ControlPlane]:
    """etcd, kube-apiserver and kube-controller-manager; no node.

    Args:
        programs: Folder that holds the three.
        folder: For state, keys and logs.
    """
    with kube_apiserver(programs, folder) as client:
        authority = folder / "certificates" / "apiserver.crt"
        kubeconfig = folder / "kubeconfig"
        kubeconfig.write_text(json.dumps(_kubeconfig(client, authority)))
        argv = [
            str(programs / "kube-controller-manager"),
            *(f"--kubeconfig={kubeconfig}", "--leader-elect=false", "--secure-port=0"),
            f"--service-account-private-key-file={folder / 'service-account.key'}",
            *(f"--root-ca-file={authority}", "--use-service-account-credentials=true"),
            "--controllers=*,-node-ipam-controller,-node-lifecycle-controller",
        ]
        log = folder / "kube-controller-manager.log"
        path = "/api/v1/namespaces/default/serviceaccounts/default"
        with running_process(argv, log) as running:
            _wait(lambda: client.request("GET", path).status == 200, running, log)
            yield ControlPlane(kubeconfig, client, folder / "kube-apiserver.log")


def _kubeconfig(client: Client, authority: Path) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": "it",
                "cluster": {"server": client.url, "certificate-authority": str(authority)},
            }
        ],
        "users": [{"name": "it", "user": {"token": client.token}}],
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
        "current-context": "it",
    }


def _client_of(kubeconfig: Path) -> Client:
    content = yaml.safe_load(kubeconfig.read_text())
    server = content["clusters"][0]["cluster"]["server"]
    return Client(server, content["users"][0]["user"]["token"])


def _nodes_are_ready(client: Client) -> bool:
    nodes = client.request("GET", "/api/v1/nodes").body
    client.close()
    return any(
        condition["type"] == "Ready" and condition["status"] == "True"
        for node in nodes.get("items", [])
        for condition in node["status"].get("conditions", [])
    )


def _wait(ready: Any, running: subprocess.Popen[str], log: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end and running.poll() is None:
        with contextlib.suppress(OSError):
            if ready():
                return
        time.sleep(0.1)
    raise RuntimeError(f"did not become ready:\n{log.read_text()[-3000:]}")
