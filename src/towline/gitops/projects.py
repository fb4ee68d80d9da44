"""What a project permits, and whether an application's spec is acceptable."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from towline.argo.application import Application, Destination
from towline.argo.globs import matches
from towline.argo.names import IN_CLUSTER_NAME, IN_CLUSTER_SERVER
from towline.argo.project import GroupKindName, Project
from towline.argo.status import Condition, ConditionType
from towline.gitops.repourl import normalize_url
from towline.kube.refs import GroupKind

_REF: Final = re.compile(r"\A[a-zA-Z0-9_-]+\Z")


def check_spec(
    app: Application, project: Project | None, *, control_namespace: str
) -> list[Condition]:
    """Why the specification cannot be worked with; empty when it can.

    Args:
        app: The application.
        project: Its project, None when there is none of that name.
        control_namespace: Where applications live that may use every project.
    """
    problems = [*_source_problems(app), *_destination_problems(app.spec.destination)]
    name = app.spec.project
    if project is None:
        problems.append(f"Application referencing project {name} which does not exist")
        return _conditions(problems)
    if app.namespace != control_namespace and not any(
        matches(pattern, app.namespace) for pattern in project.spec.source_namespaces
    ):
        problems.append(
            f"application '{app.name}' in namespace '{app.namespace}'"
            f" is not allowed to use project {name}"
        )
    problems += [
        f"application repo {url} is not permitted in project '{name}'"
        for url in dict.fromkeys(source.repo_url for source in app.sources)
        if not source_permitted(project, url)
    ]
    destination = app.spec.destination
    if not destination_permitted(project, destination, destination.namespace):
        problems.append(
            f"application destination server '{destination.server or IN_CLUSTER_SERVER}' and"
            f" namespace '{destination.namespace}' do not match any of the allowed destinations"
            f" in project '{name}'"
        )
    return _conditions(problems)


def source_permitted(project: Project, url: str) -> bool:
    """Whether manifests may come from a repository."""
    place = normalize_url(url)
    allowed = False
    for pattern in project.spec.source_repos:
        if pattern.startswith("!"):
            if _source_matches(pattern[1:], place):
                return False
        elif pattern == "*" or _source_matches(pattern, place):
            allowed = True
    return allowed


def destination_permitted(project: Project, destination: Destination, namespace: str) -> bool:
    """Whether objects may go to a namespace of the destination's cluster."""
    server = destination.server or (
        IN_CLUSTER_SERVER if destination.name in {"", IN_CLUSTER_NAME} else ""
    )
    name = destination.name or (IN_CLUSTER_NAME if server == IN_CLUSTER_SERVER else "")
    allowed = False
    for rule in project.spec.destinations:
        cluster = rule.server or rule.name
        here = server if rule.server else name
        if cluster.startswith("!") or rule.namespace.startswith("!"):
            if _denies(cluster, here) and _denies(rule.namespace, namespace):
                return False
        elif matches(cluster, here) and matches(rule.namespace, namespace):
            allowed = True
    return allowed


def kind_permitted(project: Project, kind: GroupKind, name: str, *, namespaced: bool) -> bool:
    """Whether a kind may be managed.

    Args:
        project: The project.
        kind: The kind.
        name: Name of the object; only rules for cluster kinds look at it.
        namespaced: Whether its objects live in namespaces.
    """
    spec = project.spec
    if namespaced:
        allowed = spec.namespace_resource_whitelist is None or _listed(
            spec.namespace_resource_whitelist, kind, name
        )
        return allowed and not _listed(spec.namespace_resource_blacklist, kind, name)
    return _listed(spec.cluster_resource_whitelist or (), kind, name) and not _listed(
        spec.cluster_resource_blacklist, kind, name
    )


def _source_problems(app: Application) -> list[str]:
    if not app.several:
        source = app.source
        if not source.repo_url or not (source.path or source.chart):
            return [
                "spec.source.repoURL and either spec.source.path or spec.source.chart are required"
            ]
        return []
    problems = [
        f"spec.sources[{index}].repoURL and one of path, chart and ref are required"
        for index, source in enumerate(app.sources)
        if not source.repo_url or not (source.path or source.chart or source.ref)
    ]
    refs = [source.ref for source in app.sources if source.ref]
    problems += [
        f"invalid ref {ref!r}: use letters, digits, - and _" for ref in refs if not _REF.match(ref)
    ]
    if len(refs) != len(set(refs)):
        problems.append("invalid sources: multiple sources had the same `ref` key")
    return problems + _split_repositories(app)


def _split_repositories(app: Application) -> list[str]:
    """A repository that is referred to can't be read at two revisions in one application."""
    revisions: dict[str, str] = {}
    problems: list[str] = []
    for source in app.sources:
        if source.chart:
            continue
        place = normalize_url(source.repo_url)
        if revisions.setdefault(place, source.target_revision) != source.target_revision and any(
            other.ref and normalize_url(other.repo_url) == place for other in app.sources
        ):
            problems.append(
                f"cannot reference a different revision of the same repository ({place})"
            )
    return problems


def _destination_problems(destination: Destination) -> list[str]:
    server, name = destination.server, destination.name
    if server and name:
        return [f"application destination can't have both name and server defined: {name} {server}"]
    if not server and not name:
        return ["Destination server missing from app spec"]
    if name and name != IN_CLUSTER_NAME:
        return [f"unable to find destination server: there are no clusters with this name: {name}"]
    if server and server.rstrip("/") != IN_CLUSTER_SERVER:
        return [f'unable to find destination server: cluster "{server}" is not configured']
    return []


def _conditions(problems: Iterable[str]) -> list[Condition]:
    return [Condition(ConditionType.INVALID_SPEC_ERROR, problem) for problem in problems]


def _source_matches(pattern: str, place: str) -> bool:
    return matches(normalize_url(pattern), place, separator="/")


def _denies(pattern: str, text: str) -> bool:
    """Whether a part of a rule with a denial applies; the other part must match as usual."""
    return matches(pattern.removeprefix("!"), text)


def _listed(rules: Iterable[GroupKindName], kind: GroupKind, name: str) -> bool:
    return any(
        matches(rule.group, kind.group)
        and matches(rule.kind, kind.kind)
        and (not rule.name or matches(rule.name, name))
        for rule in rules
    )
