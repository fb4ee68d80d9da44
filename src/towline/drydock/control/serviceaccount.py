"""The service account controller: what every namespace has from its first moment."""

from __future__ import annotations

from collections.abc import Iterable

from towline.drydock.cluster import Cluster, ClusterEvent, Obj
from towline.drydock.control.controller import Key
from towline.drydock.control.resources import CONFIG_MAPS, NAMESPACES, SERVICE_ACCOUNTS
from towline.drydock.control.writes import CONTROLLER_MANAGER, edit
from towline.kube.refs import GroupResource
from towline.kube.status import ApiError

DEFAULT_ACCOUNT = "default"
ROOT_CA = "kube-root-ca.crt"
ROOT_CA_NAMESPACE = "kube-system"


class ServiceAccountController:
    """Keeps the default ServiceAccount and a copy of the cluster's CA in each namespace.

    The original of the CA is the ConfigMap `kube-root-ca.crt` of `kube-system`; without it there
    are no copies.

    Args:
        cluster: What it works on.
    """

    name = "serviceaccount-controller"
    watches: frozenset[GroupResource] | None = frozenset(
        {NAMESPACES, SERVICE_ACCOUNTS, CONFIG_MAPS}
    )

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def keys(self, resource: GroupResource, event: ClusterEvent) -> Iterable[Key]:
        """The namespace of what changed; every namespace when the CA did."""
        meta = event.object["metadata"]
        if resource == NAMESPACES:
            yield Key("", meta["name"])
        elif resource == SERVICE_ACCOUNTS:
            if meta["name"] == DEFAULT_ACCOUNT and event.type == "DELETED":
                yield Key("", meta["namespace"])
        elif meta["name"] == ROOT_CA:
            if meta["namespace"] == ROOT_CA_NAMESPACE:
                for space in self._cluster.objects(NAMESPACES):
                    yield Key("", space["metadata"]["name"])
            else:
                yield Key("", meta["namespace"])

    async def reconcile(self, key: Key) -> float | None:
        """Creates what lacks, corrects the CA."""
        space = self._cluster.get(NAMESPACES, "", key.name)
        if space is None or space["metadata"].get("deletionTimestamp"):
            return None
        if self._cluster.get(SERVICE_ACCOUNTS, key.name, DEFAULT_ACCOUNT) is None:
            meta = {"name": DEFAULT_ACCOUNT, "namespace": key.name}
            body = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta}
            await self._create(SERVICE_ACCOUNTS, body)
        await self._copy_ca(key.name)
        return None

    async def _copy_ca(self, namespace: str) -> None:
        original = self._cluster.get(CONFIG_MAPS, ROOT_CA_NAMESPACE, ROOT_CA)
        if original is None or namespace == ROOT_CA_NAMESPACE:
            return
        data = original.get("data") or {}
        copy = self._cluster.get(CONFIG_MAPS, namespace, ROOT_CA)
        if copy is None:
            meta = {"name": ROOT_CA, "namespace": namespace}
            body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data}
            await self._create(CONFIG_MAPS, body)
        elif copy.get("data") != data:

            def write(private: Obj) -> None:
                private["data"] = data

            await edit(self._cluster, CONFIG_MAPS, copy, write)

    async def _create(self, resource: GroupResource, body: Obj) -> None:
        try:
            await self._cluster.create(resource, body, manager=CONTROLLER_MANAGER)
        except ApiError as error:
            # Somebody was faster, or the namespace is going away.
            if error.reason not in {"AlreadyExists", "Forbidden", "NotFound"}:
                raise
