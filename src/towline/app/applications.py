"""Applications for the web: read from the cluster cache, changed through the Kubernetes API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from towline.errors import ConflictError, InputError, NotFoundError, TowlineError
from towline.kube.refs import GroupVersionKind, ObjectKey
from towline.kubeclient.cache import WatchCache
from towline.kubeclient.client import KubeClient

_KIND = GroupVersionKind("argoproj.io", "v1alpha1", "Application")
_MANAGER = "towline-web"
_LOG_LINES = 12

Tree = Callable[[dict[str, Any]], list[dict[str, Any]]]


class ApplicationViews:
    """Implements `web.ports.Applications`.

    Args:
        client: Client of the cluster.
        cache: Live objects.
        namespace: Control namespace.
        tree: The engine's resource tree of an Application object.
    """

    def __init__(self, client: KubeClient, cache: WatchCache, namespace: str, tree: Tree) -> None:
        self._client = client
        self._cache = cache
        self._namespace = namespace
        self._tree = tree

    def all(self) -> list[dict[str, Any]]:
        """Every Application object."""
        return [item.body() for item in self._cache.objects(_KIND.group_kind)]

    def get(self, name: str) -> dict[str, Any] | None:
        """One Application of the control namespace."""
        found = self._cache.get(ObjectKey(_KIND.group, _KIND.kind, self._namespace, name))
        return found.body() if found is not None else None

    def tree(self, name: str) -> list[dict[str, Any]]:
        """Its resources and what they own; none while its specification cannot be read."""
        app = self._application(name)
        try:
            return self._tree(app)
        except InputError:
            return []  # what is wrong stands in its conditions

    async def troubles(self, name: str) -> list[dict[str, Any]]:
        """Pods that wait or crash, each with its cause and its last lines."""
        pods = [
            node for node in self.tree(name) if node.get("kind") == "Pod" and not node.get("group")
        ]
        found: list[dict[str, Any]] = []
        for node in pods:
            pod = self._cache.get(ObjectKey("", "Pod", node["namespace"], node["name"]))
            if pod is not None:
                found += [await self._with_log(trouble) for trouble in _troubles(pod.body())]
        return found

    async def sync(self, name: str, *, user: str, revision: str, prune: bool) -> None:
        """Sets the operation; the engine starts it.

        Raises:
            NotFoundError: No such application.
            ConflictError: Another operation is in progress.
            InputError: A revision is given for an application with several sources.
        """
        app = self._application(name)
        if app.get("operation"):
            raise ConflictError("another operation is already in progress")
        spec = app.get("spec") or {}
        policy = spec.get("syncPolicy") or {}
        sync: dict[str, Any] = {"prune": prune}
        if spec.get("sources"):
            if revision:
                raise InputError(
                    f"{name} has several sources: one revision does not say which",
                    field="revision",
                    hint="change spec.sources[].targetRevision",
                )
        else:
            target = (spec.get("source") or {}).get("targetRevision", "")
            sync["revision"] = revision or target
        operation: dict[str, Any] = {"initiatedBy": {"username": user}, "sync": sync}
        # What a request does not say is as the application says.
        if policy.get("syncOptions"):
            sync["syncOptions"] = policy["syncOptions"]
        if policy.get("retry"):
            operation["retry"] = policy["retry"]
        # The version that was read is a precondition: two starts at once can't both succeed.
        version = app["metadata"]["resourceVersion"]
        await self._patch(name, {"metadata": {"resourceVersion": version}, "operation": operation})

    async def refresh(self, name: str, *, hard: bool) -> None:
        """Sets the refresh annotation; the engine removes it when it has compared."""
        self._application(name)
        value = "hard" if hard else "normal"
        await self._patch(
            name, {"metadata": {"annotations": {"argocd.argoproj.io/refresh": value}}}
        )

    async def _patch(self, name: str, patch: dict[str, Any]) -> None:
        await self._client.patch(_KIND, self._namespace, name, patch, manager=_MANAGER)

    def _application(self, name: str) -> dict[str, Any]:
        app = self.get(name)
        if app is None:
            raise NotFoundError(f"there is no application {name}")
        return app

    async def _with_log(self, trouble: dict[str, Any]) -> dict[str, Any]:
        path = f"/api/v1/namespaces/{trouble['namespace']}/pods/{trouble['pod']}/log"
        query = {"container": trouble["container"], "tailLines": str(_LOG_LINES)}
        if trouble["previous"]:
            query["previous"] = "true"
        try:
            log = await self._client.request("GET", path, query=query, accept="text/plain")
        except TowlineError:
            log = b""  # a container that never started has none
        return trouble | {"log": log.decode(errors="replace")}


def _troubles(pod: dict[str, Any]) -> list[dict[str, Any]]:
    status = pod.get("status") or {}
    containers = [
        *(status.get("initContainerStatuses") or []),
        *(status.get("containerStatuses") or []),
    ]
    found = []
    for container in containers:
        waiting = (container.get("state") or {}).get("waiting") or {}
        ended = (container.get("state") or {}).get("terminated") or {}
        reason = waiting.get("reason", "")
        crashed = bool((container.get("lastState") or {}).get("terminated"))
        broken = reason.endswith(("BackOff", "Error")) or reason.startswith("Err")
        if not broken and not ended.get("exitCode"):
            continue
        found.append(
            {
                "namespace": pod["metadata"].get("namespace", ""),
                "pod": pod["metadata"]["name"],
                "container": container["name"],
                "reason": reason or ended.get("reason", ""),
                "message": waiting.get("message") or ended.get("message", ""),
                "previous": crashed and not ended,
            }
        )
    return found
