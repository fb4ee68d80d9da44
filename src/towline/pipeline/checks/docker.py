"""Checks of `docker` calls: names that are not names, registries, arguments that open the host."""

from __future__ import annotations

import re
import shlex

from towline.pipeline.checks.walk import Place
from towline.pipeline.findings import Findings
from towline.pipeline.jenkins.declarative.sections import constant
from towline.pipeline.jenkins.docker import registry_prefix
from towline.text.groovy import tree
from towline.text.groovy.tree import Call, Node

_RUNS = frozenset({"inside", "run", "withRun"})
_FORBIDDEN = (
    "--privileged",
    "--pid",
    "--ipc",
    "--uts",
    "--userns",
    "--cap-add",
    "--device",
    "--security-opt",
    "--cgroupns",
    "--volumes-from",
    "--mount",
    "--allow",
    "--ssh",
    "--secret",
)
_SOCKET = re.compile(r"(docker|podman|containerd|crio)[\w-]*\.sock\b")


def check_docker(place: Place, found: Findings) -> None:
    """Looks at one call of a method of `docker` or of an image."""
    node = place.node
    if not isinstance(node, Call) or not isinstance(node.callee, tree.Property):
        return
    name = node.callee.name
    on_docker = isinstance(node.callee.target, tree.Name) and node.callee.target.name == "docker"
    texts = [constant(argument) for argument in node.arguments]
    if (on_docker and name in {"build", "image"}) or name == "push":
        _check_name(node, texts, found)
    if on_docker and name == "withRegistry":
        _check_registry(node, texts, found)
    if on_docker and name == "withServer":
        found.error(node.at, "docker.withServer is not supported", "images are built here")
    if on_docker and name == "build" and len(node.arguments) > 1:
        _check_arguments(node, node.arguments[1], "docker.build", found)
    if name in _RUNS and node.arguments and not isinstance(node.arguments[0], tree.Closure):
        _check_arguments(node, node.arguments[0], str(name), found)


def _check_name(node: Call, texts: list[object], found: Findings) -> None:
    text = texts[0] if texts else None
    if isinstance(text, str) and "${" in text:
        message = f"'{text}' is not interpolated in single quotes, so it is not an image name"
        found.error(node.at, message, "use double quotes")
    elif isinstance(text, str) and any(char.isspace() for char in text):
        found.error(node.at, f"'{text}' is not an image name")


def _check_registry(node: Call, texts: list[object], found: Findings) -> None:
    url = texts[0] if texts else None
    if not isinstance(url, str):
        return
    try:
        prefix = registry_prefix(url)
    except ValueError as error:
        found.error(node.at, str(error))
        return
    if prefix == "hub.docker.com":
        hint = "the registry of Docker Hub is https://index.docker.io/v1/"
        found.error(node.at, f"'{url}' is a web page address, not a registry", hint)


def _check_arguments(node: Call, argument: Node, where: str, found: Findings) -> None:
    """Refuses by name what would give a build the machine: privileges, namespaces, sockets."""
    text = constant(argument)
    if isinstance(argument, tree.Interpolated):
        text = "".join(part if isinstance(part, str) else "X" for part in argument.parts)
    if not isinstance(text, str):
        return
    try:
        words = shlex.split(text)
    except ValueError:
        found.error(node.at, f"{where}: a quote in the arguments is not closed")
        return
    for word in words:
        option = word.partition("=")[0]
        if option in _FORBIDDEN:
            found.error(node.at, f"{where}: the option {option} is not allowed")
        elif _SOCKET.search(word):
            hint = "build images with docker.build"
            found.error(node.at, f"{where}: a daemon's socket is never mounted", hint)
