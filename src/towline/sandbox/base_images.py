"""Sees to it that the images which a build starts from are there."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from towline.errors import CommandError, TransientError
from towline.sandbox import stand_in
from towline.sandbox.buildah import Builder, Say
from towline.sandbox.dockerfile import base_images


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A place from which an image may be fetched. `insecure` allows plain HTTP."""

    location: str
    insecure: bool = False


class ImageSource(Protocol):
    """Where images are, by name. Implemented over the registry client and its mirrors."""

    def canonical(self, reference: str) -> str:
        """The full name, such as `docker.io/library/python:3.11-slim`.

        Raises:
            InputError: It is not an image reference.
        """
        ...

    def candidates(self, reference: str) -> Sequence[Candidate]:
        """Places to ask, best first."""
        ...

    async def may_have(self, candidate: Candidate, timeout: float) -> bool:
        """Whether the registry answers and does not say that it lacks the image.

        Raises:
            TransientError: It does not answer in that many seconds.
        """
        ...


class BaseImages:
    """Provides base images: local, from a registry, or as a stand-in.

    Args:
        builder: Where images are kept.
        source: Finds registries.
        stand_ins: Whether a stand-in may take the place of an image that cannot be reached.
        timeout: Seconds to wait for a registry to answer.
        monotonic: Clock for remembering which registries do not answer.
    """

    def __init__(
        self,
        builder: Builder,
        source: ImageSource,
        *,
        stand_ins: bool,
        timeout: float = 5.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._builder = builder
        self._source = source
        self._stand_ins = stand_ins
        self._timeout = timeout
        self._monotonic = monotonic
        self._silent: dict[str, float] = {}

    async def ensure_for(
        self,
        dockerfile: Path,
        say: Say,
        *,
        arguments: Mapping[str, str],
        substitutes: Mapping[str, str],
        pull: bool = False,
    ) -> None:
        """Provides every image that a Dockerfile builds upon.

        Raises:
            InputError: The Dockerfile cannot be read.
            TransientError: An image cannot be had.
        """
        source = dockerfile.read_text(encoding="utf-8", errors="replace")
        wanted = base_images(source, arguments=arguments, file=dockerfile.name)
        for reference in wanted:
            await self.ensure(substitutes.get(reference, reference), say, pull=pull)

    async def ensure(self, reference: str, say: Say, *, pull: bool = False) -> str:
        """Provides one image and returns its full name.

        Args:
            reference: As a pipeline names it.
            say: Takes what people should know.
            pull: Look for a newer one even if there is one.

        Raises:
            TransientError: It cannot be had.
        """
        if not pull and await self._builder.image_id(reference) is not None:
            return reference
        canonical = self._source.canonical(reference)
        problems: list[str] = []
        if await self._fetch(canonical, say, problems):
            return canonical
        if await self._builder.image_id(reference) is not None:
            return reference
        if self._stand_ins and stand_in.possible(canonical):
            await self._stand_in(canonical, say, problems)
            return canonical
        raise TransientError(
            f"base image {reference} cannot be had: {'; '.join(problems) or 'no registry'}",
            hint="set a registry mirror, or push the image to one",
        )

    async def _fetch(self, canonical: str, say: Say, problems: list[str]) -> bool:
        for candidate in self._source.candidates(canonical):
            host = candidate.location.partition("/")[0]
            if self._monotonic() < self._silent.get(host, 0.0):
                problems.append(f"{host} did not answer a moment ago")
                continue
            try:
                if not await self._source.may_have(candidate, self._timeout):
                    problems.append(f"{host} does not have it")
                    continue
                await self._builder.pull(candidate.location, say, insecure=candidate.insecure)
            except TransientError as error:
                self._silent[host] = self._monotonic() + 60.0
                problems.append(error.message)
                continue
            except CommandError as error:
                problems.append(error.message)
                continue
            if candidate.location != canonical:
                await self._builder.tag(candidate.location, canonical)
            return True
        return False

    async def _stand_in(self, canonical: str, say: Say, problems: list[str]) -> None:
        made = await stand_in.seed(self._builder, canonical, say)
        say(
            f"STAND-IN base image for {canonical}: {'; '.join(problems)}. "
            f"It is made of this machine's packages and has Python {made.python}. "
            "It is used until a build asks with --pull.\n".encode()
        )
