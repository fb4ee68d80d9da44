"""Guards of writes: nobody gives away rights that they do not have."""

from __future__ import annotations

from typing import Any

from towline.drydock.auth.attributes import Attributes, quoted
from towline.drydock.auth.authorizer import (
    CLUSTER_ROLE_BINDINGS,
    CLUSTER_ROLES,
    ROLE_BINDINGS,
    ROLES,
    Authorizer,
)
from towline.drydock.auth.covers import EVERYTHING, compact, described, quoted_list, uncovered
from towline.drydock.auth.rules import Rule, rules_of
from towline.drydock.auth.user import MASTERS, User
from towline.drydock.refusals import forbidden, not_found
from towline.kube.refs import GroupResource

Obj = dict[str, Any]

_CREATING = ("update", "patch")
_COLLECTED = ("finalizers", "ownerReferences", "managedFields", "resourceVersion")


class WriteGuard:
    """Looks at the old and the new state of an object before it is stored.

    Args:
        authorizer: Knows the caller's rights.
        user: Who writes.
        asked: The request.
        resource: What is written.
    """

    def __init__(
        self, authorizer: Authorizer, user: User, asked: Attributes, resource: GroupResource
    ) -> None:
        self._authorizer = authorizer
        self._user = user
        self._asked = asked
        self._resource = resource

    def __call__(self, old: Obj | None, new: Obj) -> None:
        """Refuses a write that the caller may not do.

        Raises:
            ApiError: Forbidden, or NotFound for a binding to a role that is not there.
        """
        if old is None and self._asked.verb in _CREATING:
            self._authorizer.check(self._user, self._asked._replace(verb="create"))
        if old is not None and _only_collected(old, new):
            return
        if self._resource in (ROLES, CLUSTER_ROLES):
            self._check_role(old, new)
        elif self._resource in (ROLE_BINDINGS, CLUSTER_ROLE_BINDINGS):
            self._check_binding(new)

    def _check_role(self, old: Obj | None, new: Obj) -> None:
        asked = self._asked
        may = Attributes(
            "escalate", asked.group, "*", asked.resource, "", asked.name, asked.namespace
        )
        if self._authorizer.decide(self._user, may).allowed:
            return
        self._check_held(new, rules_of(new))
        if _aggregates(new) or (old is not None and _aggregates(old)):
            owned, _ = self._authorizer.rules_for(self._user, "")
            if uncovered(owned, EVERYTHING):
                why = "must have cluster-admin privileges to use the aggregationRule"
                raise forbidden(self._resource, new["metadata"].get("name", ""), why)

    def _check_binding(self, new: Obj) -> None:
        reference = new.get("roleRef") or {}
        plural = {"ClusterRole": "clusterroles", "Role": "roles"}.get(reference.get("kind", ""))
        if plural is not None:
            may = Attributes(
                "bind",
                reference.get("apiGroup") or "",
                "*",
                plural,
                name=reference.get("name") or "",
                namespace=self._asked.namespace,
            )
            if self._authorizer.decide(self._user, may).allowed:
                return
        rules = self._authorizer.rules_of_reference(reference, self._asked.namespace)
        if rules is None:
            raise not_found(self._resource, str(reference.get("name") or ""))
        self._check_held(new, rules)

    def _check_held(self, new: Obj, rules: list[Rule]) -> None:
        user = self._user
        owned, errors = self._authorizer.rules_for(user, self._asked.namespace)
        missing = uncovered(owned, rules)
        if not missing:
            return
        why = (
            f"user {quoted(user.name)} (groups={quoted_list(user.groups)}) is attempting to grant"
            f" RBAC permissions not currently held:\n{described(compact(missing))}"
        )
        if errors:
            why += f"; resolution errors: [{errors}]"
        raise forbidden(self._resource, new["metadata"].get("name", ""), why)


def guard_for(
    authorizer: Authorizer, user: User, asked: Attributes, resource: GroupResource
) -> WriteGuard | None:
    """The guard of a write, or None when the caller may do everything anyway."""
    if MASTERS in user.groups:
        return None
    return WriteGuard(authorizer, user, asked, resource)


def _aggregates(role: Obj) -> bool:
    return bool((role.get("aggregationRule") or {}).get("clusterRoleSelectors"))


def _only_collected(old: Obj, new: Obj) -> bool:
    """Whether only what garbage collection needs has changed."""
    return _core(old) == _core(new)


def _core(obj: Obj) -> Obj:
    meta = {key: value for key, value in obj["metadata"].items() if key not in _COLLECTED}
    return {**obj, "metadata": meta}
