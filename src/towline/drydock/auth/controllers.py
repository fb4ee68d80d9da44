"""Controllers of access: aggregated ClusterRoles, and Secrets that hold tokens."""

from __future__ import annotations

import base64
from collections.abc import Iterable

from towline.drydock.auth.authorizer import CLUSTER_ROLES
from towline.drydock.auth.claims import ACCOUNTS, SECRETS
from towline.drydock.auth.tokens import AccountTokens
from towline.drydock.cluster import Cluster, ClusterEvent, Obj
from towline.drydock.control.controller import Key
from towline.kube.refs import GroupResource
from towline.kube.selectors import label_selector_of

TOKEN_SECRET = "kubernetes.io/service-account-token"  # noqa: S105  # the type's name
_ACCOUNT_NAME = "kubernetes.io/service-account.name"
_ACCOUNT_UID = "kubernetes.io/service-account.uid"
_CONFIG_MAPS = GroupResource("", "configmaps")
_ROOT_CA = ("kube-system", "kube-root-ca.crt")


class RoleAggregation:
    """Fills ClusterRoles that have an aggregation rule from those that it selects.

    Args:
        cluster: What it works on.
    """

    name = "clusterrole-aggregation-controller"
    watches: frozenset[GroupResource] | None = frozenset({CLUSTER_ROLES})

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def keys(self, resource: GroupResource, event: ClusterEvent) -> Iterable[Key]:
        """Every aggregated role: any of them may select what changed."""
        del resource, event
        for role in self._cluster.objects(CLUSTER_ROLES):
            if role.get("aggregationRule"):
                yield Key("", role["metadata"]["name"])

    async def reconcile(self, key: Key) -> float | None:
        """Writes the rules, if they are not the right ones."""
        role = self._cluster.get(CLUSTER_ROLES, "", key.name)
        if role is None or not role.get("aggregationRule"):
            return None
        rules = aggregated(role, self._cluster.objects(CLUSTER_ROLES))
        if rules == (role.get("rules") or []):
            return None

        def fill(private: Obj) -> None:
            private["rules"] = rules

        await self._cluster.mutate(CLUSTER_ROLES, "", key.name, fill, manager=self.name)
        return None


def aggregated(role: Obj, roles: Iterable[Obj]) -> list[Obj]:
    """The rules that an aggregated role should have."""
    ordered = sorted(roles, key=lambda each: str(each["metadata"]["name"]))
    found: list[Obj] = []
    for given in role["aggregationRule"].get("clusterRoleSelectors") or []:
        selector = label_selector_of(given)
        for other in ordered:
            meta = other["metadata"]
            if meta["name"] == role["metadata"]["name"]:
                continue
            if selector.matches(meta.get("labels")):
                found += [rule for rule in other.get("rules") or [] if rule not in found]
    return found


class TokenSecrets:
    """Fills Secrets of type `kubernetes.io/service-account-token`, removes those of nobody.

    Args:
        cluster: What it works on.
        tokens: Issues the tokens.
    """

    name = "tokens-controller"
    watches: frozenset[GroupResource] | None = frozenset({SECRETS, ACCOUNTS})

    def __init__(self, cluster: Cluster, tokens: AccountTokens) -> None:
        self._cluster = cluster
        self._tokens = tokens

    def keys(self, resource: GroupResource, event: ClusterEvent) -> Iterable[Key]:
        """The Secret, or every Secret of the ServiceAccount."""
        meta = event.object["metadata"]
        if resource == SECRETS:
            if event.object.get("type") == TOKEN_SECRET:
                yield Key(meta["namespace"], meta["name"])
            return
        if event.type == "MODIFIED":
            return
        for secret in self._cluster.objects(SECRETS, meta["namespace"]):
            if secret.get("type") == TOKEN_SECRET and _account_name(secret) == meta["name"]:
                yield Key(meta["namespace"], secret["metadata"]["name"])

    async def reconcile(self, key: Key) -> float | None:
        """Fills in what lacks."""
        secret = self._cluster.get(SECRETS, key.namespace, key.name)
        if secret is None or secret.get("type") != TOKEN_SECRET:
            return None
        account = self._cluster.get(ACCOUNTS, key.namespace, _account_name(secret))
        said = (secret["metadata"].get("annotations") or {}).get(_ACCOUNT_UID)
        if account is None or (said and said != account["metadata"]["uid"]):
            uid = secret["metadata"]["uid"]
            await self._cluster.delete(SECRETS, key.namespace, key.name, uid=uid)
            return None

        def fill(private: Obj) -> None:
            self._fill(private, account)

        await self._cluster.mutate(
            SECRETS, key.namespace, key.name, fill, manager="kube-controller-manager"
        )
        return None

    def _fill(self, secret: Obj, account: Obj) -> None:
        annotations = secret["metadata"].setdefault("annotations", {})
        annotations[_ACCOUNT_UID] = account["metadata"]["uid"]
        data = secret.get("data") or {}
        authority = self._cluster.get(_CONFIG_MAPS, *_ROOT_CA) or {}
        wanted = {
            "ca.crt": (authority.get("data") or {}).get("ca.crt") or "",
            "namespace": secret["metadata"]["namespace"],
        }
        data |= {name: base64.b64encode(text.encode()).decode() for name, text in wanted.items()}
        if not data.get("token"):
            token = self._tokens.for_secret(account, secret)
            data["token"] = base64.b64encode(token.encode()).decode()
        secret["data"] = data


def _account_name(secret: Obj) -> str:
    return str((secret["metadata"].get("annotations") or {}).get(_ACCOUNT_NAME) or "")
