"""Makes an image present on the node, by the container's pull policy."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable

from towline.aio.clock import Clock
from towline.drydock.cluster import Obj
from towline.drydock.node.images import (
    ImageInfo,
    credentials_for,
    full_reference,
    pull_policy,
)
from towline.drydock.node.podman import Podman, PodmanError
from towline.errors import TowlineError, TransientError

_log = logging.getLogger("towline.drydock.node")
_PARALLEL = 3
Tell = Callable[[str, str, str], Awaitable[None]]


class PullError(TowlineError):
    """An image is not there and cannot be had.

    Attributes:
        reason: Waiting reason as the kubelet names it.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class ImagePuller:
    """Pulls images, few at a time, the same one never twice at once.

    Args:
        podman: The engine.
        clock: To say how long it took.
    """

    def __init__(self, podman: Podman, clock: Clock) -> None:
        self._podman = podman
        self._clock = clock
        self._slots = asyncio.Semaphore(_PARALLEL)
        self._locks: dict[str, asyncio.Lock] = {}

    async def ensure(self, container: Obj, secrets: Iterable[Obj], tell: Tell) -> ImageInfo:
        """The container's image, pulled when its policy wants that.

        Args:
            container: The container's spec.
            secrets: Pull secrets.
            tell: Records an Event (type, reason, message).

        Raises:
            PullError: With the kubelet's reason and text.
            TransientError: When the engine does not answer.
        """
        image = container.get("image") or ""
        reference = full_reference(image)
        if not reference:
            raise PullError(
                "InvalidImageName",
                f'Failed to apply default image tag "{image}": couldn\'t parse image name '
                f'"{image}": invalid reference format',
            )
        policy = pull_policy(container)
        if policy != "Always" and (found := await self._podman.image(reference)):
            await tell("Normal", "Pulled", f'Container image "{image}" already present on machine')
            return found
        if policy == "Never":
            text = f'Container image "{image}" is not present with pull policy of Never'
            await tell("Warning", "ErrImageNeverPull", text)
            raise PullError("ErrImageNeverPull", text)
        return await self._pull(image, reference, policy, list(secrets), tell)

    async def _pull(
        self, image: str, reference: str, policy: str, secrets: list[Obj], tell: Tell
    ) -> ImageInfo:
        began = self._clock.monotonic()
        await tell("Normal", "Pulling", f'Pulling image "{image}"')
        lock = self._locks.setdefault(reference, asyncio.Lock())
        try:
            async with lock:
                present = await self._podman.image(reference) if policy != "Always" else None
                waited = self._clock.monotonic()
                if present is None:
                    async with self._slots:
                        await self._podman.pull(reference, credentials_for(reference, secrets))
                found = await self._podman.image(reference)
        except (PodmanError, TransientError) as error:
            text = f'failed to pull image "{image}": {error.message}'
            _log.info("pull failed image=%s error=%s", image, error)
            await tell("Warning", "Failed", text[0].upper() + text[1:])
            raise PullError("ErrImagePull", text) from error
        finally:
            if not lock.locked():
                self._locks.pop(reference, None)
        if found is None:
            raise PullError("ErrImagePull", f'image "{image}" is gone after it was pulled')
        now = self._clock.monotonic()
        await tell(
            "Normal",
            "Pulled",
            f'Successfully pulled image "{image}" in {now - waited:.3f}s '
            f"({now - began:.3f}s including waiting). Image size: {found.size} bytes.",
        )
        return found
