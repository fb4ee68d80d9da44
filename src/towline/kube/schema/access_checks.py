"""Rules between the fields of roles and bindings. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from towline.kube.names import label_problems, subdomain_problems
from towline.kube.schema.field_rules import Obj, named, selector
from towline.kube.schema.fielderror import FieldError, invalid, not_supported, required
from towline.kube.selectors import label_selector_of
from towline.kube.status import ApiError

_GROUP = "rbac.authorization.k8s.io"
_ROLES = ("Role", "ClusterRole")


def role_problems(obj: Obj) -> Iterator[FieldError]:
    """What is wrong with a Role or ClusterRole."""
    inside = obj.get("kind") == "Role"
    for position, rule in enumerate(obj.get("rules") or ()):
        yield from _rule(rule, f"rules[{position}]", inside=inside)
    aggregated = obj.get("aggregationRule")
    if aggregated is None:
        return
    path = "aggregationRule.clusterRoleSelectors"
    chosen = aggregated.get("clusterRoleSelectors") or []
    if not chosen:
        yield required(
            path, "at least one clusterRoleSelector required if aggregationRule is non-nil"
        )
    for position, each in enumerate(chosen):
        where = f"{path}[{position}]"
        yield from selector(each, where)
        try:
            label_selector_of(each)
        except ApiError:
            yield invalid(where, None, "invalid label selector.")


def _rule(rule: Obj, path: str, *, inside: bool) -> Iterator[FieldError]:
    if not rule.get("verbs"):
        yield required(f"{path}.verbs", "verbs must contain at least one value")
    paths, groups, resources = (
        rule.get(key) for key in ("nonResourceURLs", "apiGroups", "resources")
    )
    if paths:
        where = f"{path}.nonResourceURLs"
        if inside:
            yield invalid(where, paths, "namespaced rules cannot apply to non-resource URLs")
        if groups or resources or rule.get("resourceNames"):
            why = "rules cannot apply to both regular resources and non-resource URLs"
            yield invalid(where, paths, why)
        return
    if not groups:
        yield required(f"{path}.apiGroups", "resource rules must supply at least one api group")
    if not resources:
        yield required(f"{path}.resources", "resource rules must supply at least one resource")


def binding_problems(obj: Obj) -> Iterator[FieldError]:
    """What is wrong with a RoleBinding or ClusterRoleBinding."""
    role = obj.get("roleRef") or {}
    everywhere = obj.get("kind") == "ClusterRoleBinding"
    supported = ("ClusterRole",) if everywhere else _ROLES
    if (role.get("apiGroup") or _GROUP) != _GROUP:
        yield not_supported("roleRef.apiGroup", role["apiGroup"], (_GROUP,))
    if role.get("kind") not in supported:
        yield not_supported("roleRef.kind", role.get("kind") or "", supported)
    if not role.get("name"):
        yield required("roleRef.name")
    for position, subject in enumerate(obj.get("subjects") or ()):
        yield from _subject(subject, f"subjects[{position}]", everywhere=everywhere)


def _subject(subject: Obj, path: str, *, everywhere: bool) -> Iterator[FieldError]:
    name, kind = subject.get("name") or "", subject.get("kind") or ""
    group = subject.get("apiGroup") or ""
    if not name:
        yield required(f"{path}.name")
    if kind == "ServiceAccount":
        yield from named(name, f"{path}.name", subdomain_problems)
        if group:
            yield not_supported(f"{path}.apiGroup", group, ("",))
        space = subject.get("namespace")
        if everywhere and not space:
            yield required(f"{path}.namespace")
        yield from named(space, f"{path}.namespace", label_problems)
    elif kind in ("User", "Group"):
        if (group or _GROUP) != _GROUP:
            yield not_supported(f"{path}.apiGroup", group, (_GROUP,))
    else:
        yield not_supported(f"{path}.kind", kind, ("ServiceAccount", "User", "Group"))
