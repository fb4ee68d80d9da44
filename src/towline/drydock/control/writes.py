"""Writes of controllers, under the names that the API shows for them in managed fields.

Controllers are told apart in Events by their component; as field managers all of them are one
process, the controller manager, beside the scheduler.
"""

from __future__ import annotations

from collections.abc import Callable

from towline.drydock.cluster import Cluster, Obj
from towline.kube.refs import GroupResource

CONTROLLER_MANAGER = "kube-controller-manager"


async def edit(
    cluster: Cluster,
    resource: GroupResource,
    obj: Obj,
    change: Callable[[Obj], None],
    *,
    manager: str = CONTROLLER_MANAGER,
    subresource: str = "",
) -> Obj | None:
    """Edits this very object: None when it is gone, or another one has taken its name."""
    meta = obj["metadata"]
    return await cluster.mutate(
        resource,
        meta.get("namespace") or "",
        meta["name"],
        change,
        manager=manager,
        subresource=subresource,
        uid=meta["uid"],
    )


async def report(cluster: Cluster, resource: GroupResource, obj: Obj, status: Obj) -> None:
    """Writes the status of an object when it differs."""
    if status == obj.get("status"):
        return

    def write(copy: Obj) -> None:
        copy["status"] = status

    await edit(cluster, resource, obj, write, subresource="status")
