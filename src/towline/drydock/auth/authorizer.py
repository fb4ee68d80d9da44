"""The RBAC authorizer: bindings and roles of the store, compiled for each subject that asks."""

from __future__ import annotations

import logging
from typing import Any, NamedTuple

from towline.drydock.auth.attributes import Attributes, quoted, refusal
from towline.drydock.auth.rules import Rule, RuleIndex, rules_of
from towline.drydock.auth.user import MASTERS, User, account_name
from towline.drydock.storage import Change, Store, StoreKey
from towline.kube.refs import GroupResource

Obj = dict[str, Any]

GROUP = "rbac.authorization.k8s.io"
ROLES = GroupResource(GROUP, "roles")
ROLE_BINDINGS = GroupResource(GROUP, "rolebindings")
CLUSTER_ROLES = GroupResource(GROUP, "clusterroles")
CLUSTER_ROLE_BINDINGS = GroupResource(GROUP, "clusterrolebindings")

_log = logging.getLogger("towline.drydock.auth")

_MAX_SUBJECTS = 1024
_MAX_NAMESPACES = 256


class Decision(NamedTuple):
    """The authorizer's answer.

    Attributes:
        allowed: Whether it may be done.
        reason: Which binding allows it, or what went wrong while looking.
    """

    allowed: bool
    reason: str = ""


class _Grants:
    """What the bindings of one scope give to one subject."""

    __slots__ = ("errors", "index", "rules", "sources")

    def __init__(self, found: list[tuple[Rule, str]], errors: tuple[str, ...]) -> None:
        self.rules = [rule for rule, _ in found]
        self.sources = [source for _, source in found]
        self.errors = errors
        self.index = RuleIndex(self.rules)


class _Subject:
    __slots__ = ("cluster", "namespaces")

    def __init__(self, cluster: _Grants) -> None:
        self.cluster = cluster
        self.namespaces: dict[str, _Grants] = {}


class Authorizer:
    """Answers who may do what.

    Args:
        store: Where roles and bindings are; any change of one empties the compiled rules.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._subjects: dict[tuple[str, tuple[str, ...]], _Subject] = {}
        store.observe(self._changed)

    def _changed(self, change: Change) -> None:
        if change.record.key.resource.group == GROUP:
            self._subjects.clear()

    # Questions

    def decide(self, user: User, asked: Attributes) -> Decision:
        """Whether the user may do it."""
        if MASTERS in user.groups:
            return Decision(allowed=True)
        subject = self._subject(user)
        scopes = [subject.cluster]
        if asked.namespace:
            scopes.append(self._grants(subject, user, asked.namespace))
        for grants in scopes:
            position = grants.index.find(asked)
            if position is not None:
                return Decision(True, f"RBAC: allowed by {grants.sources[position]}")
        errors = _joined([error for grants in scopes for error in grants.errors])
        return Decision(False, f"RBAC: {errors}" if errors else "")

    def check(self, user: User, asked: Attributes) -> None:
        """Refuses what the user may not do.

        Raises:
            ApiError: Forbidden.
        """
        decision = self.decide(user, asked)
        if not decision.allowed:
            raise refusal(user, asked, decision.reason)

    def rules_for(self, user: User, namespace: str) -> tuple[list[Rule], str]:
        """Every rule that applies to the user in a namespace, and what could not be resolved."""
        subject = self._subject(user)
        scopes = [subject.cluster]
        if namespace:
            scopes.append(self._grants(subject, user, namespace))
        rules = [rule for grants in scopes for rule in grants.rules]
        return rules, _joined([error for grants in scopes for error in grants.errors])

    def rules_of_reference(self, reference: Obj, namespace: str) -> list[Rule] | None:
        """The rules of the role that a binding names, None when there is no such role."""
        role = self._role(reference, namespace)
        return None if role is None else rules_of(role)

    # Compiling

    def _subject(self, user: User) -> _Subject:
        key = (user.name, user.groups)
        found = self._subjects.get(key)
        if found is None:
            if len(self._subjects) >= _MAX_SUBJECTS:
                self._subjects.clear()
            found = self._subjects[key] = _Subject(self._compile(user, CLUSTER_ROLE_BINDINGS, ""))
        return found

    def _grants(self, subject: _Subject, user: User, namespace: str) -> _Grants:
        found = subject.namespaces.get(namespace)
        if found is None:
            if len(subject.namespaces) >= _MAX_NAMESPACES:
                subject.namespaces.clear()
            found = self._compile(user, ROLE_BINDINGS, namespace)
            subject.namespaces[namespace] = found
        return found

    def _compile(self, user: User, resource: GroupResource, namespace: str) -> _Grants:
        found: list[tuple[Rule, str]] = []
        errors = []
        for record in self._store.records(resource, namespace):
            try:
                given, error = self._given(user, record.obj, namespace)
            except (AttributeError, KeyError, TypeError):
                # One malformed object takes nobody's rights but its own subjects'.
                given, error = [], f"{record.key.text} cannot be read"
                _log.warning("binding not understood key=%s", record.key.text)
            found += given
            if error:
                errors.append(error)
        return _Grants(found, tuple(errors))

    def _given(
        self, user: User, binding: Obj, namespace: str
    ) -> tuple[list[tuple[Rule, str]], str]:
        """What one binding gives to the user, and why it cannot."""
        subject = _applying(user, binding.get("subjects") or (), namespace)
        if subject is None:
            return [], ""
        reference = binding.get("roleRef") or {}
        role = self._role(reference, namespace)
        if role is None:
            return [], _missing(reference)
        source = _source(binding, reference, subject, namespace)
        return [(rule, source) for rule in rules_of(role)], ""

    def _role(self, reference: Obj, namespace: str) -> Obj | None:
        name = reference.get("name") or ""
        match reference.get("kind"):
            case "ClusterRole":
                record = self._store.get(StoreKey(CLUSTER_ROLES, "", name))
            case "Role" if namespace:
                record = self._store.get(StoreKey(ROLES, namespace, name))
            case _:
                record = None
        return None if record is None else record.obj


def _applying(user: User, subjects: Any, namespace: str) -> Obj | None:
    """The first of a binding's subjects that the user is."""
    for subject in subjects:
        name = subject.get("name")
        match subject.get("kind"):
            case "User":
                applies = name == user.name
            case "Group":
                applies = name in user.groups
            case "ServiceAccount":
                home = subject.get("namespace") or namespace
                applies = bool(home) and user.name == account_name(home, name)
            case _:
                applies = False
        if applies:
            found: Obj = subject
            return found
    return None


def _source(binding: Obj, reference: Obj, subject: Obj, namespace: str) -> str:
    name = binding["metadata"]["name"]
    kind, title = (
        ("RoleBinding", f"{name}/{namespace}")
        if namespace
        else (
            "ClusterRoleBinding",
            name,
        )
    )
    who = subject["name"]
    if subject["kind"] == "ServiceAccount":
        who = f"{who}/{subject.get('namespace') or namespace}"
    role = f"{reference['kind']} {quoted(reference['name'])}"
    return f"{kind} {quoted(title)} of {role} to {subject['kind']} {quoted(who)}"


def _missing(reference: Obj) -> str:
    kind = str(reference.get("kind") or "")
    if kind not in ("Role", "ClusterRole"):
        return f"unsupported role reference kind: {quoted(kind)}"
    return f"{kind.lower()}.{GROUP} {quoted(str(reference.get('name') or ''))} not found"


def _joined(errors: list[str]) -> str:
    unique = list(dict.fromkeys(errors))
    return unique[0] if len(unique) == 1 else f"[{', '.join(unique)}]" if unique else ""
