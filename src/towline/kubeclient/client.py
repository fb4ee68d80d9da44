"""The API of a Kubernetes cluster as async methods on plain dictionaries.

Errors: `ApiError` for what the server refused, `TransientError` for what may work when tried
again (no connection, 429, 5xx). Nothing is retried here; level-triggered callers retry.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Any, Literal, Self

import orjson

from towline.errors import TransientError
from towline.kube.refs import GroupKind, GroupVersionKind, gvk_of
from towline.kube.status import ApiError
from towline.kubeclient.discovery import ApiResource, Discovery
from towline.kubeclient.kubeconfig import ClusterAccess
from towline.kubeclient.transport import Transport

Obj = dict[str, Any]
Objs = list[Obj]  # inside the class, `list` is a method
PatchType = Literal["merge", "json", "strategic", "apply"]

PAGE_SIZE = 500

_PATCH_CONTENT = {
    "merge": "application/merge-patch+json",
    "json": "application/json-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "apply": "application/apply-patch+yaml",
}


class UnknownKindError(ApiError):
    """The server does not have that kind (for example: the CRD is not installed)."""

    def __init__(self, kind: GroupVersionKind | GroupKind) -> None:
        where = f' in version "{kind.api_version}"' if isinstance(kind, GroupVersionKind) else ""
        super().__init__(f'no matches for kind "{kind.kind}"{where}', reason="NotFound")
        self.kind = kind


class KubeClient:
    """A connection to one cluster; an async context manager.

    Args:
        access: Server and credentials.
        user_agent: Sent with each request; also the field manager where none is named.
    """

    def __init__(self, access: ClusterAccess, *, user_agent: str = "towline") -> None:
        self._namespace = access.namespace
        self.transport = Transport(access, user_agent=user_agent)
        self.discovery = Discovery(self.transport)

    async def __aenter__(self) -> Self:
        await self.transport.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.transport.__aexit__(kind, error, trace)

    @property
    def server(self) -> str:
        """URL of the API server."""
        return self.transport.server

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes = b"",
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> bytes:
        """Sends one request and returns the answer's body.

        Raises:
            ApiError: The server refused.
            TransientError: No connection, time-out, 429 or 5xx (with `retry_after`).
        """
        headers = {"Accept": accept}
        if body:
            headers["Content-Type"] = content_type
        reply = await self.transport.exchange(method, path, query=query, body=body, headers=headers)
        return reply.body

    async def resource(self, kind: GroupVersionKind | GroupKind) -> ApiResource:
        """The resource of a kind.

        Raises:
            UnknownKindError: The server does not have it.
        """
        found = await self.discovery.resource(kind)
        if found is None:
            raise UnknownKindError(kind)
        return found

    async def path_of(
        self,
        gvk: GroupVersionKind | GroupKind,
        namespace: str = "",
        name: str = "",
        subresource: str = "",
    ) -> str:
        """The URL path of a collection or object.

        An object of a namespaced kind without a namespace is in the access's default one.

        Raises:
            UnknownKindError: The server does not have the kind.
        """
        resource = await self.resource(gvk)
        if resource.namespaced and name and not namespace:
            namespace = self._namespace
        return resource.path(namespace, name, subresource)

    async def get(self, gvk: GroupVersionKind | GroupKind, namespace: str, name: str) -> Obj | None:
        """The object, or None when it does not exist.

        Raises:
            UnknownKindError: The server does not have the kind.
        """
        path = await self.path_of(gvk, namespace, name)
        try:
            return _decode(await self.request("GET", path))
        except ApiError as error:
            await self._expect_absent(gvk, error)
            return None

    async def list(
        self,
        gvk: GroupVersionKind | GroupKind,
        namespace: str = "",
        *,
        label_selector: str = "",
        field_selector: str = "",
    ) -> tuple[Objs, str]:
        """All objects of a kind (each with apiVersion and kind) and the list's resourceVersion.

        Raises:
            UnknownKindError: The server does not have the kind.
        """
        resource = await self.resource(gvk)
        query = {"limit": str(PAGE_SIZE)}
        if label_selector:
            query["labelSelector"] = label_selector
        if field_selector:
            query["fieldSelector"] = field_selector
        items: Objs = []
        while True:
            page = _decode(await self.request("GET", resource.path(namespace), query=query))
            for item in page.get("items") or []:
                item.setdefault("apiVersion", resource.gvk.api_version)
                item.setdefault("kind", resource.kind)
                items.append(item)
            meta = page.get("metadata") or {}
            if not meta.get("continue"):
                return items, str(meta.get("resourceVersion") or "")
            query["continue"] = meta["continue"]

    async def create(
        self,
        obj: Obj,
        *,
        manager: str,
        dry_run: bool = False,
        field_validation: str = "",
    ) -> Obj:
        """Creates an object and returns it as stored."""
        gvk, namespace, _ = _address(obj)
        resource = await self.resource(gvk)
        path = resource.path(namespace or self._namespace)
        query = _write_query(manager, dry_run=dry_run, field_validation=field_validation)
        return _decode(await self.request("POST", path, query=query, body=orjson.dumps(obj)))

    async def replace(
        self,
        obj: Obj,
        *,
        manager: str,
        subresource: str = "",
        dry_run: bool = False,
        field_validation: str = "",
    ) -> Obj:
        """Replaces an object (PUT); its resourceVersion, when given, is a precondition."""
        path = await self.path_of(*_address(obj), subresource)
        query = _write_query(manager, dry_run=dry_run, field_validation=field_validation)
        return _decode(await self.request("PUT", path, query=query, body=orjson.dumps(obj)))

    async def patch(
        self,
        gvk: GroupVersionKind | GroupKind,
        namespace: str,
        name: str,
        patch: Any,
        *,
        type: PatchType = "merge",  # noqa: A002  # the API's own word
        manager: str,
        force: bool = False,
        dry_run: bool = False,
        subresource: str = "",
        field_validation: str = "",
    ) -> Obj:
        """Patches an object and returns the result.

        Args:
            gvk: Kind of the object.
            namespace: Its namespace, empty for cluster-scoped kinds.
            name: Its name.
            patch: The patch document: a mapping, or a list of operations for `json`.
            type: Kind of patch.
            manager: Field manager.
            force: Take over fields of other managers (`apply` only).
            dry_run: Everything but the writing.
            subresource: For example `status`.
            field_validation: `Strict`, `Warn`, `Ignore`, or empty for the server's default.
        """
        path = await self.path_of(gvk, namespace, name, subresource)
        query = _write_query(manager, dry_run=dry_run, field_validation=field_validation)
        if type == "apply":
            query["force"] = "true" if force else "false"
        body = await self.request(
            "PATCH", path, query=query, body=orjson.dumps(patch), content_type=_PATCH_CONTENT[type]
        )
        return _decode(body)

    async def apply(
        self,
        obj: Obj,
        *,
        manager: str,
        force: bool = True,
        dry_run: bool = False,
        field_validation: str = "",
    ) -> Obj:
        """Server-side apply of an object: creates or updates it."""
        gvk, namespace, name = _address(obj)
        return await self.patch(
            gvk,
            namespace,
            name,
            obj,
            type="apply",
            manager=manager,
            force=force,
            dry_run=dry_run,
            field_validation=field_validation,
        )

    async def delete(
        self,
        gvk: GroupVersionKind | GroupKind,
        namespace: str,
        name: str,
        *,
        propagation: str = "",
        uid: str = "",
        grace: int | None = None,
        dry_run: bool = False,
    ) -> Obj | None:
        """Deletes an object; one that is absent is not an error.

        Args:
            gvk: Kind of the object.
            namespace: Its namespace, empty for cluster-scoped kinds.
            name: Its name.
            propagation: `Background`, `Foreground`, `Orphan`, or empty for the kind's default.
            uid: Delete only the object with this uid.
            grace: Seconds that a pod may take to end, None for its own value.
            dry_run: Everything but the deleting.

        Returns:
            The server's answer (the object, or a Status), None when it was absent.

        Raises:
            ApiError: Conflict when `uid` is another one's.
        """
        path = await self.path_of(gvk, namespace, name)
        options: Obj = {"apiVersion": "v1", "kind": "DeleteOptions"}
        if propagation:
            options["propagationPolicy"] = propagation
        if uid:
            options["preconditions"] = {"uid": uid}
        if grace is not None:
            options["gracePeriodSeconds"] = grace
        if dry_run:
            options["dryRun"] = ["All"]
        try:
            return _decode(await self.request("DELETE", path, body=orjson.dumps(options)))
        except ApiError as error:
            await self._expect_absent(gvk, error)
            return None

    async def _expect_absent(self, gvk: GroupVersionKind | GroupKind, error: ApiError) -> None:
        """Passes only when an error says that the object is absent, not its kind."""
        if error.code != 404:
            raise error
        if not error.details.get("name"):
            await self.discovery.refresh()
            if self.discovery.known(gvk) is None:
                raise UnknownKindError(gvk) from error

    def stream(
        self,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        accept: str = "application/json",
        silence: float = 3600.0,
    ) -> contextlib.AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Opens a GET that is answered piece by piece (watch, log).

        Args:
            path: Absolute path on the server.
            query: Query parameters.
            accept: Wanted media types.
            silence: Seconds without a byte after which the stream counts as dead.
        """
        return self.transport.stream(path, query=query, headers={"Accept": accept}, silence=silence)


def _address(obj: Obj) -> tuple[GroupVersionKind, str, str]:
    meta = obj.get("metadata") or {}
    return gvk_of(obj), meta.get("namespace") or "", meta.get("name") or ""


def _write_query(manager: str, *, dry_run: bool, field_validation: str) -> dict[str, str]:
    query = {"fieldManager": manager}
    if dry_run:
        query["dryRun"] = "All"
    if field_validation:
        query["fieldValidation"] = field_validation
    return query


def _decode(body: bytes) -> Obj:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise TransientError(f"the server's answer is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise TransientError("the server's answer is not an object")
    return value
