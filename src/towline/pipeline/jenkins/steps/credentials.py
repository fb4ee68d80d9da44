"""`withCredentials`: bindings of opened credentials to variables, for one block. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from towline.pipeline.commands import BindCredentials, BoundCredentials, ReleaseCredentials
from towline.pipeline.jenkins.arguments import StepCall
from towline.pipeline.jenkins.failures import abort
from towline.pipeline.jenkins.session import Session
from towline.pipeline.jenkins.steps.table import Step, step
from towline.pipeline.jenkins.surroundings import Surroundings
from towline.text.groovy import Site

# Old class names of the bindings.
_CLASSES = {
    "StringBinding": "string",
    "UsernamePasswordMultiBinding": "usernamePassword",
    "UsernamePasswordBinding": "usernameColonPassword",
    "FileBinding": "file",
    "SSHUserPrivateKeyBinding": "sshUserPrivateKey",
}
KINDS = (
    "string",
    "usernamePassword",
    "usernameColonPassword",
    "file",
    "sshUserPrivateKey",
    "gitUsernamePassword",
)


class Bound(msgspec.Struct, frozen=True):
    """What a binding gives: variables, which of them are secret, files to delete."""

    variables: dict[str, str]
    secrets: dict[str, str]
    paths: tuple[str, ...]


async def _with_credentials(session: Session, call: StepCall) -> Any:
    bindings = call.value("bindings")
    if not isinstance(bindings, list) or not all(isinstance(item, dict) for item in bindings):
        raise abort("withCredentials needs a list of bindings")
    body = call.block()
    opened: list[Bound] = []
    try:
        for binding in bindings:
            bound = await open_binding(session, call.site, binding)
            opened.append(bound)
        state: Surroundings = call.site.state
        variables = {name: value for item in opened for name, value in item.variables.items()}
        secrets = {name: value for item in opened for name, value in item.secrets.items()}
        inside = state.inside(
            overlay=state.with_variables(variables), secrets={**state.secrets, **secrets}
        )
        return await session.call(body, call.site, inside)
    finally:
        await release(session, call.site, opened)


async def release(session: Session, site: Site, opened: list[Bound]) -> None:
    """Deletes the files of bindings."""
    for bound in opened:
        for path in bound.paths:
            await session.execute(ReleaseCredentials(path=path), site)


async def open_binding(session: Session, site: Site, binding: dict[Any, Any]) -> Bound:
    """Opens one credential and gives its parts to the variables that the binding names."""
    kind = str(binding.get("$class", ""))
    kind = _CLASSES.get(kind, kind)
    if kind not in KINDS:
        raise abort(f"withCredentials: '{kind}' is not supported; known: {', '.join(KINDS)}")
    credentials_id = str(binding.get("credentialsId") or "")
    if not credentials_id:
        raise abort(f"withCredentials: {kind} needs 'credentialsId'")
    command = BindCredentials(kind=kind, credentials_id=credentials_id)
    parts: BoundCredentials = await session.execute(command, site)
    values = _values(kind, parts)
    variables = {
        str(binding[key]): value for key, value in values.items() if binding.get(key) is not None
    }
    if kind == "gitUsernamePassword":
        variables = {"GIT_USERNAME": parts.username, "GIT_PASSWORD": parts.password}
        if parts.path:
            variables["GIT_ASKPASS"] = parts.path
    elif not variables:
        raise abort(f"withCredentials: {kind} needs {' or '.join(values)}")
    return _bound(parts, variables, session)


def _values(kind: str, parts: BoundCredentials) -> dict[str, str]:
    """Parts of a credential by the binding's parameter for them."""
    match kind:
        case "string":
            return {"variable": parts.text}
        case "usernamePassword":
            return {"usernameVariable": parts.username, "passwordVariable": parts.password}
        case "usernameColonPassword":
            return {"variable": f"{parts.username}:{parts.password}"}
        case "file":
            return {"variable": parts.path}
        case "sshUserPrivateKey":
            return {
                "keyFileVariable": parts.path,
                "usernameVariable": parts.username,
                "passphraseVariable": parts.passphrase,
            }
    return {}


def _bound(parts: BoundCredentials, variables: dict[str, str], session: Session) -> Bound:
    hidden = {parts.password, parts.text, parts.passphrase} - {""}
    if parts.password:
        hidden.add(f"{parts.username}:{parts.password}")
    session.secrets |= hidden
    secrets = {name: value for name, value in variables.items() if value in hidden}
    return Bound(variables, secrets, (parts.path,) if parts.path else ())


CREDENTIALS: dict[str, Step] = {
    "withCredentials": step(_with_credentials, "bindings", required=("bindings",), body="yes"),
}
