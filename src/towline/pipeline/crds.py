"""The CustomResourceDefinition of `Pipeline`, as the Kubernetes API wants it. Pure."""

from __future__ import annotations

from typing import Any

from towline.kube.refs import GroupVersionKind
from towline.pipeline.model import GROUP, KIND, PLURAL, VERSION

PIPELINE = GroupVersionKind(GROUP, VERSION, KIND)

Schema = dict[str, Any]

_DURATION = r"^(\d+(\.\d+)?(ms|s|m|h|d))+$"
_OPTIONAL_DURATION = r"^((\d+(\.\d+)?(ms|s|m|h|d))+)?$"
_VARIABLE = r"^[A-Za-z_][A-Za-z0-9_]*$"
_RESULTS = ["SUCCESS", "UNSTABLE", "FAILURE", "NOT_BUILT", "ABORTED"]


def crds() -> list[dict[str, Any]]:
    """The definitions to be installed before the first Pipeline is created."""
    return [
        {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": f"{PLURAL}.{GROUP}"},
            "spec": {
                "group": GROUP,
                "scope": "Namespaced",
                "names": {
                    "kind": KIND,
                    "listKind": f"{KIND}List",
                    "plural": PLURAL,
                    "singular": KIND.lower(),
                    "shortNames": ["pl"],
                    "categories": ["towline"],
                },
                "versions": [_version()],
            },
        }
    ]


def _version() -> dict[str, Any]:
    return {
        "name": VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": [
            _column("Job", "string", ".spec.jobName"),
            _column("Run", "integer", ".status.lastRun.number"),
            _column("Result", "string", ".status.lastRun.result"),
            _column("Commit", "string", ".status.lastRun.commit", priority=1),
            _column("Repository", "string", ".spec.source.repoURL", priority=1),
            _column("Suspended", "boolean", ".spec.suspend", priority=1),
            _column("Age", "date", ".metadata.creationTimestamp"),
        ],
        "schema": {
            "openAPIV3Schema": _object(
                {
                    "apiVersion": _text(),
                    "kind": _text(),
                    "metadata": {"type": "object"},
                    "spec": _spec(),
                    "status": _status(),
                },
                required=["spec"],
            )
        },
    }


def _column(name: str, kind: str, path: str, priority: int = 0) -> dict[str, Any]:
    return {"name": name, "type": kind, "jsonPath": path, "priority": priority}


def _spec() -> Schema:
    return _object(
        {
            "jobName": _text("Name that `build job:` uses; metadata.name when absent.", most=200),
            "source": _source(),
            "triggers": _triggers(),
            "parameters": _list(_parameter(), "Build parameters.", key="name"),
            "credentials": _list(_credential(), "Credentials that it may use.", key="id"),
            "build": _build(),
            "webhook": _object(
                {"secretRef": _secret_reference(with_key=True)},
                "How webhooks of the repository are signed.",
                required=["secretRef"],
            ),
            "environment": _map("Variables for every step."),
            "timeout": _text("Longest duration of a run.", pattern=_DURATION, default="1h"),
            "concurrency": _object(
                {
                    "limit": _integer("Runs at once.", 1, 64, default=1),
                    "cancelSuperseded": _flag(
                        "Whether a newer run of a branch cancels the queued older one.",
                        default=False,
                    ),
                },
                "Runs at the same time.",
            ),
            "retention": _object(
                {"runs": _integer("Finished runs that are kept.", 1, 100_000, default=50)},
                "What is kept.",
            ),
            "suspend": _flag("Whether no new runs start.", default=False),
        },
        "What runs, when, and with what.",
        required=["source"],
    )


def _source() -> Schema:
    return _object(
        {
            "repoURL": _text("Clone URL of the repository.", least=1, most=2000),
            "branches": _list(_text(least=1, most=200), "Globs; empty: the default branch."),
            "file": _text("Path of the pipeline file.", default="Jenkinsfile", least=1, most=500),
            "credentialsId": _text("Credential for cloning, by its id."),
        },
        "Where the pipeline file is.",
        required=["repoURL"],
    )


def _triggers() -> Schema:
    return _object(
        {
            "push": _flag("Whether a reported push starts a run.", default=True),
            "poll": _text(
                "Time between polls, at least 10s; empty: off.",
                pattern=_OPTIONAL_DURATION,
                default="60s",
            ),
        },
        "What starts runs.",
    )


def _parameter() -> Schema:
    kinds = ["string", "text", "boolean", "choice", "password"]
    return _object(
        {
            "name": _text("Name, also of the environment variable.", pattern=_VARIABLE),
            "type": {**_text("Kind of value.", default="string"), "enum": kinds},
            "default": {
                "description": "Value of runs that do not give one.",
                "x-kubernetes-preserve-unknown-fields": True,
            },
            "choices": _list(_text(), "Allowed values of a choice."),
            "description": _text("For people."),
        },
        required=["name"],
    )


def _credential() -> Schema:
    return _object(
        {"id": _text("Id that the file uses.", least=1), "secretRef": _secret_reference()},
        required=["id", "secretRef"],
    )


def _secret_reference(*, with_key: bool = False) -> Schema:
    fields = {"name": _text("Name of the Secret.", least=1)}
    fields["key"] = _text("Entry of the Secret" + ("." if with_key else ", when not the usual."))
    return _object(fields, "A Secret in the same namespace.", required=["name"])


def _build() -> Schema:
    return _object(
        {
            "constraints": _list(_text(most=500), "pip constraint lines for every build."),
            "args": _map("Build arguments for every build."),
            "baseImages": _map("Images to be used in the place of others."),
        },
        "Settings of image builds.",
    )


def _status() -> Schema:
    run = _object(
        {
            "number": _integer("Build number."),
            "id": _text(),
            "state": _text("queued, running or finished."),
            "result": {**_text(), "enum": ["", *_RESULTS]},
            "commit": _text(),
            "branch": _text(),
            "trigger": _text(),
            "message": _text(),
            "startedAt": _time(),
            "finishedAt": _time(),
        },
        "The run that was started last.",
    )
    return _object(
        {
            "observedGeneration": _integer("Generation that this status is about."),
            "lastRun": run,
            "runs": _object(
                {
                    name: _integer()
                    for name in ("queued", "running", "succeeded", "unstable", "failed", "aborted")
                },
                "Number of kept runs by state.",
            ),
            "conditions": _conditions(),
        },
        "What happened.",
    )


def _conditions() -> Schema:
    condition = _object(
        {
            "type": _text(most=316, least=1),
            "status": {**_text(), "enum": ["True", "False", "Unknown"]},
            "observedGeneration": _integer(),
            "lastTransitionTime": _time(),
            "reason": _text(most=1024),
            "message": _text(most=32768),
        },
        required=["type", "status"],
    )
    return _list(condition, "Conditions.", key="type")


# Pieces of schemas


def _object(
    properties: dict[str, Schema], description: str = "", required: list[str] | None = None
) -> Schema:
    schema: Schema = {"type": "object", "properties": properties}
    if description:
        schema["description"] = description
    if required:
        schema["required"] = required
    return schema


def _text(
    description: str = "",
    *,
    pattern: str = "",
    default: str | None = None,
    least: int = 0,
    most: int = 0,
) -> Schema:
    schema: Schema = {"type": "string"}
    facts = {"description": description, "pattern": pattern, "minLength": least, "maxLength": most}
    schema |= {name: value for name, value in facts.items() if value}
    if default is not None:
        schema["default"] = default
    return schema


def _time() -> Schema:
    return {"type": "string", "format": "date-time"}


def _integer(
    description: str = "", least: int | None = None, most: int | None = None, *, default: int = 0
) -> Schema:
    schema: Schema = {"type": "integer", "format": "int64"}
    if description:
        schema["description"] = description
    if least is not None:
        schema |= {"minimum": least, "maximum": most, "default": default}
    return schema


def _flag(description: str, *, default: bool) -> Schema:
    return {"type": "boolean", "description": description, "default": default}


def _map(description: str) -> Schema:
    return {
        "type": "object",
        "description": description,
        "additionalProperties": {"type": "string"},
    }


def _list(items: Schema, description: str, key: str = "") -> Schema:
    schema: Schema = {"type": "array", "items": items, "description": description}
    if key:
        schema |= {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [key]}
    return schema
