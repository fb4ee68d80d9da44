"""Connections in flight per pod, so that a pod is told to end only when they ended."""

from __future__ import annotations

import asyncio

from towline.drydock.network.pump import Pipe

_QUIET = 0.3
_LOOK = 0.1


class Connections:
    """Which pipes lead to which pod address."""

    def __init__(self) -> None:
        self._pipes: dict[str, set[Pipe]] = {}
        self._changed: dict[str, asyncio.Event] = {}
        self._closing: set[str] = set()

    def add(self, pipe: Pipe, ip: str) -> None:
        """The pipe uses (or is about to use) that pod."""
        pipe.target_ip = ip
        self._pipes.setdefault(ip, set()).add(pipe)

    def discard(self, pipe: Pipe) -> None:
        """The pipe no longer uses its pod."""
        pipes = self._pipes.get(pipe.target_ip)
        if pipes is None:
            return
        pipes.discard(pipe)
        if not pipes:
            del self._pipes[pipe.target_ip]
            if changed := self._changed.get(pipe.target_ip):
                changed.set()

    def count(self, ip: str) -> int:
        """Connections to that pod now."""
        return len(self._pipes.get(ip, ()))

    def is_closing(self, ip: str) -> bool:
        """Whether that pod gets no new connections."""
        return ip in self._closing

    def reopen(self, ip: str) -> None:
        """The address belongs to a new pod."""
        self._closing.discard(ip)

    async def drain(self, ip: str, limit: float) -> bool:
        """Stops new connections to a pod and waits for those in flight.

        A connection that is kept alive but unused is closed; one that waits for an answer is not.

        Returns:
            Whether all ended within `limit` seconds.
        """
        loop = asyncio.get_running_loop()
        self._closing.add(ip)
        deadline = loop.time() + limit
        changed = self._changed.setdefault(ip, asyncio.Event())
        try:
            while pipes := self._pipes.get(ip):
                for pipe in [pipe for pipe in pipes if pipe.quiet_since_answer(_QUIET)]:
                    pipe.close()
                left = deadline - loop.time()
                if left <= 0:
                    return False
                changed.clear()
                try:
                    async with asyncio.timeout(min(left, _LOOK)):
                        await changed.wait()
                except TimeoutError:
                    continue
            return True
        finally:
            self._changed.pop(ip, None)

    def close_all(self) -> None:
        """Ends every connection."""
        for pipes in list(self._pipes.values()):
            for pipe in list(pipes):
                pipe.abort()
