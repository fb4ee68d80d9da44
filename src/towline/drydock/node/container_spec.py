"""A container of a pod as the engine wants to hear it (libpod's SpecGenerator, in JSON). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from towline.drydock.cluster import Obj
from towline.drydock.network.resolv import hostname_of
from towline.drydock.network.sandboxes import Sandbox
from towline.drydock.node.environment import ConfigError, expand
from towline.drydock.node.images import ImageInfo, full_reference
from towline.kube.quantity import parse as parse_quantity

LABEL = "dev.towline.drydock/"
_PERIOD = 100_000
_LOG_BYTES = 32 * 2**20


class Mount(msgspec.Struct, frozen=True):
    """A folder or file of the host that the container sees."""

    source: Path
    target: str
    read_only: bool


class ContainerPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What the pod alone does not say about a container to be made.

    Attributes:
        attempt: Number of the start.
        backoff: Seconds to wait after its end.
        image: The image.
        sandbox: Network namespace to join.
        environment: All variables.
        mounts: All mounts.
        log: File for the output.
        cgroup_parent: Parent control group.
        limits: Whether resource limits can be enforced.
        allow_privileged: Whether privileged containers are allowed.
    """

    attempt: int
    backoff: int
    image: ImageInfo
    sandbox: Sandbox
    environment: Mapping[str, str]
    mounts: tuple[Mount, ...]
    log: Path
    cgroup_parent: str
    limits: bool
    allow_privileged: bool


def container_name(pod: Obj, name: str, attempt: int) -> str:
    """The engine's name of a container: unique per pod, container and attempt."""
    return f"dd_{name}_{pod['metadata']['uid']}_{attempt}"


def spec_of(pod: Obj, container: Obj, plan: ContainerPlan) -> dict[str, Any]:
    """The engine's request to create a container.

    Raises:
        ConfigError: When the pod asks for what this node does not allow or cannot do.
    """
    context = {**(pod["spec"].get("securityContext") or {}), **_own_context(container)}
    refuse(pod, container, allowed=plan.allow_privileged)
    meta = pod["metadata"]
    spec: dict[str, Any] = {
        "name": container_name(pod, container["name"], plan.attempt),
        "image": plan.image.id,
        "entrypoint": [],
        "command": _argv(container, plan),
        "env": dict(plan.environment),
        "unsetenv": ["container"],
        "work_dir": container.get("workingDir") or plan.image.working_dir or "/",
        "labels": {
            f"{LABEL}uid": meta["uid"],
            f"{LABEL}namespace": meta["namespace"],
            f"{LABEL}pod": meta["name"],
            f"{LABEL}container": container["name"],
            f"{LABEL}attempt": str(plan.attempt),
            f"{LABEL}backoff": str(plan.backoff),
            f"{LABEL}sandbox": plan.sandbox.name,
            f"{LABEL}image": plan.image.identity(full_reference(container.get("image") or "")),
            f"{LABEL}limited": "true" if _limit(container, "memory") else "",
            f"{LABEL}fallback": container.get("terminationMessagePolicy") or "",
        },
        "hostname": hostname_of(pod),
        "netns": {"nsmode": "path", "value": str(plan.sandbox.path)},
        "use_image_hosts": True,
        "use_image_resolve_conf": True,
        "cgroup_parent": plan.cgroup_parent,
        "healthconfig": {"Test": ["NONE"]},
        "image_volume_mode": "anonymous",
        "mounts": [_mount(mount) for mount in plan.mounts],
        "log_configuration": {
            "driver": "k8s-file",
            "path": str(plan.log),
            "size": _LOG_BYTES,
        },
        "stdin": bool(container.get("stdin")),
        "terminal": bool(container.get("tty")),
        "read_only_filesystem": bool(context.get("readOnlyRootFilesystem")),
        "privileged": bool(context.get("privileged")),
        "no_new_privileges": context.get("allowPrivilegeEscalation") is False,
    }
    if plan.limits and (resources := _resources(container)):
        spec["resource_limits"] = resources
    return spec | _identity(context, plan.image) | _capabilities(context)


def _own_context(container: Obj) -> Obj:
    return {k: v for k, v in (container.get("securityContext") or {}).items() if v is not None}


def refuse(pod: Obj, container: Obj, *, allowed: bool) -> None:
    """Stops what would give a container the host.

    Raises:
        ConfigError: When the pod asks for it and it is not allowed.
    """
    if allowed:
        return
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        if pod["spec"].get(field):
            raise ConfigError(f"{field} is not allowed on this node")
    context = _own_context(container)
    if context.get("privileged"):
        raise ConfigError(f"privileged container {container['name']} is not allowed on this node")


def _argv(container: Obj, plan: ContainerPlan) -> list[str]:
    """Program and arguments: `command` replaces both of the image, `args` only its arguments."""
    own, args = container.get("command") or [], container.get("args") or []
    program = [expand(text, plan.environment) for text in own]
    rest = [expand(text, plan.environment) for text in args]
    if not own:
        program = list(plan.image.entrypoint)
        rest = rest or list(plan.image.command)
    argv = [*program, *rest]
    if not argv:
        raise ConfigError("no command specified")
    return argv


def _mount(mount: Mount) -> dict[str, Any]:
    options = ["rbind", "rprivate", "ro" if mount.read_only else "rw"]
    return {
        "type": "bind",
        "source": str(mount.source),
        "destination": mount.target,
        "options": options,
    }


def _limit(container: Obj, resource: str, kind: str = "limits") -> Decimal:
    text = ((container.get("resources") or {}).get(kind) or {}).get(resource)
    return parse_quantity(text) if text is not None else Decimal(0)


def _resources(container: Obj) -> dict[str, Any]:
    memory, cpu = _limit(container, "memory"), _limit(container, "cpu")
    request = _limit(container, "cpu", "requests") or cpu
    resources: dict[str, Any] = {}
    if memory:
        resources["memory"] = {"limit": int(memory)}
    shares: dict[str, int] = {}
    if request:
        shares["shares"] = max(2, int(request * 1024))
    if cpu:
        shares |= {"quota": max(1000, int(cpu * _PERIOD)), "period": _PERIOD}
    if shares:
        resources["cpu"] = shares
    return resources


def _identity(context: Obj, image: ImageInfo) -> dict[str, Any]:
    """User and groups.

    Raises:
        ConfigError: When runAsNonRoot holds and the user would be root.
    """
    user, group = context.get("runAsUser"), context.get("runAsGroup")
    name = str(user) if user is not None else image.user
    if context.get("runAsNonRoot"):
        plain = name.partition(":")[0]
        if plain in {"", "0", "root"}:
            raise ConfigError("container has runAsNonRoot and image will run as root")
        if not plain.isdigit():
            raise ConfigError(
                f"container has runAsNonRoot and image has non-numeric user ({plain}), "
                "cannot verify user is non-root"
            )
    if group is not None:
        name = f"{name.partition(':')[0] or '0'}:{group}"
    extra = [str(number) for number in context.get("supplementalGroups") or []]
    if context.get("fsGroup") is not None:
        extra.append(str(context["fsGroup"]))
    result: dict[str, Any] = {"groups": extra} if extra else {}
    return result | ({"user": name} if name else {})


def _capabilities(context: Obj) -> dict[str, Any]:
    wanted = context.get("capabilities") or {}
    result = {}
    for field, key in (("add", "cap_add"), ("drop", "cap_drop")):
        names = [str(name).upper() for name in wanted.get(field) or []]
        if names:
            result[key] = [
                name if name == "ALL" or name.startswith("CAP_") else f"CAP_{name}"
                for name in names
            ]
    return result
