"""Runs the probes of running containers; a task per probe, owned here."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import aiohttp

from towline.aio.clock import Clock
from towline.drydock.cluster import Obj
from towline.drydock.node.model import ContainerSeen, ProbeView
from towline.drydock.node.probes import ProbeSpec, Verdict, port_number, probes_of

_log = logging.getLogger("towline.drydock.node")
_OUTPUT = 10 * 1024
_EXECS = 4


class ProbeTarget:
    """A running container with its probes.

    Args:
        seen: The container.
        spec: Its spec in the pod.
        ip: The pod's address.
        ready: What its readiness was before this node process started, when that is known.
    """

    def __init__(self, seen: ContainerSeen, spec: Obj, ip: str, *, ready: bool) -> None:
        self.seen = seen
        self.spec = spec
        self.ip = ip
        self.probes = probes_of(spec)
        self.started = "startup" not in self.probes or ready
        self.ready = "readiness" not in self.probes or ready
        self.unhealthy = ""
        self.has_started = asyncio.Event()
        if self.started:
            self.has_started.set()

    @property
    def view(self) -> ProbeView:
        """What the probes say."""
        return ProbeView(self.started, self.started and self.ready)


class Prober:
    """Probes of all containers of the node.

    Args:
        runtime: The container runtime's program, for exec probes.
        clock: For initial delays.
        on_change: Called with a pod's uid when a verdict changed.
        on_failure: Called with container, probe kind and what was seen, for an Event.
    """

    def __init__(
        self,
        runtime: Callable[[], str],
        clock: Clock,
        *,
        on_change: Callable[[str], None],
        on_failure: Callable[[ContainerSeen, str, str], Awaitable[None]],
    ) -> None:
        self._runtime = runtime
        self._clock = clock
        self._on_change = on_change
        self._on_failure = on_failure
        self._targets: dict[str, ProbeTarget] = {}
        self._tasks: dict[str, list[asyncio.Task[None]]] = {}
        self._group: asyncio.TaskGroup | None = None
        self._session: aiohttp.ClientSession | None = None
        self._execs = asyncio.Semaphore(_EXECS)

    async def run(self) -> None:
        """Owns the probes' tasks until cancelled."""
        connector = aiohttp.TCPConnector(force_close=True, ssl=False, limit=64)
        async with (
            aiohttp.ClientSession(connector=connector) as self._session,
            asyncio.TaskGroup() as self._group,
        ):
            for target in self._targets.values():
                self._begin(target)
            await asyncio.Event().wait()

    def view(self, container: str) -> ProbeView | None:
        """What is known of a container."""
        target = self._targets.get(container)
        return target.view if target is not None else None

    def unhealthy(self, container: str) -> str:
        """The kind of the probe that wants the container restarted, or an empty string."""
        target = self._targets.get(container)
        return target.unhealthy if target is not None else ""

    def watch(self, target: ProbeTarget) -> None:
        """Begins to probe a running container; known ones are left alone."""
        if target.seen.id in self._targets:
            return
        self._targets[target.seen.id] = target
        if self._group is not None:
            self._begin(target)

    def drop(self, container: str) -> None:
        """Ends the probes of a container."""
        self._targets.pop(container, None)
        for task in self._tasks.pop(container, []):
            task.cancel()

    def _begin(self, target: ProbeTarget) -> None:
        if self._group is not None:
            self._tasks[target.seen.id] = [
                self._group.create_task(self._supervise(target, spec))
                for spec in target.probes.values()
            ]

    async def _supervise(self, target: ProbeTarget, spec: ProbeSpec) -> None:
        try:
            await self._probe(target, spec)
        except Exception:  # noqa: BLE001  # one probe is one supervised unit
            _log.exception("probe ended container=%s kind=%s", target.seen.id[:12], spec.kind)

    async def _probe(self, target: ProbeTarget, spec: ProbeSpec) -> None:
        """Tries again and again; ends when the container is to be restarted or has started."""
        if spec.kind != "startup":
            await target.has_started.wait()
        elif target.started:
            return
        began = target.seen.started_at or self._clock.now()
        await self._clock.sleep(max(0.0, spec.delay - (self._clock.now() - began).total_seconds()))
        verdict = Verdict(passed=target.ready if spec.kind == "readiness" else None)
        while True:
            said = await self._try(target, spec)
            verdict = verdict.after(spec, success=not said)
            if said:
                await self._on_failure(target.seen, spec.kind, said)
            if self._take(target, spec, verdict):
                return
            await self._clock.sleep(spec.period)

    def _take(self, target: ProbeTarget, spec: ProbeSpec, verdict: Verdict) -> bool:
        """Takes a verdict in; returns whether this probe has done its work."""
        before = (target.view, target.unhealthy)
        done = False
        if spec.kind == "readiness":
            target.ready = bool(verdict.passed)
        elif verdict.passed is False:
            target.unhealthy = spec.kind
            done = True
        elif spec.kind == "startup" and verdict.passed:
            target.started = done = True
            target.has_started.set()
        if before != (target.view, target.unhealthy):
            self._on_change(target.seen.pod_uid)
        return done

    async def _try(self, target: ProbeTarget, spec: ProbeSpec) -> str:
        """One try; an empty string is success, else what was seen."""
        try:
            async with asyncio.timeout(spec.timeout):
                match spec.action:
                    case "httpGet":
                        return await self._http(target, spec)
                    case "tcpSocket":
                        return await self._tcp(target, spec)
                    case "exec":
                        return await self._exec(target, spec)
                    case _:
                        return f"probes of kind {spec.action} are not supported on this node"
        except TimeoutError:
            return f"probe timed out after {spec.timeout:g}s"
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return str(error) or type(error).__name__

    async def _http(self, target: ProbeTarget, spec: ProbeSpec) -> str:
        if self._session is None:
            return "the prober is not running"
        detail = spec.detail
        host = detail.get("host") or target.ip
        scheme = (detail.get("scheme") or "HTTP").lower()
        path = (detail.get("path") or "/").lstrip("/")
        url = f"{scheme}://{host}:{port_number(target.spec, detail.get('port'))}/{path}"
        headers = {entry["name"]: entry["value"] for entry in detail.get("httpHeaders") or []}
        headers.setdefault("User-Agent", "kube-probe/1.36")
        headers.setdefault("Accept", "*/*")
        async with self._session.get(url, headers=headers, allow_redirects=False) as answer:
            await answer.content.read(_OUTPUT)
            if 200 <= answer.status < 400:
                return ""
            return f"HTTP probe failed with statuscode: {answer.status}"

    async def _tcp(self, target: ProbeTarget, spec: ProbeSpec) -> str:
        host = spec.detail.get("host") or target.ip
        port = port_number(target.spec, spec.detail.get("port"))
        _, writer = await asyncio.open_connection(host, port)
        writer.close()
        return ""

    async def _exec(self, target: ProbeTarget, spec: ProbeSpec) -> str:
        """Runs a program in the container by the runtime itself, which leaves nothing behind."""
        argv = [self._runtime(), "exec", target.seen.id, *(spec.detail.get("command") or [])]
        async with self._execs:
            code, output = await run_program(argv)
        if code == 0:
            return ""
        return output.decode(errors="replace").strip() or f"command exited with code {code}"


async def run_program(argv: list[str]) -> tuple[int, bytes]:
    """Runs a program and returns exit code and the beginning of its output; killed on cancel."""
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output = b""
    try:
        if process.stdout is not None:
            while chunk := await process.stdout.read(_OUTPUT):
                output = (output + chunk)[:_OUTPUT]
        return await process.wait(), output
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
