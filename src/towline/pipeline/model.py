"""The `Pipeline` resource (`towline.dev/v1alpha1`) as typed values. Pure.

A Pipeline says where a pipeline file is, what starts it and what it may use. `parse_pipeline` is
the one way from the Kubernetes object into the program; `crds.py` holds the matching schema.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec

from towline.errors import InputError
from towline.pipeline.durations import parse_duration

GROUP = "towline.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
KIND = "Pipeline"
PLURAL = "pipelines"

MIN_POLL_SECONDS = 10.0
_DNS_LABELS = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\Z")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_JOB_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+ -]*(/[A-Za-z0-9_][A-Za-z0-9_.+ -]*)*\Z")
_SCP_URL = re.compile(r"[\w.-]+@[\w.-]+:(?!/)\S+\Z")
_URL_SCHEMES = ("https://", "http://", "ssh://", "git://")

ParameterType = Literal["string", "text", "boolean", "choice", "password"]


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of the spec: unknown fields are errors, so that a typing slip is not silence."""


class Source(_Part, frozen=True, kw_only=True):
    """Where the pipeline file is.

    Attributes:
        repo_url: Clone URL (https, http, ssh, git or `user@host:path`).
        branches: Globs of branches that start runs; empty means the default branch.
        file: Path of the pipeline file in the repository.
        credentials_id: Credential for cloning, or an empty string.
    """

    repo_url: str = msgspec.field(name="repoURL")
    branches: tuple[str, ...] = ()
    file: str = "Jenkinsfile"
    credentials_id: str = msgspec.field(name="credentialsId", default="")


class Triggers(_Part, frozen=True, kw_only=True):
    """What starts runs: pushes reported by webhooks, and polling as the safety net."""

    push: bool = True
    poll: str = "60s"

    @property
    def poll_seconds(self) -> float:
        """Seconds between polls; 0 means that polling is off."""
        return parse_duration(self.poll) if self.poll else 0.0


class Parameter(_Part, frozen=True, kw_only=True):
    """A build parameter; `default` is kept as written (text, or true/false)."""

    name: str
    type: ParameterType = "string"
    default: str | bool | None = None
    choices: tuple[str, ...] = ()
    description: str = ""

    @property
    def initial(self) -> str | bool:
        """The value of a run that does not give this parameter."""
        if self.type == "boolean":
            return self.default in {True, "true"}
        if self.type == "choice" and self.default is None:
            return self.choices[0]
        return "" if self.default is None else str(self.default)


class SecretReference(_Part, frozen=True, kw_only=True):
    """A Secret in the Pipeline's namespace; `key` narrows it to one entry."""

    name: str
    key: str = ""


class Credential(_Part, frozen=True, kw_only=True):
    """A credential that the pipeline may use, under the id its file names."""

    id: str
    secret_ref: SecretReference = msgspec.field(name="secretRef")


class Build(_Part, frozen=True, kw_only=True):
    """Settings of image builds.

    Attributes:
        constraints: pip constraint lines that are mounted into every build.
        args: Build arguments for every build.
        base_images: Image references to be used in the place of others.
    """

    constraints: tuple[str, ...] = ()
    args: dict[str, str] = msgspec.field(default_factory=dict)
    base_images: dict[str, str] = msgspec.field(name="baseImages", default_factory=dict)


class Webhook(_Part, frozen=True, kw_only=True):
    """Secret that the repository's webhooks are signed with."""

    secret_ref: SecretReference = msgspec.field(name="secretRef")


class Concurrency(_Part, frozen=True, kw_only=True):
    """How many runs go at once; whether a newer run of a branch cancels the queued older one."""

    limit: int = 1
    cancel_superseded: bool = msgspec.field(name="cancelSuperseded", default=False)


class Retention(_Part, frozen=True, kw_only=True):
    """How many finished runs are kept."""

    runs: int = 50


class PipelineSpec(_Part, frozen=True, kw_only=True):
    """A validated Pipeline: identity and spec.

    Attributes:
        name: metadata.name.
        namespace: metadata.namespace.
        uid: metadata.uid, or an empty string.
        generation: metadata.generation, or 0.
        job_name: Name that `build job:` uses; defaults to `name`.
        timeout: Longest duration of a run, such as `1h`.
    """

    name: str
    namespace: str = "default"
    uid: str = ""
    generation: int = 0
    source: Source
    job_name: str = msgspec.field(name="jobName", default="")
    triggers: Triggers = Triggers()
    parameters: tuple[Parameter, ...] = ()
    credentials: tuple[Credential, ...] = ()
    build: Build = Build()
    webhook: Webhook | None = None
    environment: dict[str, str] = msgspec.field(default_factory=dict)
    timeout: str = "1h"
    concurrency: Concurrency = Concurrency()
    retention: Retention = Retention()
    suspend: bool = False

    @property
    def timeout_seconds(self) -> float:
        """Longest duration of a run in seconds."""
        return parse_duration(self.timeout)

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """Names of the declared parameters, in order."""
        return tuple(parameter.name for parameter in self.parameters)

    def wants_branch(self, branch: str, default_branch: str) -> bool:
        """Whether a push to `branch` (short name) starts a run."""
        if not self.source.branches:
            return branch == default_branch
        return any(branch_matches(pattern, branch) for pattern in self.source.branches)


_IDENTITY = ("name", "namespace", "uid", "generation")


def parse_pipeline(obj: Mapping[str, Any]) -> PipelineSpec:
    """Reads a Pipeline object.

    Args:
        obj: The Kubernetes object, decoded.

    Returns:
        The spec with every default filled in.

    Raises:
        InputError: With the dotted path of the first offending field.
    """
    metadata, spec = obj.get("metadata"), obj.get("spec")
    if not isinstance(metadata, Mapping):
        raise InputError("must be an object", field="metadata")
    if not isinstance(spec, Mapping):
        raise InputError("is required and must be an object", field="spec")
    for name in _IDENTITY:
        if name in spec:
            raise InputError("is not a field of spec", field=f"spec.{name}")
    identity = {key: metadata[key] for key in _IDENTITY if metadata.get(key) is not None}
    try:
        parsed = msgspec.convert({**spec, **identity}, PipelineSpec)
    except msgspec.ValidationError as error:
        raise _input_error(str(error)) from error
    if not parsed.job_name:
        parsed = msgspec.structs.replace(parsed, job_name=parsed.name)
    _check(parsed)
    return parsed


def branch_matches(pattern: str, branch: str) -> bool:
    """Whether a branch glob matches: `*` and `?` stay within a path segment, `**` does not."""
    parts = [
        {"**": ".*", "*": "[^/]*", "?": "[^/]"}.get(piece) or re.escape(piece)
        for piece in re.split(r"(\*\*|\*|\?)", pattern)
    ]
    return re.fullmatch("".join(parts), branch) is not None


def _input_error(message: str) -> InputError:
    """An error of the decoder, with its JSON path as our field path."""
    text, _, path = message.partition(" - at `$")
    dotted = path.rstrip("`").replace("[...]", "[]")
    field = "metadata" if dotted.lstrip(".") in _IDENTITY else "spec"
    return InputError(text[:1].lower() + text[1:], field=field + dotted)


def _check(spec: PipelineSpec) -> None:
    _check_identity(spec)
    _check_source(spec.source)
    _check_parameters(spec.parameters)
    _check_unique("spec.credentials", (credential.id for credential in spec.credentials))
    for name in spec.environment:
        _require(_VARIABLE.match(name), f"spec.environment.{name}", "is not a variable name")
    for name in spec.build.args:
        _require(_VARIABLE.match(name), f"spec.build.args.{name}", "is not a build argument name")
    for index, line in enumerate(spec.build.constraints):
        good = "\n" not in line and not line.lstrip().startswith("-")
        _require(good, f"spec.build.constraints[{index}]", "must be one pip constraint, no option")
    poll = _duration(spec.triggers.poll, "spec.triggers.poll") if spec.triggers.poll else None
    _require(poll is None or poll >= MIN_POLL_SECONDS, "spec.triggers.poll", "must be at least 10s")
    _require(_duration(spec.timeout, "spec.timeout") > 0, "spec.timeout", "must be above zero")
    _require(1 <= spec.concurrency.limit <= 64, "spec.concurrency.limit", "must be 1 to 64")
    _require(1 <= spec.retention.runs <= 100_000, "spec.retention.runs", "must be 1 to 100000")


def _check_identity(spec: PipelineSpec) -> None:
    _require(
        _DNS_LABELS.match(spec.name) and len(spec.name) <= 253,
        "metadata.name",
        "must be lower-case letters, digits, '-' and '.', at most 253",
    )
    _require(
        _JOB_NAME.match(spec.job_name) and len(spec.job_name) <= 200,
        "spec.jobName",
        "must be letters, digits and '_.+- ', folders separated by '/'",
    )


def _check_source(source: Source) -> None:
    url = source.repo_url
    good = url.startswith(_URL_SCHEMES) or _SCP_URL.match(url) is not None
    _require(good, "spec.source.repoURL", "must be an https, http, ssh or git URL")
    _require(not re.search(r"\s", url), "spec.source.repoURL", "must not hold blanks")
    segments = source.file.split("/")
    inside = source.file and not source.file.startswith("/") and ".." not in segments
    _require(inside, "spec.source.file", "must be a path inside the repository")
    for index, pattern in enumerate(source.branches):
        _require(
            pattern and not re.search(r"\s", pattern),
            f"spec.source.branches[{index}]",
            "must be a branch name or glob",
        )


def _check_parameters(parameters: tuple[Parameter, ...]) -> None:
    _check_unique("spec.parameters", (parameter.name for parameter in parameters))
    for index, parameter in enumerate(parameters):
        field = f"spec.parameters[{index}]"
        _require(_VARIABLE.match(parameter.name), f"{field}.name", "is not a variable name")
        if parameter.type == "choice":
            _require(parameter.choices, f"{field}.choices", "is required for a choice")
            known = parameter.default is None or parameter.default in parameter.choices
            _require(known, f"{field}.default", "must be one of the choices")
        if parameter.type == "boolean":
            known = parameter.default in {None, True, False, "true", "false"}
            _require(known, f"{field}.default", "must be true or false")


def _check_unique(field: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        _require(name, field, "holds an empty name")
        _require(name not in seen, field, f"holds '{name}' twice")
        seen.add(name)


def _duration(text: str, field: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise InputError(str(error), field=field, hint="write it like 90s, 10m or 1h30m") from error


def _require(good: object, field: str, message: str) -> None:
    if not good:
        raise InputError(message, field=field)
