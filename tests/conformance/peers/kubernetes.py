"""A whole real control plane with pretended nodes, used like a Drydock process."""

from __future__ import annotations

import contextlib
import datetime as dt
import subprocess
import sys
import time
from pathlib import Path

from peers.client import Client
from peers.processes import SERVICE_ADDRESS, kube_apiserver, python_environment, running_process
from towline.drydock.api import pki

PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
_START_SECONDS = 60.0


class Kubernetes:
    """etcd, kube-apiserver, kube-controller-manager and kube-scheduler.

    Args:
        programs: Folder that holds the four.
        folder: For state, keys and logs; the keys lie where Drydock has its own.
        nodes: How many nodes are pretended; their pods run, and their volumes are made.

    Attributes:
        folder: As given.
        kubeconfig: Of its administrator.
        url: Where it listens.
        token: Of its administrator.
    """

    def __init__(self, programs: Path, folder: Path, nodes: int = 0) -> None:
        self.folder = folder
        self.kubeconfig = folder / "kubeconfig"
        self.url = ""
        self.token = ""
        self._programs = programs
        self._nodes = nodes
        self._running = contextlib.ExitStack()

    def start(self) -> None:
        """Returns when the default account exists and the nodes are ready.

        Raises:
            RuntimeError: A part does not start.
        """
        with contextlib.ExitStack() as starting:
            client = self._api_server(starting)
            self.url, self.token = client.url, client.token
            parts = [self._controllers(starting), self._scheduler(starting)]
            if self._nodes:
                parts.append(self._pretended_nodes(starting))
            self._wait(client, parts)
            self._running = starting.pop_all()

    def stop(self) -> None:
        """Ends all parts; does nothing when they have ended."""
        self._running.close()

    def _api_server(self, starting: contextlib.ExitStack) -> Client:
        names = pki.server_names("127.0.0.1", SERVICE_ADDRESS)
        keys = self.folder / "data" / "pki"
        identity = pki.ensure_identity(keys, names, dt.datetime.now(dt.UTC))
        flags = (
            f"--tls-cert-file={identity.cert}",
            f"--tls-private-key-file={identity.key}",
            f"--client-ca-file={identity.ca}",
        )
        client = starting.enter_context(kube_apiserver(self._programs, self.folder, flags))
        pki.write_kubeconfig(
            self.kubeconfig,
            url=client.url,
            ca=identity.ca.read_bytes(),
            token=client.token,
            name="kubernetes",
        )
        return client

    def _controllers(self, starting: contextlib.ExitStack) -> subprocess.Popen[str]:
        argv = [
            str(self._programs / "kube-controller-manager"),
            *(f"--kubeconfig={self.kubeconfig}", "--leader-elect=false", "--secure-port=0"),
            f"--service-account-private-key-file={self.folder / 'service-account.key'}",
            f"--root-ca-file={self.folder / 'data' / 'pki' / 'ca.crt'}",
            "--use-service-account-credentials=true",
            # Nobody renews the leases of pretended nodes.
            "--controllers=*,-node-ipam-controller,-node-lifecycle-controller",
        ]
        log = self.folder / "kube-controller-manager.log"
        return starting.enter_context(running_process(argv, log))

    def _scheduler(self, starting: contextlib.ExitStack) -> subprocess.Popen[str]:
        argv = [
            str(self._programs / "kube-scheduler"),
            *(f"--kubeconfig={self.kubeconfig}", "--leader-elect=false", "--secure-port=0"),
        ]
        return starting.enter_context(running_process(argv, self.folder / "kube-scheduler.log"))

    def _pretended_nodes(self, starting: contextlib.ExitStack) -> subprocess.Popen[str]:
        argv = [
            *(sys.executable, "-m", "peers.pretended_nodes"),
            *(self.url, self.token, str(self._nodes)),
        ]
        log = self.folder / "pretended_nodes.log"
        return starting.enter_context(running_process(argv, log, python_environment()))

    def _wait(self, client: Client, parts: list[subprocess.Popen[str]]) -> None:
        end = time.monotonic() + _START_SECONDS
        while time.monotonic() < end and all(part.poll() is None for part in parts):
            account = client.request("GET", "/api/v1/namespaces/default/serviceaccounts/default")
            nodes = client.request("GET", "/api/v1/nodes").body.get("items", [])
            ready = [node for node in nodes if not node["spec"].get("taints")]
            if account.status == 200 and len(ready) == self._nodes:
                return
            time.sleep(0.1)
        logs = (log for log in sorted(self.folder.glob("*.log")))
        tails = "\n".join(f"{log.name}:\n{log.read_text()[-1000:]}" for log in logs)
        raise RuntimeError(f"the control plane did not become ready:\n{tails}")
