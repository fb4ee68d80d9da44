"""Reads `agent` sections. Pure."""

from __future__ import annotations

from towline.pipeline.jenkins.declarative.model import Agent
from towline.pipeline.jenkins.declarative.sections import (
    Reader,
    block_of,
    callee_name,
    constant,
    first_value,
)
from towline.text.groovy import tree
from towline.text.groovy.tree import Call, Node

_DOCKER = (
    "image",
    "args",
    "label",
    "registryUrl",
    "registryCredentialsId",
    "alwaysPull",
    "reuseNode",
    "customWorkspace",
)
_DOCKERFILE = (
    "filename",
    "dir",
    "additionalBuildArgs",
    "args",
    "label",
    "reuseNode",
    "registryUrl",
    "registryCredentialsId",
    "customWorkspace",
)


def read_agent(reader: Reader, call: Call) -> Agent | None:
    """The agent of a section; None after reporting what is wrong."""
    value = first_value(call)
    if isinstance(value, tree.Name) and value.name in {"any", "none"}:
        return Agent("none" if value.name == "none" else "any")
    block = reader.block(call) if value is None else block_of(call)
    if block is None:
        if value is not None:
            reader.report(call.at, "expected `agent any`, `agent none` or `agent { ... }`")
        return None
    kinds = list(reader.calls(block, "agent"))
    if len(kinds) != 1:
        reader.report(call.at, "an agent has exactly one kind")
        return None
    return _kind(reader, kinds[0])


def _kind(reader: Reader, call: Call) -> Agent | None:
    name = callee_name(call)
    match name:
        case "any" | "label" | "node":
            return Agent("any")
        case "none":
            return Agent("none")
        case "docker":
            values = _values(reader, call, "image", _DOCKER)
            if "image" not in values:
                reader.report(call.at, "agent docker needs an image: docker 'alpine:3'")
            return Agent("docker", values)
        case "dockerfile":
            return Agent("dockerfile", _values(reader, call, "", _DOCKERFILE))
        case "kubernetes":
            hint = "use agent { docker 'image' }"
            reader.report(call.at, "agents in Kubernetes pods are not supported", hint)
        case _:
            reader.report(call.at, f"unknown kind of agent '{name}'")
    return None


def _values(reader: Reader, call: Call, unnamed: str, known: tuple[str, ...]) -> dict[str, Node]:
    """Settings of an agent: a single value, named arguments, or a block of calls."""
    value = first_value(call)
    if value is not None:
        if unnamed:
            return {unnamed: value}
        if constant(value) is True:
            return {}
    found = {
        entry.key.value: entry.value
        for entry in call.named
        if isinstance(entry.key, tree.Literal) and isinstance(entry.key.value, str)
    }
    block = block_of(call)
    if block is not None:
        for name, item in reader.sections(block, callee_name(call), known).items():
            setting = first_value(item)
            if setting is not None:
                found[name] = setting
    return found
