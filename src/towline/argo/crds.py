"""The CustomResourceDefinitions of Application, AppProject and ApplicationSet.

The schemas check the shape down to the fields the engine decides by and keep everything else.
"""

from __future__ import annotations

from typing import Any

from towline.argo.names import GROUP, VERSION

_KEEP = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_TEXT = {"type": "string"}
_FLAG = {"type": "boolean"}
_TEXTS = {"type": "array", "items": _TEXT}
_TEXT_MAP = {"type": "object", "additionalProperties": _TEXT}


def crds() -> list[dict[str, Any]]:
    """The three definitions, ready to apply."""
    return [_application(), _app_project(), _application_set()]


def _application() -> dict[str, Any]:
    columns = [
        _column("Sync Status", ".status.sync.status"),
        _column("Health Status", ".status.health.status"),
        _column("Revision", ".status.sync.revision", priority=10),
        _column("Project", ".spec.project", priority=10),
    ]
    spec = _keep(
        {
            "destination": _keep({"server": _TEXT, "name": _TEXT, "namespace": _TEXT}),
            "project": _TEXT,
            "source": _source(),
            "sources": {"type": "array", "items": _source()},
            "syncPolicy": _sync_policy(),
            "ignoreDifferences": {
                "type": "array",
                "items": _keep(
                    {"kind": _TEXT, "group": _TEXT, "jsonPointers": _TEXTS}, required=["kind"]
                ),
            },
            "info": {
                "type": "array",
                "items": _keep({"name": _TEXT, "value": _TEXT}, required=["name", "value"]),
            },
            "revisionHistoryLimit": {"type": "integer", "format": "int64"},
        },
        required=["destination", "project"],
    )
    return _crd(
        kind="Application",
        plural="applications",
        short=["app", "apps"],
        properties={"spec": spec, "operation": _KEEP, "status": _KEEP},
        columns=columns,
    )


def _source() -> dict[str, Any]:
    directory = _keep(
        {
            "recurse": _FLAG,
            "include": _TEXT,
            "exclude": _TEXT,
            "disableExtensionFilter": _FLAG,
            "jsonnet": _KEEP,
        }
    )
    texts = ("repoURL", "path", "targetRevision", "chart", "ref", "name", "tagPrefix")
    return _keep(
        {
            **dict.fromkeys(texts, _TEXT),
            "helm": _KEEP,
            "kustomize": _KEEP,
            "plugin": _KEEP,
            "directory": directory,
        },
        required=["repoURL"],
    )


def _sync_policy() -> dict[str, Any]:
    duration = {"x-kubernetes-int-or-string": True}
    return _keep(
        {
            "automated": _keep(
                dict.fromkeys(("enabled", "prune", "selfHeal", "allowEmpty"), _FLAG)
            ),
            "syncOptions": _TEXTS,
            "retry": _keep(
                {
                    "limit": {"type": "integer", "format": "int64"},
                    "refresh": _FLAG,
                    "backoff": _keep(
                        {
                            "duration": duration,
                            "maxDuration": duration,
                            "factor": {"type": "integer", "format": "int64"},
                        }
                    ),
                }
            ),
            "managedNamespaceMetadata": _keep({"labels": _TEXT_MAP, "annotations": _TEXT_MAP}),
        }
    )


def _app_project() -> dict[str, Any]:
    kinds = {
        "type": "array",
        "items": _keep({"group": _TEXT, "kind": _TEXT}, required=["group", "kind"]),
    }
    lists = [
        f"{scope}Resource{color}list"
        for scope in ("cluster", "namespace")
        for color in ("White", "Black")
    ]
    destination = _keep({"server": _TEXT, "name": _TEXT, "namespace": _TEXT})
    spec = _keep(
        {
            "description": _TEXT,
            "sourceRepos": _TEXTS,
            "sourceNamespaces": _TEXTS,
            "destinations": {"type": "array", "items": destination},
            **dict.fromkeys(lists, kinds),
        }
    )
    return _crd(
        kind="AppProject",
        plural="appprojects",
        short=["appproj", "appprojs"],
        properties={"spec": spec, "status": _KEEP},
        columns=[],
    )


def _application_set() -> dict[str, Any]:
    crd = _crd(
        kind="ApplicationSet",
        plural="applicationsets",
        short=["appset", "appsets"],
        properties={"spec": _KEEP, "status": _KEEP},
        columns=[],
    )
    crd["spec"]["versions"][0]["subresources"] = {"status": {}}
    return crd


def _crd(
    *,
    kind: str,
    plural: str,
    short: list[str],
    properties: dict[str, Any],
    columns: list[dict[str, Any]],
) -> dict[str, Any]:
    schema = {
        "type": "object",
        "required": ["metadata", "spec"],
        "properties": {
            "apiVersion": _TEXT,
            "kind": _TEXT,
            "metadata": {"type": "object"},
            **properties,
        },
    }
    version: dict[str, Any] = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
    }
    if columns:
        version["additionalPrinterColumns"] = columns
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{plural}.{GROUP}",
            "labels": {
                "app.kubernetes.io/name": f"{plural}.{GROUP}",
                "app.kubernetes.io/part-of": "argocd",
            },
        },
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": kind,
                "listKind": f"{kind}List",
                "plural": plural,
                "singular": kind.lower(),
                "shortNames": short,
            },
            "versions": [version],
        },
    }


def _keep(properties: dict[str, Any], *, required: list[str] | None = None) -> dict[str, Any]:
    schema = {**_KEEP, "properties": properties}
    return {**schema, "required": required} if required else schema


def _column(name: str, path: str, *, priority: int = 0) -> dict[str, Any]:
    column: dict[str, Any] = {"name": name, "type": "string", "jsonPath": path}
    return {**column, "priority": priority} if priority else column
