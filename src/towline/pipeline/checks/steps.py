"""Checks of steps: names, arguments, jobs, credentials, what the shell sees. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from towline.pipeline.checks.walk import Place
from towline.pipeline.findings import Findings
from towline.pipeline.jenkins.arguments import Signature
from towline.pipeline.jenkins.catalogue import DESCRIBING, STEPS, unknown_step
from towline.pipeline.jenkins.declarative.model import POST_CONDITIONS
from towline.pipeline.jenkins.declarative.sections import (
    block_of,
    constant,
    first_value,
    named,
)
from towline.pipeline.jenkins.steps.credentials import KINDS
from towline.text.groovy import tree
from towline.text.groovy.tree import Call, Node

Jobs = Mapping[str, Sequence[str] | None]

_SECTIONS = {
    "environment": "use withEnv(['NAME=value']) { }",
    "tools": "use docker.image('...').inside { }",
    "when": "use if (...) { }",
    "steps": "remove it: a scripted stage holds its steps directly",
    "stages": "remove it: scripted stages follow each other",
    "post": "use try { } catch (e) { } finally { }",
    "agent": "use node { }, or docker.image('...').inside { }",
    "options": "use properties([...]), timeout(...) { } and the like",
    "triggers": "set spec.triggers of the Pipeline",
    "libraries": "copy the functions into the file",
}
_CREDENTIAL_CLASSES = re.compile(
    r"(String|UsernamePasswordMulti|UsernamePassword|File|SSHUserPrivateKey)Binding"
)
_GROOVY_IN_SHELL = re.compile(r"\$\{(?:env|params|currentBuild)\.\w+\}")
_PASSWORD_ARGUMENT = re.compile(r"\bdocker\s+login\b[^\n|;]*\s(-p|--password)[\s=]")


def check_steps(place: Place, names: frozenset[str], jobs: Jobs | None, found: Findings) -> None:
    """Looks at one call of a function or step."""
    node = place.node
    if not isinstance(node, Call) or not isinstance(node.callee, tree.Name):
        return
    name = node.callee.name
    if name in names or name == "pipeline":
        return
    if not place.declarative and name in _SECTIONS and block_of(node) is not None:
        message = f"the section '{name}' belongs into pipeline {{ }}; this file is scripted"
        found.error(node.at, message, _SECTIONS[name])
    elif not place.steps:
        return
    elif name in STEPS:
        _check_signature(node, name, STEPS[name].signature, found)
        _check_known(place, node, name, jobs, found)
    elif name not in DESCRIBING and name not in POST_CONDITIONS:
        _unknown(place, node, name, found)


def _unknown(place: Place, node: Call, name: str, found: Findings) -> None:
    message, hint = unknown_step(name)
    report = found.warning if place.guarded else found.error
    report(node.at, message, hint)


def _check_signature(node: Call, name: str, signature: Signature, found: Findings) -> None:
    values = named(node)
    positional = [item for item in node.arguments if not isinstance(item, tree.Closure)]
    block = block_of(node)
    if signature.body == "yes" and block is None and not _closure_argument(node):
        found.error(node.at, f"{name} needs a block: {name}(...) {{ ... }}")
    if signature.body == "no" and block is not None and node.trailing:
        found.error(node.at, f"{name} takes no block")
    # A single value that is no constant may be a map of named arguments.
    unclear = len(positional) == 1 and not isinstance(positional[0], tree.Literal)
    given = {*values, signature.unnamed} if positional else set(values)
    for parameter in signature.required:
        if parameter not in given and not unclear:
            found.error(node.at, f"{name}: missing required parameter '{parameter}'")
    if not signature.lenient:
        for parameter in sorted(set(values) - set(signature.parameters)):
            known = ", ".join(signature.parameters) or "none"
            found.warning(node.at, f"{name}: unknown parameter '{parameter}'", f"known: {known}")


def _closure_argument(node: Call) -> bool:
    """Whether a variable in last place may hold the block."""
    return bool(node.arguments) and not isinstance(node.arguments[-1], tree.Literal)


def _check_known(place: Place, node: Call, name: str, jobs: Jobs | None, found: Findings) -> None:
    match name:
        case "build":
            _check_job(node, jobs, found)
        case "withCredentials":
            _check_bindings(node, found)
        case "sh":
            _check_shell(node, found)
        case "stage":
            if not place.declarative and len(node.arguments) == 1 and block_of(node) is None:
                found.add("info", node.at, "stage without a block", "write stage('x') { ... }")


def _check_job(node: Call, jobs: Jobs | None, found: Findings) -> None:
    values = named(node)
    job = constant(values.get("job") or first_value(node))
    if jobs is None or not isinstance(job, str):
        return
    if job.strip("./") not in {known.rsplit("/", 1)[-1] for known in jobs} | set(jobs):
        known = ", ".join(sorted(jobs)[:20])
        found.error(node.at, f"there is no job named '{job}'", f"known: {known}")
        return
    parameters = jobs.get(job)
    given = values.get("parameters")
    if parameters is None or not isinstance(given, tree.ListLiteral):
        return
    for item in given.items:
        parameter = _parameter_name(item)
        if parameter and parameter not in parameters:
            message = f"the job '{job}' declares no parameter '{parameter}'"
            found.warning(item.at, message, "add it to spec.parameters of that Pipeline")


def _parameter_name(item: Node) -> str:
    name = constant(named(item).get("name")) if isinstance(item, Call) else None
    return name if isinstance(name, str) else ""


def _check_bindings(node: Call, found: Findings) -> None:
    bindings = first_value(node) or named(node).get("bindings")
    for item in bindings.items if isinstance(bindings, tree.ListLiteral) else ():
        if isinstance(item, Call) and isinstance(item.callee, tree.Name):
            if item.callee.name not in KINDS:
                message = f"withCredentials: the binding '{item.callee.name}' is not supported"
                found.error(item.at, message, f"known: {', '.join(KINDS)}")
            elif "credentialsId" not in named(item):
                found.error(item.at, f"{item.callee.name} needs 'credentialsId'")
        elif isinstance(item, tree.MapLiteral):
            kind = next((constant(entry.value) for entry in item.entries), "")
            if not _CREDENTIAL_CLASSES.fullmatch(str(kind)):
                found.error(item.at, f"withCredentials: the binding '{kind}' is not supported")


def _check_shell(node: Call, found: Findings) -> None:
    script = named(node).get("script") or first_value(node)
    text = constant(script)
    if isinstance(text, str) and (match := _GROOVY_IN_SHELL.search(text)):
        message = f"{match.group()} is not replaced in single quotes: the shell cannot read it"
        found.warning(node.at, message, "use double quotes")
    parts = [text] if isinstance(text, str) else []
    if isinstance(script, tree.Interpolated):
        parts = [part if isinstance(part, str) else "X" for part in script.parts]
    if _PASSWORD_ARGUMENT.search("".join(parts)):
        message = "docker login with a password among its arguments: other processes can read it"
        found.warning(node.at, message, "use docker.withRegistry(url, credentialsId) { }")
