"""Service addresses on the host: a listener per address and port, joined to a pod that answers.

The host answers for every cluster IP by a local route, so a listener is all that a Service needs.
A refused connection goes to the next pod, and round again for some seconds: a pod without a
readiness probe counts as ready before its program listens.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from towline.drydock.network.connections import Connections
from towline.drydock.network.directory import ServiceKey
from towline.drydock.network.pump import Pipe
from towline.drydock.network.routing import Balancer, Listener, Route, Target
from towline.drydock.network.udp import UdpListener

_log = logging.getLogger("towline.drydock.proxy")
_PATIENCE = 10.0
_CONNECT = 1.0
_ROUND = 0.05
_REBIND = 5.0
_BACKLOG = 512


class ServiceProxy:
    """Listens for Services and carries their connections.

    Args:
        connections: The book of connections in flight, shared with whoever ends pods.
        patience: Seconds for which a connection looks for a pod that answers.
    """

    def __init__(self, connections: Connections, *, patience: float = _PATIENCE) -> None:
        self._connections = connections
        self._patience = patience
        self._balancer = Balancer()
        self._routes: dict[Listener, Route] = {}
        self._by_service: dict[ServiceKey, dict[Listener, Route]] = {}
        self._servers: dict[Listener, asyncio.Server | UdpListener] = {}
        self._failed: set[Listener] = set()
        self._pipes: set[Pipe] = set()
        self._changed = asyncio.Event()
        self._wake = asyncio.Event()
        self._group: asyncio.TaskGroup | None = None

    @property
    def listeners(self) -> list[Listener]:
        """Addresses that are listened on now."""
        return sorted(self._servers)

    def set_routes(self, service: ServiceKey, routes: Mapping[Listener, Route]) -> None:
        """Replaces what is known of one Service; nothing known means that it is gone."""
        for listener in self._by_service.pop(service, {}):
            if self._routes.get(listener, _NOWHERE).service == service:
                del self._routes[listener]
        if routes:
            self._by_service[service] = dict(routes)
            self._routes.update(routes)
        else:
            self._balancer.forget(service)
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
        self._wake.set()

    async def run(self) -> None:
        """Keeps the listeners as the routes want them, until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                while True:
                    self._wake.clear()
                    await self._reconcile()
                    await self._rest()
        finally:
            self._group = None
            for listener in list(self._servers):
                self._close(listener)
            for pipe in list(self._pipes):
                pipe.abort()

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(_REBIND if self._failed else None):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _reconcile(self) -> None:
        for listener in [known for known in self._servers if known not in self._routes]:
            self._close(listener)
        self._failed &= self._routes.keys()
        for listener in [wanted for wanted in self._routes if wanted not in self._servers]:
            await self._open(listener)

    async def _open(self, listener: Listener) -> None:
        loop = asyncio.get_running_loop()
        try:
            if listener.protocol == "UDP":
                self._servers[listener] = await UdpListener.open(
                    listener.ip, listener.port, lambda ip: self._order(listener, ip)
                )
            else:
                self._servers[listener] = await loop.create_server(
                    lambda: Pipe(loop, lambda pipe: self._accept(listener, pipe), self._end).client,
                    listener.ip,
                    listener.port,
                    backlog=_BACKLOG,
                )
        except OSError as error:
            if listener not in self._failed:
                _log.warning("listen failed address=%s:%s error=%s", *listener[1:], error)
            self._failed.add(listener)
        else:
            self._failed.discard(listener)

    def _close(self, listener: Listener) -> None:
        self._servers.pop(listener).close()

    def _accept(self, listener: Listener, pipe: Pipe) -> None:
        if self._group is None:
            pipe.abort()
            return
        self._pipes.add(pipe)
        self._group.create_task(self._serve(listener, pipe))

    def _end(self, pipe: Pipe) -> None:
        self._connections.discard(pipe)
        self._pipes.discard(pipe)

    def _order(self, listener: Listener, client_ip: str) -> list[Target]:
        route = self._routes.get(listener)
        if route is None:
            return []
        return [
            target
            for target in self._balancer.order(route, client_ip)
            if not self._connections.is_closing(target.ip)
        ]

    async def _serve(self, listener: Listener, pipe: Pipe) -> None:
        try:
            await self._connect(listener, pipe)
        except Exception:  # noqa: BLE001  # one connection is one supervised unit
            _log.exception("connection failed address=%s:%s", listener.ip, listener.port)
            pipe.abort()

    async def _connect(self, listener: Listener, pipe: Pipe) -> None:
        """Finds a pod that answers and joins it; gives the client up after a while."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._patience
        while not pipe.closed:
            changed = self._changed
            for target in self._order(listener, pipe.client_ip):
                if await self._try(target, pipe):
                    return
            if loop.time() >= deadline:
                _log.info("no pod answers address=%s:%s", listener.ip, listener.port)
                pipe.abort()
                return
            try:
                async with asyncio.timeout(_ROUND):
                    await changed.wait()
            except TimeoutError:
                continue

    async def _try(self, target: Target, pipe: Pipe) -> bool:
        if self._connections.is_closing(target.ip):
            return False
        side = pipe.new_target()
        self._connections.add(pipe, target.ip)
        try:
            async with asyncio.timeout(_CONNECT):
                await asyncio.get_running_loop().create_connection(
                    lambda: side, target.ip, target.port
                )
        except (OSError, TimeoutError):
            self._connections.discard(pipe)
            return False
        pipe.join(side)
        return True


_NOWHERE = Route(ServiceKey("", ""), (), sticky=False)
