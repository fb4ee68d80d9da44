"""`docker` and its images and containers. Pure: what is done are commands."""

from __future__ import annotations

import shlex
from typing import Any
from urllib.parse import urlsplit

import msgspec

from towline.pipeline.commands import (
    ContainerStart,
    ContainerStop,
    DockerBuild,
    DockerPull,
    DockerPush,
    DockerTag,
    ImageBuilt,
)
from towline.pipeline.jenkins.failures import abort
from towline.pipeline.jenkins.session import Session
from towline.pipeline.jenkins.surroundings import Registry, Surroundings
from towline.text.groovy import (
    Arguments,
    ClosureValue,
    HostObject,
    Site,
    no_such_method,
    script_error,
    to_text,
)

IMAGE_METHODS = ("inside", "push", "pull", "tag", "imageName", "run", "withRun")
DOCKER_METHODS = ("build", "image", "withRegistry", "withTool", "withServer")


def registry_prefix(url: str) -> str:
    """The prefix that a registry URL gives to image names: its host and port.

    Raises:
        ValueError: When the URL has no host.
    """
    if not url:
        return ""
    host = urlsplit(url if "://" in url else f"https://{url}").netloc
    if not host or "@" in host:
        raise ValueError(f"'{url}' is not the URL of a registry")
    return host


def split_tag(image: str) -> tuple[str, str]:
    """Name and tag of an image; the tag is `latest` when there is none."""
    name = image.partition("@")[0]
    head, colon, tag = name.rpartition(":")
    if colon and "/" not in tag:
        return head, tag
    return name, "latest"


def prefixed(image: str, prefix: str) -> str:
    """The image name with the registry's prefix, unless it is there already."""
    if not prefix or image.startswith(f"{prefix}/"):
        return image
    return f"{prefix}/{image}"


class DockerObject(HostObject):
    """The global `docker`."""

    type_name = "Docker"

    def __init__(self, session: Session) -> None:
        self._session = session

    async def call(self, method: str, arguments: Arguments, site: Site) -> Any:
        """`build`, `image`, `withRegistry`, `withTool`."""
        values = arguments.positional
        match method:
            case "build" if 1 <= len(values) <= 2:
                return await self._build(_texts(values, site), site)
            case "image" if len(values) == 1:
                return Image(self._session, _texts(values, site)[0])
            case "withRegistry" if 2 <= len(values) <= 3 and isinstance(values[-1], ClosureValue):
                registry = _registry(_texts(values[:-1], site))
                state: Surroundings = site.state
                return await self._session.call(values[-1], site, state.inside(registry=registry))
            case "withTool" if len(values) == 2 and isinstance(values[-1], ClosureValue):
                return await self._session.call(values[-1], site, site.state.inside())
            case "withServer":
                raise abort("docker.withServer is not supported: images are built here")
        raise no_such_method(self, method, values)

    async def _build(self, values: list[str], site: Site) -> Image:
        arguments = split_arguments(values[1]) if len(values) > 1 else (".",)
        _check_name(values[0])
        built: ImageBuilt = await self._session.execute(
            DockerBuild(image=values[0], arguments=arguments), site
        )
        return Image(self._session, built.image or values[0])


def _texts(values: list[Any], site: Site) -> list[str]:
    return ["" if value is None else to_text(value, site.interpreter.meter) for value in values]


def _registry(values: list[str]) -> Registry:
    url, credentials = values[0], values[1] if len(values) > 1 else ""
    try:
        return Registry(url, registry_prefix(url), credentials)
    except ValueError as error:
        raise abort(f"docker.withRegistry: {error}") from error


def split_arguments(text: str) -> tuple[str, ...]:
    """Words of a docker command line, as a shell splits them.

    Raises:
        Thrown: When a quote is not closed.
    """
    try:
        return tuple(shlex.split(text[:20_000]))
    except ValueError as error:
        raise abort(f"docker: cannot split the arguments '{text[:80]}': {error}") from error


def _check_name(image: str) -> None:
    if "${" in image or not image or any(char.isspace() for char in image):
        hint = "; use double quotes, single quotes do not interpolate" if "${" in image else ""
        raise abort(f"docker: '{image[:100]}' is not an image name{hint}")


class Image(HostObject):
    """An image, built or named."""

    type_name = "Image"

    def __init__(self, session: Session, name: str) -> None:
        _check_name(name)
        self._session = session
        self.id = name

    def get(self, name: str, site: Site) -> Any:
        """`id`: the name as it was given."""
        return self.id if name == "id" else super().get(name, site)

    async def call(self, method: str, arguments: Arguments, site: Site) -> Any:
        """The methods of an image."""
        values = list(arguments.positional)
        body = values.pop() if values and isinstance(values[-1], ClosureValue) else None
        words = _texts(values, site)
        match method, len(words):
            case "push", 0 | 1 | 2 if body is None:
                return await self._push(words, site)
            case "tag", 0 | 1 | 2 if body is None:
                return await self._tag(words, site)
            case "pull", 0 if body is None:
                return await self._pull(site)
            case "imageName", 0 if body is None:
                return prefixed(self.id, site.state.registry.prefix)
            case "inside", 0 | 1 if body is not None:
                return await self._inside(words, body, site)
            case "withRun", 0 | 1 | 2 if body is not None:
                return await self._with_run(words, body, site)
            case "run", 0 | 1 | 2 if body is None:
                return Container(self._session, await self._start(words, site))
            case "getId" | "toString", 0:
                return self.id
        if method in {"inside", "withRun"} and body is None:
            raise script_error(
                "MissingMethodException", f"Image.{method} needs a block: {method} {{ ... }}"
            )
        raise no_such_method(self, method, arguments.positional)

    def text(self) -> str:
        """Its name."""
        return self.id

    async def _push(self, words: list[str], site: Site) -> None:
        registry: Registry = site.state.registry
        name, own_tag = split_tag(self.id)
        target = f"{prefixed(name, registry.prefix)}:{(words[0] if words else '') or own_tag}"
        _check_name(target)
        command = DockerPush(
            image=self.id,
            target=target,
            registry=registry.url,
            credentials_id=registry.credentials_id,
        )
        await self._session.execute(command, site)

    async def _tag(self, words: list[str], site: Site) -> None:
        name, own_tag = split_tag(self.id)
        prefix = site.state.registry.prefix
        target = f"{prefixed(name, prefix)}:{(words[0] if words else '') or own_tag}"
        _check_name(target)
        await self._session.execute(DockerTag(image=self.id, target=target), site)

    async def _pull(self, site: Site) -> None:
        registry: Registry = site.state.registry
        command = DockerPull(
            image=prefixed(self.id, registry.prefix),
            registry=registry.url,
            credentials_id=registry.credentials_id,
        )
        await self._session.execute(command, site)

    async def _inside(self, words: list[str], body: ClosureValue, site: Site) -> Any:
        arguments = split_arguments(words[0]) if words else ()
        container = await self._container(arguments, (), site, keep_alive=True)
        state: Surroundings = site.state
        try:
            inside = state.inside(container=container)
            return await self._session.call(body, site, inside)
        finally:
            await self._session.execute(ContainerStop(container=container), site)

    async def _with_run(self, words: list[str], body: ClosureValue, site: Site) -> Any:
        container = await self._start(words, site)
        lent = Container(self._session, container)
        try:
            return await self._session.call(body, site, site.state.inside(), lent)
        finally:
            if not lent.stopped:
                await self._session.execute(ContainerStop(container=container), site)

    async def _start(self, words: list[str], site: Site) -> str:
        arguments = split_arguments(words[0]) if words else ()
        command = split_arguments(words[1]) if len(words) > 1 else ()
        return await self._container(arguments, command, site, keep_alive=False)

    async def _container(
        self,
        arguments: tuple[str, ...],
        command: tuple[str, ...],
        site: Site,
        *,
        keep_alive: bool,
    ) -> str:
        registry: Registry = site.state.registry
        start = ContainerStart(
            image=self.id,
            arguments=arguments,
            registry=registry.url,
            credentials_id=registry.credentials_id,
            command=command,
            keep_alive=keep_alive,
        )
        # A container never starts another one: the command itself runs on the host.
        outside = msgspec.structs.replace(site.state, container=None)
        name: str = await self._session.execute(start, site.with_state(outside))
        return name


class Container(HostObject):
    """A container started by `run` or `withRun`."""

    type_name = "Container"

    def __init__(self, session: Session, name: str) -> None:
        self._session = session
        self.name = name
        self.stopped = False

    def get(self, name: str, site: Site) -> Any:
        """`id`: its name."""
        return self.name if name == "id" else super().get(name, site)

    async def call(self, method: str, arguments: Arguments, site: Site) -> Any:
        """`stop()`."""
        if method == "stop" and not arguments.positional:
            if not self.stopped:
                self.stopped = True
                await self._session.execute(ContainerStop(container=self.name), site)
            return None
        if method == "port":
            raise abort("Container.port is not supported: reach the container inside its network")
        return await super().call(method, arguments, site)

    def text(self) -> str:
        """Its name."""
        return self.name
