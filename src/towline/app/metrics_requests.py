"""Counts what the engine asks of the Kubernetes API, around the client."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec

from towline.controllers.application.ports import (
    ClusterApi,
    DiscoveryPort,
    Gvk,
    Obj,
    PatchType,
)
from towline.errors import TransientError
from towline.kube.status import ApiError

T = TypeVar("T")


class ApiRequest(msgspec.Struct, frozen=True):
    """One request that was answered.

    Attributes:
        verb: HTTP method.
        kind: Kind of the object.
        code: Status of the answer; 0 for none.
        dry_run: Whether nothing was to be changed.
    """

    verb: str
    kind: str
    code: int
    dry_run: bool


class CountedApi:
    """The API, with each request told to somebody.

    Args:
        api: The API itself.
        told: Is told of each request.
    """

    def __init__(self, api: ClusterApi, told: Callable[[ApiRequest], None]) -> None:
        self._api = api
        self._told = told

    @property
    def discovery(self) -> DiscoveryPort:
        """Which kinds the cluster has."""
        return self._api.discovery

    async def get(self, gvk: Gvk, namespace: str, name: str) -> Obj | None:
        """The object, or None."""
        return await self._count("GET", gvk.kind, self._api.get(gvk, namespace, name))

    async def create(
        self, obj: Obj, *, manager: str, dry_run: bool = False, field_validation: str = ""
    ) -> Obj:
        """Creates an object."""
        call = self._api.create(
            obj, manager=manager, dry_run=dry_run, field_validation=field_validation
        )
        return await self._count("POST", str(obj.get("kind")), call, dry_run=dry_run)

    async def replace(
        self,
        obj: Obj,
        *,
        manager: str,
        subresource: str = "",
        dry_run: bool = False,
        field_validation: str = "",
    ) -> Obj:
        """Replaces an object."""
        call = self._api.replace(
            obj,
            manager=manager,
            subresource=subresource,
            dry_run=dry_run,
            field_validation=field_validation,
        )
        return await self._count("PUT", str(obj.get("kind")), call, dry_run=dry_run)

    async def patch(
        self,
        gvk: Gvk,
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
        """Patches an object."""
        call = self._api.patch(
            gvk,
            namespace,
            name,
            patch,
            type=type,
            manager=manager,
            force=force,
            dry_run=dry_run,
            subresource=subresource,
            field_validation=field_validation,
        )
        return await self._count("PATCH", gvk.kind, call, dry_run=dry_run)

    async def apply(
        self,
        obj: Obj,
        *,
        manager: str,
        force: bool = True,
        dry_run: bool = False,
        field_validation: str = "",
    ) -> Obj:
        """Server-side apply."""
        call = self._api.apply(
            obj, manager=manager, force=force, dry_run=dry_run, field_validation=field_validation
        )
        return await self._count("PATCH", str(obj.get("kind")), call, dry_run=dry_run)

    async def delete(
        self,
        gvk: Gvk,
        namespace: str,
        name: str,
        *,
        propagation: str = "",
        uid: str = "",
        grace: int | None = None,
        dry_run: bool = False,
    ) -> Obj | None:
        """Deletes an object."""
        call = self._api.delete(
            gvk, namespace, name, propagation=propagation, uid=uid, grace=grace, dry_run=dry_run
        )
        return await self._count("DELETE", gvk.kind, call, dry_run=dry_run)

    async def _count(self, verb: str, kind: str, call: Awaitable[T], *, dry_run: bool = False) -> T:
        code = 0
        try:
            answer = await call
            code = 404 if answer is None else 201 if verb == "POST" else 200
        except ApiError as error:
            code = error.code
            raise
        except TransientError:
            code = 503
            raise
        finally:
            self._told(ApiRequest(verb, kind, code, dry_run))
        return answer
