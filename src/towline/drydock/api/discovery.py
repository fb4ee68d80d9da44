"""Discovery documents: the legacy lists and the aggregated form, cached until a kind changes."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import orjson

from towline.drydock.registry import Kinds, ServedKind
from towline.kube.refs import GroupVersionKind

Obj = dict[str, Any]

_AGGREGATED_TYPE = "application/json;g=apidiscovery.k8s.io;v={};as=APIGroupDiscoveryList"


class Document:
    """An encoded document.

    Attributes:
        body: JSON.
        etag: Quoted hash of the body.
        content_type: With the parameters that say which form it is.
    """

    __slots__ = ("body", "content_type", "etag")

    def __init__(self, value: Obj, content_type: str = "application/json") -> None:
        self.body = orjson.dumps(value)
        self.etag = f'"{hashlib.sha512(self.body).hexdigest().upper()}"'
        self.content_type = content_type


class Discovery:
    """Makes and keeps the documents.

    Args:
        kinds: What is served.
        address: `host:port` of the server, for the legacy root document.
    """

    def __init__(self, kinds: Kinds, address: str) -> None:
        self._kinds = kinds
        self._address = address
        self._epoch = 0
        self._made: dict[tuple[str, ...], Document | None] = {}

    def document(self, path: tuple[str, ...], aggregated: str) -> Document | None:
        """The document for `/api`, `/apis` or a path below; None when there is no such group.

        Args:
            path: Path segments, such as `("apis", "apps", "v1")`.
            aggregated: Version of the aggregated form for the two roots, or empty.
        """
        if self._epoch != self._kinds.epoch:
            self._made.clear()
            self._epoch = self._kinds.epoch
        key = (*path, aggregated) if len(path) == 1 else path
        if key not in self._made:
            made = self._make(path, aggregated)
            if made is None:
                return None
            self._made[key] = made
        return self._made[key]

    def _make(self, path: tuple[str, ...], aggregated: str) -> Document | None:
        match path:
            case (root,) if aggregated:
                body = self._aggregated(core=root == "api", version=aggregated)
                return Document(body, _AGGREGATED_TYPE.format(aggregated))
            case ("api",):
                return Document(self._versions())
            case ("apis",):
                return Document(self._groups())
            case ("apis", group) if group and group in self._kinds.groups():
                return Document({"kind": "APIGroup", "apiVersion": "v1", **self._group(group)})
            case ("api", version):
                return self._resources("", version)
            case ("apis", group, version) if group:
                return self._resources(group, version)
        return None

    def _versions(self) -> Obj:
        return {
            "kind": "APIVersions",
            "versions": ["v1"],
            "serverAddressByClientCIDRs": [
                {"clientCIDR": "0.0.0.0/0", "serverAddress": self._address}
            ],
        }

    def _groups(self) -> Obj:
        groups = [self._group(group) for group in self._kinds.groups() if group]
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}

    def _group(self, group: str) -> Obj:
        versions = [
            {"groupVersion": f"{group}/{version}", "version": version}
            for version in self._kinds.groups()[group]
        ]
        return {"name": group, "versions": versions, "preferredVersion": versions[0]}

    def _resources(self, group: str, version: str) -> Document | None:
        kinds = self._kinds.version(group, version)
        if not kinds:
            return None
        resources = []
        for kind in kinds:
            resources.append(_legacy(kind))
            resources += _legacy_subresources(kind)
        head = {"kind": "APIResourceList"}
        if group:
            head["apiVersion"] = "v1"
        name = f"{group}/{version}" if group else version
        return Document({**head, "groupVersion": name, "resources": resources})

    def _aggregated(self, *, core: bool, version: str) -> Obj:
        items = []
        for group, versions in self._kinds.groups().items():
            if (group == "") is not core:
                continue
            described = [
                {
                    "version": each,
                    "resources": [_aggregated(k) for k in self._kinds.version(group, each)],
                    "freshness": "Current",
                }
                for each in versions
            ]
            meta: Obj = {"name": group} if group else {}
            items.append({"metadata": meta, "versions": described})
        return {
            "kind": "APIGroupDiscoveryList",
            "apiVersion": f"apidiscovery.k8s.io/{version}",
            "metadata": {},
            "items": items,
        }


def _legacy(kind: ServedKind) -> Obj:
    entry: Obj = {
        "name": kind.plural,
        "singularName": kind.singular,
        "namespaced": kind.namespaced,
        "kind": kind.gvk.kind,
        "verbs": list(kind.verbs),
    }
    if kind.short_names:
        entry["shortNames"] = list(kind.short_names)
    if kind.categories:
        entry["categories"] = list(kind.categories)
    if kind.storable and "create" in kind.verbs:
        seed = f"{kind.stored.group}/{kind.stored.version}/{kind.stored.kind}"
        digest = hashlib.sha256(seed.encode()).digest()
        entry["storageVersionHash"] = base64.b64encode(digest[:8]).decode()
    return entry


def _legacy_subresources(kind: ServedKind) -> list[Obj]:
    found = []
    for name, sub in kind.subresources.items():
        entry: Obj = {
            "name": f"{kind.plural}/{name}",
            "singularName": "",
            "namespaced": kind.namespaced,
            "kind": sub.gvk.kind,
            "verbs": list(sub.verbs),
        }
        if (sub.gvk.group, sub.gvk.version) != (kind.gvk.group, kind.gvk.version):
            entry["group"], entry["version"] = sub.gvk.group, sub.gvk.version
        found.append(entry)
    return found


def _response_kind(kind: ServedKind, gvk: GroupVersionKind) -> Obj:
    if kind.custom or gvk[:2] != kind.gvk[:2]:
        return gvk._asdict()
    # Built-in kinds leave out what the list that they stand in says already.
    return {"group": "", "version": "", "kind": gvk.kind}


def _aggregated(kind: ServedKind) -> Obj:
    entry: Obj = {
        "resource": kind.plural,
        "responseKind": _response_kind(kind, kind.gvk),
        "scope": "Namespaced" if kind.namespaced else "Cluster",
        "singularResource": kind.singular,
        "verbs": list(kind.verbs),
    }
    if kind.short_names:
        entry["shortNames"] = list(kind.short_names)
    if kind.categories:
        entry["categories"] = list(kind.categories)
    if kind.subresources:
        entry["subresources"] = [
            {
                "subresource": name,
                "responseKind": _response_kind(kind, sub.gvk),
                "verbs": list(sub.verbs),
            }
            for name, sub in kind.subresources.items()
        ]
    return entry
