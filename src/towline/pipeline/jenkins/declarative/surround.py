"""What stands around declarative stages: agents, environments, options. Pure."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from towline.pipeline.commands import ContainerStart, ContainerStop, DockerBuild, ImageBuilt
from towline.pipeline.durations import jenkins_seconds
from towline.pipeline.jenkins.declarative.model import Agent, Variable
from towline.pipeline.jenkins.declarative.sections import (
    callee_name,
    first_value,
    named,
)
from towline.pipeline.jenkins.docker import split_arguments
from towline.pipeline.jenkins.failures import abort
from towline.pipeline.jenkins.session import Session
from towline.pipeline.jenkins.steps.credentials import Bound, open_binding, release
from towline.pipeline.jenkins.steps.flow import retry, with_timeout
from towline.pipeline.jenkins.surroundings import Surroundings
from towline.text.groovy import ClosureValue, Site, Thrown, to_text, tree
from towline.text.groovy.tree import Call, Closure, Node

Body = Callable[[Site], Awaitable[None]]


class Blocks:
    """Evaluates pieces of a declarative pipeline in the scope of its file.

    Args:
        session: The run.
        body: The block of `pipeline { }`.
    """

    def __init__(self, session: Session, body: ClosureValue) -> None:
        self._session = session
        self._scope = body.scope

    async def value(self, node: Node, site: Site) -> Any:
        """The value of an expression."""
        if isinstance(node, tree.Literal):
            return node.value
        statement = tree.ExpressionStatement(node.at, node)
        code = Closure(node.at, (), tree.Block(node.at, (statement,)), node.at)
        closure = ClosureValue(code, self._scope)
        return await self._session.call(closure, site, site.state)

    async def text(self, node: Node, site: Site) -> str:
        """The value of an expression as text."""
        return to_text(await self.value(node, site), site.interpreter.meter)

    async def run(self, block: Closure, site: Site) -> Any:
        """Runs a block of steps; its value is that of its last statement."""
        closure = ClosureValue(block, self._scope)
        return await self._session.call(closure, site, site.state.inside())

    # Agents

    @contextlib.asynccontextmanager
    async def agent(self, agent: Agent, site: Site, checkout: Body) -> AsyncIterator[Site]:
        """The place of an agent: the workspace with its checkout, or a container over it."""
        if agent.kind != "none":
            await checkout(site)
        if agent.kind in {"docker", "dockerfile"}:
            async with self._container(agent, site) as inside:
                yield inside
        else:
            yield site

    @contextlib.asynccontextmanager
    async def _container(self, agent: Agent, site: Site) -> AsyncIterator[Site]:
        values = {name: await self.text(node, site) for name, node in agent.values.items()}
        image = values.get("image", "")
        if agent.kind == "dockerfile":
            image = await self._image(values, site)
        start = ContainerStart(
            image=image,
            arguments=split_arguments(values.get("args", "")),
            registry=values.get("registryUrl", ""),
            credentials_id=values.get("registryCredentialsId", ""),
        )
        container: str = await self._session.execute(start, site)
        try:
            yield site.with_state(site.state.inside(container=container))
        finally:
            await self._session.execute(ContainerStop(container=container), site)

    async def _image(self, values: dict[str, str], site: Site) -> str:
        """Builds the image of `agent { dockerfile ... }`."""
        context = values.get("dir", ".")
        extra = split_arguments(values.get("additionalBuildArgs", ""))
        file = values.get("filename", "Dockerfile")
        path = file if context == "." else f"{context}/{file}"
        seed = "\0".join([self._session.context.job, path, *extra])
        name = f"agent-{hashlib.sha256(seed.encode()).hexdigest()[:20]}"
        command = DockerBuild(image=name, arguments=(*extra, "-f", path, context))
        built: ImageBuilt = await self._session.execute(command, site)
        return built.image or name

    # Environment

    @contextlib.asynccontextmanager
    async def environment(self, variables: tuple[Variable, ...], site: Site) -> AsyncIterator[Site]:
        """The variables of `environment { }`; credentials are open until its end."""
        opened: list[Bound] = []
        inside = site.with_state(site.state.inside()) if variables else site
        try:
            for variable in variables:
                inside = await self._variable(variable, inside, opened)
            yield inside
        finally:
            await release(self._session, site, opened)

    async def _variable(self, variable: Variable, site: Site, opened: list[Bound]) -> Site:
        state: Surroundings = site.state
        if isinstance(variable.value, Call) and callee_name(variable.value) == "credentials":
            argument = first_value(variable.value)
            if argument is None:
                raise abort("credentials('id') needs the id")
            credentials_id = await self.text(argument, site)
            bound = await self._credentials(variable.name, credentials_id, site)
            opened.append(bound)
            added, secrets = bound.variables, {**state.secrets, **bound.secrets}
        else:
            added = {variable.name: await self.text(variable.value, site)}
            secrets = dict(state.secrets)
        overlay = state.with_variables(added)
        return site.with_state(state.inside(ids=state.ids, overlay=overlay, secrets=secrets))

    async def _credentials(self, name: str, credentials_id: str, site: Site) -> Bound:
        """Opens a credential whose kind the file does not say: the first that fits."""
        error: Thrown | None = None
        for kind, keys in _KINDS.items():
            names = {key: name + suffix for key, suffix in keys.items()}
            binding = {"$class": kind, "credentialsId": credentials_id, **names}
            try:
                bound = await open_binding(self._session, site, binding)
            except Thrown as thrown:
                error = error or thrown
                continue
            if kind != "usernamePassword":
                return bound
            pair = f"{bound.variables[f'{name}_USR']}:{bound.variables[f'{name}_PSW']}"
            return Bound(
                {**bound.variables, name: pair}, {**bound.secrets, name: pair}, bound.paths
            )
        raise error or abort(f"credentials '{credentials_id}' cannot be opened")

    # Options

    async def options(self, options: tuple[Call, ...], site: Site, body: Body) -> None:
        """Runs something inside `timeout` and `retry` options; the others set nothing here."""
        if not options:
            await body(site)
            return
        option, rest = options[0], options[1:]

        async def inner(inside: Site) -> None:
            await self.options(rest, inside, body)

        match callee_name(option):
            case "timeout":
                await self._timeout(option, site, inner)
            case "retry":
                await self._retry(option, site, inner)
            case _:
                await inner(site)

    async def _timeout(self, option: Call, site: Site, body: Body) -> None:
        amount, unit = await self._amount(option, "time", site), "MINUTES"
        if "unit" in named(option):
            unit = await self.text(named(option)["unit"], site)
        try:
            seconds = jenkins_seconds(amount, unit)
        except ValueError as error:
            raise abort(f"timeout: {error}") from error
        inside = site.with_state(site.state.inside(unwinds=True))
        await with_timeout(self._session, site, seconds, lambda: body(inside))

    async def _retry(self, option: Call, site: Site, body: Body) -> None:
        count = int(await self._amount(option, "count", site))

        async def run(state: Surroundings) -> None:
            await body(site.with_state(state))

        await retry(self._session, site, max(1, min(count, 100)), run)

    async def _amount(self, option: Call, parameter: str, site: Site) -> float:
        node = named(option).get(parameter) or first_value(option)
        text = "" if node is None else await self.text(node, site)
        try:
            return float(text[:20])
        except ValueError:
            raise abort(f"{callee_name(option)}: '{text[:20]}' is not a number") from None


# Ways to open `credentials('id')`, with the suffix of the variable for each part.
_KINDS: dict[str, dict[str, str]] = {
    "usernamePassword": {"usernameVariable": "_USR", "passwordVariable": "_PSW"},
    "string": {"variable": ""},
    "sshUserPrivateKey": {
        "keyFileVariable": "",
        "usernameVariable": "_USR",
        "passphraseVariable": "_PSW",
    },
    "file": {"variable": ""},
}
