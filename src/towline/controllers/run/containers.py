"""Containers that steps run in: working containers of buildah with the workspace mounted."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import itertools
import os
import shlex
from collections.abc import Mapping, Sequence

from towline.controllers.run.images import Images
from towline.controllers.run.scope import RunScope
from towline.errors import InputError, NotFoundError
from towline.pipeline.commands import ContainerStart, StepContext
from towline.sandbox import process
from towline.sandbox.buildah import Builder
from towline.sandbox.docker_arguments import RunArguments, parse_run
from towline.sandbox.leftovers import reap

_OF_THE_HOST = {"PATH", "HOME", "HOSTNAME", "PWD", "OLDPWD", "SHLVL", "TMPDIR"}


@dataclasses.dataclass(slots=True)
class _Container:
    arguments: RunArguments
    service: process.Child | None = None


class Containers:
    """Starts and stops the containers of one run.

    Args:
        scope: The run.
        builder: Runs them.
        images: Finds their images.
    """

    def __init__(self, scope: RunScope, builder: Builder, images: Images) -> None:
        self._scope = scope
        self._builder = builder
        self._images = images
        self._running: dict[str, _Container] = {}
        self._serial = itertools.count(1)

    async def start(self, command: ContainerStart, context: StepContext) -> str:
        """Makes a container and returns its name; without `keep_alive` its command runs in it.

        Raises:
            InputError: An argument is not allowed.
            TransientError: The image cannot be had.
        """
        arguments = parse_run(command.arguments)
        self._check_volumes(arguments)
        image = await self._images.local(
            command.image, registry=command.registry, credentials=command.credentials_id
        )
        name = f"towline-{self._scope.run.id[:13]}-{next(self._serial)}"
        await self._builder.create_container(image, name)
        container = _Container(arguments)
        self._running[name] = container
        if not command.keep_alive:
            words = [*command.command] or await self._builder.command_of(image)
            container.service = await self._serve(name, words, context)
        return name

    async def stop(self, name: str) -> None:
        """Stops and removes a container; unknown is no error."""
        container = self._running.pop(name, None)
        if container is None:
            return
        if container.service is not None:
            await container.service.stop(process.Grace(interrupt=1, terminate=1))
            reap(f"{_MARK}={name}")
        await self._builder.remove_container(name)

    async def stop_all(self) -> None:
        """Stops what the run left."""
        for name in list(self._running):
            await self.stop(name)

    def exec_argv(
        self, name: str, argv: Sequence[str], env: Mapping[str, str], cwd: str
    ) -> tuple[list[str], Mapping[str, str]]:
        """Argument list and environment that run a command in a container.

        Variables go in by a file: an argument list can be seen by other users.

        Raises:
            NotFoundError: There is no such container.
        """
        container = self._running.get(name)
        if container is None:
            raise NotFoundError(f"there is no container {name}")
        values = {key: value for key, value in env.items() if key not in _OF_THE_HOST}
        values |= {**container.arguments.env, _MARK: name}
        workspace = self._scope.workspace
        exports = "".join(
            f"export {key}={shlex.quote(value)}\n"
            for key, value in values.items()
            if key.isidentifier()
        )
        file = workspace.put(f"env-{next(self._serial)}", exports, mode=0o644)
        own = [(str(path), str(path), "rw") for path in (workspace.root, workspace.temporary)]
        lead = ["/bin/sh", "-c", '. "$1"; rm -f "$1"; shift; exec "$@"', "sh", str(file)]
        user = container.arguments.user or f"{os.getuid()}:{os.getgid()}"
        full = self._builder.run_argv(
            name,
            [*lead, *argv],
            volumes=[*own, *container.arguments.volumes],
            workdir=container.arguments.workdir or cwd,
            user=user,
        )
        return full, self._builder.environment

    async def _serve(self, name: str, words: list[str], context: StepContext) -> process.Child:
        if not words:
            raise InputError("the image has no command and none was given", field="docker.run")
        cwd = str(self._scope.workspace.inside(context.cwd))
        argv, env = self.exec_argv(name, words, {}, cwd)
        return await process.spawn(argv, env=env, instance=self._scope.instance, piped=False)

    def _check_volumes(self, arguments: RunArguments) -> None:
        for source, _, _ in arguments.volumes:
            self._scope.workspace.inside(".", source)


_MARK = "TOWLINE_CONTAINER"


async def stopped(containers: Containers) -> None:
    """Stops all containers of a run, also while the run is being cancelled."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(30):
            await asyncio.shield(containers.stop_all())
