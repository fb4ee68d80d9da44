"""exec, attach and port-forward on this node: from a pod to the container or namespace meant."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from towline.drydock.cluster import Obj
from towline.drydock.network.sandboxes import Sandboxes
from towline.drydock.node.attach import AttachedContainer
from towline.drydock.node.container_book import ContainerBook
from towline.drydock.node.exec_process import ExecProcess
from towline.drydock.node.forward import connect_within
from towline.drydock.node.model import ContainerSeen
from towline.kube.status import ApiError


class NodeExec:
    """What clients do in the running pods of this node.

    Args:
        book: The node's containers.
        sandboxes: The pods' namespaces.
        runtime: The container runtime's program.
        socket: Podman's socket, for attaching.
        folder: For files of processes that run now; emptied at the first use.
        sessions: How many may go on at once.
    """

    def __init__(
        self,
        book: ContainerBook,
        sandboxes: Sandboxes,
        runtime: Callable[[], str],
        *,
        socket: Path,
        folder: Path,
        sessions: int = 128,
    ) -> None:
        self._book = book
        self._sandboxes = sandboxes
        self._runtime = runtime
        self._socket = socket
        self._folder = folder
        self._folder_ready = False
        self._sessions = 0
        self._most = sessions

    @asynccontextmanager
    async def exec(
        self,
        pod: Obj,
        container: str,
        command: Sequence[str],
        *,
        stdin: bool,
        stdout: bool,
        stderr: bool,
        tty: bool,
    ) -> AsyncIterator[ExecProcess]:
        """A new process in a container, ended when the context is left.

        Raises:
            ApiError: The container does not run, or too much is going on.
        """
        seen = self._running(pod, container)
        with self._session():
            made = ExecProcess(
                self._runtime(),
                seen.id,
                command,
                folder=self._own_folder(),
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                tty=tty,
            )
            async with made as process:
                yield process

    @asynccontextmanager
    async def attach(
        self, pod: Obj, container: str, *, stdin: bool, stdout: bool, stderr: bool
    ) -> AsyncIterator[AttachedContainer]:
        """The container's own process, which goes on when the context is left.

        Raises:
            ApiError: The container does not run, or too much is going on.
        """
        seen = self._running(pod, container)
        spec = _spec_of(pod, container)
        with self._session():
            made = AttachedContainer(
                self._socket,
                seen.id,
                stdin=stdin and bool(spec.get("stdin")),
                stdout=stdout,
                stderr=stderr,
                tty=bool(spec.get("tty")),
                once=bool(spec.get("stdinOnce")),
            )
            async with made as attached:
                yield attached

    async def connect(
        self, pod: Obj, port: int
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to a TCP port of the pod.

        Raises:
            ApiError: Nothing listens there, or the pod does not run.
        """
        meta = pod["metadata"]
        sandbox = self._sandboxes.get(meta["uid"])
        where = f"error forwarding port {port} to pod {meta['name']}, uid {meta['uid']}"
        if sandbox is None:
            raise ApiError(f"{where}: the pod is not running", reason="InternalError")
        try:
            return await connect_within(sandbox.path, sandbox.ip, port)
        except OSError as error:
            raise ApiError(
                f'{where}: failed to connect to localhost:{port} inside namespace "{sandbox.name}":'
                f" {_why(error)}",
                reason="InternalError",
            ) from error

    def _running(self, pod: Obj, container: str) -> ContainerSeen:
        for seen in self._book.of_pod(pod["metadata"]["uid"]):
            if seen.name == container and seen.state == "running":
                return seen
        raise ApiError(
            "Internal error occurred: unable to upgrade connection: "
            f'container not found ("{container}")',
            reason="InternalError",
        )

    @contextmanager
    def _session(self) -> Iterator[None]:
        if self._sessions >= self._most:
            raise ApiError(
                f"Internal error occurred: this node has {self._most} sessions already",
                reason="InternalError",
            )
        self._sessions += 1
        try:
            yield
        finally:
            self._sessions -= 1

    def _own_folder(self) -> Path:
        if not self._folder_ready:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder.mkdir(parents=True, mode=0o700)
            self._folder_ready = True
        return self._folder


def _why(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "i/o timeout"
    return os.strerror(error.errno).lower() if error.errno else str(error)


def _spec_of(pod: Obj, container: str) -> Obj:
    spec = pod["spec"]
    for each in (*spec["containers"], *(spec.get("initContainers") or [])):
        if each["name"] == container:
            found: Obj = each
            return found
    return {}
