"""The files of a pod's volumes: ConfigMaps, Secrets, projections, downward API. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from towline.drydock.cluster import Obj
from towline.drydock.node.environment import (
    ConfigError,
    Sources,
    config_data,
    decoded,
    field_value,
    resource_value,
)

_MODE = 0o644


class FileContent(msgspec.Struct, frozen=True):
    """A file to be written.

    Attributes:
        data: Its bytes.
        mode: Its permission bits.
    """

    data: bytes
    mode: int


Files = dict[str, FileContent]


def files_of(pod: Obj, volume: Obj, sources: Sources, facts: Mapping[str, str]) -> Files | None:
    """The files of a volume, by path within it; None when the volume is not made of files.

    Raises:
        ConfigError: When something that is not optional is missing, or a path leaves the volume.
    """
    try:
        if source := volume.get("configMap"):
            return _from_config_map(pod, {**source}, sources, _mode(source, _MODE))
        if source := volume.get("secret"):
            named = {**source, "name": source.get("secretName")}
            return _from_secret(pod, named, sources, _mode(source, _MODE))
        if source := volume.get("downwardAPI"):
            return _from_fields(pod, source, facts, _mode(source, _MODE))
        if source := volume.get("projected"):
            return _projected(pod, source, sources, facts)
    except ConfigError as error:
        raise ConfigError(
            f'MountVolume.SetUp failed for volume "{volume["name"]}" : {error.message}'
        ) from error
    return None


def _projected(pod: Obj, source: Obj, sources: Sources, facts: Mapping[str, str]) -> Files:
    mode = _mode(source, _MODE)
    files: Files = {}
    for part in source.get("sources") or []:
        if "configMap" in part:
            files |= _from_config_map(pod, part["configMap"], sources, mode)
        elif "secret" in part:
            files |= _from_secret(pod, part["secret"], sources, mode)
        elif "downwardAPI" in part:
            files |= _from_fields(pod, part["downwardAPI"], facts, mode)
        elif "serviceAccountToken" in part and sources.token is not None:
            wanted = part["serviceAccountToken"]
            files[_safe(wanted["path"])] = FileContent(sources.token(pod, wanted), mode)
        else:
            raise ConfigError(f"projection of {', '.join(part)} is not supported on this node")
    return files


def _from_config_map(pod: Obj, source: Obj, sources: Sources, mode: int) -> Files:
    found = sources.config_map(pod["metadata"]["namespace"], source.get("name") or "")
    data = None if found is None else config_data(found)
    return _keyed("configmap", source, data, mode)


def _from_secret(pod: Obj, source: Obj, sources: Sources, mode: int) -> Files:
    found = sources.secret(pod["metadata"]["namespace"], source.get("name") or "")
    return _keyed("secret", source, None if found is None else decoded(found), mode)


def _keyed(kind: str, source: Obj, data: dict[str, bytes] | None, mode: int) -> Files:
    optional = bool(source.get("optional"))
    if data is None:
        if optional:
            return {}
        raise ConfigError(f'{kind} "{source.get("name")}" not found')
    items = source.get("items")
    if not items:
        return {_safe(key): FileContent(value, mode) for key, value in data.items()}
    files: Files = {}
    for item in items:
        if item["key"] not in data:
            if optional:
                continue
            raise ConfigError(f"{kind} references non-existent config key: {item['key']}")
        files[_safe(item["path"])] = FileContent(data[item["key"]], _mode(item, mode, "mode"))
    return files


def _from_fields(pod: Obj, source: Obj, facts: Mapping[str, str], mode: int) -> Files:
    files: Files = {}
    for item in source.get("items") or []:
        if reference := item.get("fieldRef"):
            text = field_value(pod, reference.get("fieldPath") or "", facts)
        else:
            text = resource_value(pod, item.get("resourceFieldRef") or {}, None)
        files[_safe(item["path"])] = FileContent(text.encode(), _mode(item, mode, "mode"))
    return files


def _mode(source: Obj, default: int, field: str = "defaultMode") -> int:
    value = source.get(field)
    return default if value is None else int(value) & 0o777


def _safe(path: str) -> str:
    parts = path.split("/")
    if path.startswith("/") or ".." in parts or "" in parts or parts[0].startswith(".."):
        raise ConfigError(f"invalid path {path!r}: it must stay within the volume")
    return path


def references(pod: Obj) -> set[tuple[str, str]]:
    """ConfigMaps and Secrets that the pod's volumes or variables name, as (kind, name)."""
    found: set[tuple[str, str]] = set()
    for volume in pod["spec"].get("volumes") or []:
        parts = [volume, *((volume.get("projected") or {}).get("sources") or [])]
        for part in parts:
            if "configMap" in part:
                found.add(("ConfigMap", part["configMap"].get("name") or ""))
            if "secret" in part:
                secret = part["secret"]
                found.add(("Secret", secret.get("secretName") or secret.get("name") or ""))
    for container in [*(pod["spec"].get("initContainers") or []), *pod["spec"]["containers"]]:
        for entry in container.get("envFrom") or []:
            for field, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
                if field in entry:
                    found.add((kind, entry[field].get("name") or ""))
        for entry in container.get("env") or []:
            origin = entry.get("valueFrom") or {}
            for field, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
                if field in origin:
                    found.add((kind, origin[field].get("name") or ""))
    return found
