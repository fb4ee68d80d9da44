"""Image steps: build, tag, pull, push."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from towline.controllers.run.credentials import Credentials
from towline.controllers.run.effects import Effects
from towline.controllers.run.scope import RunScope
from towline.errors import CommandError, NotFoundError, TransientError
from towline.oci import Location, Mirrors, RegistryClient
from towline.pipeline.commands import (
    DockerBuild,
    DockerPull,
    DockerPush,
    DockerTag,
    ImageBuilt,
    ImagePushed,
    StepContext,
)
from towline.sandbox import BaseImages, Builder, BuildRequest
from towline.sandbox.build_request import locate
from towline.sandbox.buildah import Say
from towline.sandbox.docker_arguments import parse_build

_PUSH_ATTEMPTS = 3


class Images:
    """Image steps of one run.

    What the run built is remembered by id: another run that builds an image of the same name at
    the same time does not get in between build and push.

    Args:
        scope: The run.
        builder: Builds and pushes.
        bases: Provides base images.
        mirrors: Where references really lead.
        registry: Checks what registries hold.
        credentials: Opens logins.
        effects: Records results.
    """

    def __init__(
        self,
        scope: RunScope,
        *,
        builder: Builder,
        bases: BaseImages,
        mirrors: Mirrors,
        registry: RegistryClient,
        credentials: Credentials,
        effects: Effects,
    ) -> None:
        self._scope = scope
        self._builder = builder
        self._bases = bases
        self._mirrors = mirrors
        self._registry = registry
        self._credentials = credentials
        self._effects = effects
        self._built: dict[str, str] = {}

    async def build(self, command: DockerBuild, context: StepContext) -> ImageBuilt:
        """Builds an image in the step's directory.

        Raises:
            CommandError: The build failed.
            InputError: An argument is not allowed.
            TransientError: A base image cannot be had.
        """

        async def exists(result: ImageBuilt) -> bool:
            return await self._builder.image_id(result.image_id) is not None

        result, fresh = await self._effects.once(
            command, context, ImageBuilt, lambda: self._build(command, context), holds=exists
        )
        self._built[_name(command.image)] = result.image_id
        if fresh:
            await self._scope.mark("build", f"{self._scope.run.job} #{self._scope.run.number}")
        else:
            self._scope.log.line(f"{command.image}: built before the interruption, used again")
        return result

    async def tag(self, command: DockerTag) -> None:
        """Gives an image another local name."""
        known = self._built.get(_name(command.image))
        await self._builder.tag(known or command.image, command.target)
        if known:
            self._built[_name(command.target)] = known

    async def pull(self, command: DockerPull) -> None:
        """Fetches an image, through the mirrors.

        Raises:
            TransientError: It cannot be had.
        """
        await self._fetch(command.image, command.registry, command.credentials_id)

    async def push(self, command: DockerPush, context: StepContext) -> ImagePushed:
        """Pushes an image and checks that the registry has it.

        Raises:
            CommandError: The registry refused it.
            TransientError: It does not answer.
        """

        async def in_registry(result: ImagePushed) -> bool:
            place = self._mirrors.resolve_push(command.target)
            try:
                return await self._registry.verify(place) == result.digest
            except (NotFoundError, TransientError):
                return False

        result, fresh = await self._effects.once(
            command,
            context,
            ImagePushed,
            lambda: self._push(command),
            holds=in_registry,
        )
        if not fresh:
            self._scope.log.line(f"{command.target}: pushed before the interruption")
        await self._scope.store.images.add(
            self._scope.run.id, result.reference, result.stored, result.digest
        )
        await self._scope.mark("image", f"{result.reference}@{result.digest}")
        return result

    async def local(self, image: str, *, registry: str, credentials: str) -> str:
        """A local image for a container: built here, present, or fetched.

        Raises:
            TransientError: It cannot be had.
        """
        if known := self._built.get(_name(image)):
            return known
        if await self._builder.image_id(image) is not None:
            return image
        return await self._fetch(image, registry, credentials)

    async def _build(self, command: DockerBuild, context: StepContext) -> ImageBuilt:
        build = self._scope.spec.build
        arguments = parse_build(command.arguments)
        request = BuildRequest(
            image=command.image,
            arguments=arguments,
            directory=self._scope.workspace.inside(context.cwd),
            workspace=self._scope.workspace.root,
            constraints=build.constraints,
            extra_arguments=build.args,
            substitutes=build.base_images,
        )
        with self._output() as say:
            await self._bases.ensure_for(
                locate(request)[1],
                say,
                arguments={**build.args, **arguments.arguments},
                substitutes=build.base_images,
                pull=arguments.pull,
            )
            image_id = await self._builder.build(request, say)
        return ImageBuilt(image=command.image, image_id=image_id)

    async def _push(self, command: DockerPush) -> ImagePushed:
        place = self._mirrors.resolve_push(command.target)
        source = self._built.get(_name(command.image), command.image)
        async with self._auth(place, command.credentials_id) as authfile:
            digest = await self._pushed(source, place, authfile)
        if self._mirrors.is_embedded(place.host):
            # A success is what the registry says it has, not what was sent.
            digest = await self._registry.verify(place) or digest
        return ImagePushed(reference=command.target, stored=place.location, digest=digest)

    async def _pushed(self, source: str, place: Location, authfile: Path | None) -> str:
        for attempt in range(1, _PUSH_ATTEMPTS + 1):
            try:
                with self._output() as say:
                    return await self._builder.push(
                        source, place.location, say, insecure=place.insecure, authfile=authfile
                    )
            except CommandError:
                if attempt == _PUSH_ATTEMPTS:
                    raise
                await self._scope.clock.sleep(0.5 * attempt)
        raise AssertionError("the loop returns or raises")

    async def _fetch(self, image: str, registry: str, credentials: str) -> str:
        reference = image
        host = registry.partition("://")[2].partition("/")[0]
        if host and not image.startswith(f"{host}/"):
            reference = f"{host}/{image}"
        if not credentials:
            with self._output() as say:
                return await self._bases.ensure(reference, say)
        place = self._mirrors.resolve_pull(reference)[0]
        async with self._auth(place, credentials) as authfile:
            with self._output() as say:
                await self._builder.pull(
                    place.location, say, insecure=place.insecure, authfile=authfile
                )
        return place.location

    @contextlib.asynccontextmanager
    async def _auth(self, place: Location, credentials: str) -> AsyncIterator[Path | None]:
        """An auth file for the time of one call; the embedded registry needs none."""
        if not credentials or self._mirrors.is_embedded(place.host):
            yield None
            return
        text = await self._credentials.registry_auth(credentials, place.host)
        # Not in the workspace: scripts of the run need not see it, and could plant links there.
        with tempfile.NamedTemporaryFile("w", dir=self._builder.scratch, suffix=".json") as file:
            file.write(text)
            file.flush()
            yield Path(file.name)

    @contextlib.contextmanager
    def _output(self) -> Iterator[Say]:
        stream = self._scope.log.stream()
        try:
            yield stream.take
        finally:
            stream.close()


def _name(image: str) -> str:
    """A local name with its tag, as the builder keeps it."""
    last = image.rpartition("/")[2]
    return image if ":" in last else f"{image}:latest"
