"""Requests for resources: reads, writes and subresources, from route to answer."""

from __future__ import annotations

from random import Random
from typing import Any

import msgspec

from towline.aio.clock import Clock, rfc3339
from towline.drydock.api import lists, pods, reviews
from towline.drydock.api.decode import decode, from_json, from_yaml, media_type
from towline.drydock.api.duplicates import duplicate_problems, yaml_duplicates
from towline.drydock.api.eviction import evict
from towline.drydock.api.exec import open_attach, open_exec
from towline.drydock.api.exec_port import PodExec
from towline.drydock.api.messages import Answer, Request, Response
from towline.drydock.api.metrics import Metrics
from towline.drydock.api.negotiate import JSON, OBJECT, Form, negotiate
from towline.drydock.api.parameters import delete_options, parse_delete_options, write_options
from towline.drydock.api.patches import APPLY_PATCH, check_type, editor
from towline.drydock.api.podlogs import PodLogs, open_logs
from towline.drydock.api.portforward import open_portforward
from towline.drydock.api.views import Viewer, check_number, encode, inclusion, warning_header
from towline.drydock.api.watch import open_watch
from towline.drydock.auth.access import Access
from towline.drydock.auth.user import User
from towline.drydock.refusals import (
    bad_request,
    method_not_allowed,
    not_found,
    unknown_resource,
)
from towline.drydock.registry import Outcome, Registry, Target, WriteOptions, settle
from towline.drydock.registry.scale import scale_of
from towline.drydock.registry.versions import to_served
from towline.drydock.storage import Record
from towline.kube.refs import GroupResource
from towline.kube.schema.catalog import Catalog
from towline.kube.status import ApiError

Obj = dict[str, Any]

_WRITABLE_PARTS = ("status", "scale", "finalize", "ephemeralcontainers", "resize", "approval")
# Deleting one of these answers with its last state, not only with a Status.
_SHOWN_WHEN_DELETED = (
    GroupResource("", "pods"),
    GroupResource("", "resourcequotas"),
    GroupResource("", "serviceaccounts"),
    GroupResource("", "services"),
    GroupResource("storage.k8s.io", "csidrivers"),
    GroupResource("storage.k8s.io", "csinodes"),
    GroupResource("storage.k8s.io", "storageclasses"),
)
UPGRADED = ("exec", "attach", "portforward")
"""Parts of pods that are spoken with over a WebSocket."""

_BROWSERS = ("curl", "Wget", "Mozilla/5.0")
_SCALE_DEFINITION = "io.k8s.api.autoscaling.v1.Scale"


class Resources:
    """Answers requests for resources.

    Args:
        registry: Where objects are.
        access: Who may do what; answers reviews.
        clock: For ages and timestamps.
        rng: For the length of watches.
        logs: The node's logs, None without a node.
        processes: The node's processes and ports, None without containers.
        metrics: What nodes and pods use, None without a node.
    """

    def __init__(
        self,
        registry: Registry,
        access: Access,
        clock: Clock,
        rng: Random,
        logs: PodLogs | None,
        *,
        processes: PodExec | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        self._registry = registry
        self._store = registry.store
        self._access = access
        self._clock = clock
        self._rng = rng
        self._logs = logs
        self._processes = processes
        self._metrics = metrics
        self._catalog: Catalog = registry.kinds.catalog

    async def answer(self, request: Request, target: Target, user: User) -> Answer:
        """Answers one request.

        Raises:
            ApiError: Anything that a client has to be told.
        """
        kind = target.kind
        request.warning = kind.warning
        if kind.computed and self._metrics is not None:
            return self._metrics.answer(request, target)
        if not kind.storable:
            return await self._question(request, target, user)
        if target.subresource:
            return await self._part(request, target)
        if target.name:
            return await self._single(request, target)
        return await self._collection(request, target)

    # Collections

    async def _collection(self, request: Request, target: Target) -> Answer:
        kind = target.kind
        match request.method:
            case "GET" | "HEAD":
                if request.flag("watch"):
                    return self._watch(request, target)
                return await self._list(request, target, negotiate(request.header(b"accept")))
            case "POST":
                return await self._create(request, target)
            case "DELETE" if "deletecollection" in kind.verbs and (
                target.namespace or not kind.namespaced
            ):
                return await self._delete_all(request, target)
        raise method_not_allowed()

    def _watch(self, request: Request, target: Target) -> Answer:
        return open_watch(
            request,
            self._store,
            target.kind,
            target.namespace,
            negotiate(request.header(b"accept")),
            clock=self._clock,
            rng=self._rng,
            name=target.name,
        )

    async def _list(self, request: Request, target: Target, form: Form) -> Response:
        page = await lists.page(request, self._store, target.kind, target.namespace)
        include = inclusion(request, form)
        check_number(target.kind, form, plural=True)
        viewer = Viewer(target.kind, form, include=include, clock=self._clock)
        body = viewer.many(page.records, page.meta, pretty=_pretty(request))
        return Response(body, content_type=form.media, headers=_warned(target))

    async def _create(self, request: Request, target: Target) -> Response:
        options = self._guarded(request, target, write_options(request, "CreateOptions"))
        body, options = await self._decoded(request, target, options)
        kind = target.kind
        if kind.namespaced and not target.namespace:
            raise method_not_allowed()
        await self._registry.account_awaited(kind, target.namespace, body)
        outcome = await settle(self._registry.writes.create(kind, target.namespace, body, options))
        return self._written(request, target, outcome, status=201)

    async def _delete_all(self, request: Request, target: Target) -> Response:
        kind = target.kind
        options = await delete_options(request)
        page = await lists.page(request, self._store, kind, target.namespace)
        for record in page.records:
            await self._delete_one(target, record, options)
        viewer = Viewer(kind, JSON, clock=self._clock)
        return Response(viewer.many(page.records, page.meta), headers=_warned(target))

    async def _delete_one(self, target: Target, record: Record, options: Any) -> None:
        key = record.key
        try:
            await settle(
                self._registry.deletes.delete(Target(target.kind, key.namespace, key.name), options)
            )
        except ApiError as error:
            if error.reason != "NotFound":
                raise

    # Single objects

    async def _single(self, request: Request, target: Target) -> Answer:
        match request.method:
            case "GET" | "HEAD":
                if request.flag("watch"):
                    return self._watch(request, target)
                await lists.reach(
                    self._store, lists.parse_revision(request.param("resourceVersion"))
                )
                record = self._record(target)
                return self._shown(request, target, record.obj, record.raw)
            case "PUT":
                return await self._update(request, target)
            case "PATCH":
                return await self._patch(request, target)
            case "DELETE":
                options = await delete_options(request)
                outcome = await settle(self._registry.deletes.delete(target, options))
                return self._deleted(request, target, outcome)
        raise method_not_allowed()

    def _record(self, target: Target) -> Record:
        record = self._store.get(target.key)
        if record is None:
            raise not_found(target.kind.url_resource, target.name)
        return record

    async def _update(self, request: Request, target: Target) -> Response:
        options = self._guarded(request, target, write_options(request, "UpdateOptions"))
        body, options = await self._decoded(request, target, options)
        outcome = await settle(self._registry.writes.update(target, body, options))
        return self._written(request, target, outcome, status=201 if outcome.created else 200)

    async def _patch(self, request: Request, target: Target) -> Response:
        kind = target.kind
        media = media_type(request.header(b"content-type"))
        check_type(kind, media)
        apply = media == APPLY_PATCH
        options = write_options(request, "PatchOptions", apply=apply)
        options = self._guarded(request, target, options)
        raw = await request.body()
        writes = self._registry.writes
        if apply and target.subresource != "scale":
            config = from_yaml(raw)
            if _looks_for_duplicates(request):
                doubled = yaml_duplicates(raw)
                if doubled and options.field_validation == "Strict":
                    raise bad_request(f"error strict decoding YAML: {doubled[0]}")
                options = msgspec.structs.replace(options, strict_problems=doubled)
            staged = writes.apply(target, config, options)
        else:
            staged = writes.change(target, self._editor(target, media, raw), options)
        outcome = await settle(staged)
        return self._written(request, target, outcome, status=201 if outcome.created else 200)

    def _guarded(self, request: Request, target: Target, options: WriteOptions) -> WriteOptions:
        guard = self._access.guard(request, target.kind.resource)
        return options if guard is None else msgspec.structs.replace(options, guard=guard)

    def _editor(self, target: Target, media: str, raw: bytes) -> Any:
        patch = from_yaml(raw) if media == APPLY_PATCH else from_json(raw, "error decoding patch")
        scale = target.subresource == "scale"
        if media == APPLY_PATCH:
            # A Scale has one field to own: applying it is merging it.
            media = "application/merge-patch+json"
        schema = self._catalog.schema(_SCALE_DEFINITION) if scale else target.kind.schema
        return editor(media, patch, schema)

    async def _decoded(
        self, request: Request, target: Target, options: WriteOptions
    ) -> tuple[Any, WriteOptions]:
        raw = await request.body()
        content_type = request.header(b"content-type")
        body = decode(raw, content_type)
        if target.kind.custom and isinstance(body, dict) and not body.get("kind"):
            raise bad_request(
                "the object provided is unrecognized"
                f" (must be of type {target.kind.gvk.kind}): Object 'Kind' is missing"
            )
        if _looks_for_duplicates(request):
            found = duplicate_problems(raw, content_type)
            options = msgspec.structs.replace(options, strict_problems=found)
        return body, options

    # Subresources

    async def _part(self, request: Request, target: Target) -> Answer:
        kind, part = target.kind, target.subresource
        name = part.partition("/")[0]
        if name not in kind.subresources:
            raise unknown_resource()
        if kind.plural == "pods":
            special = await self._pod_part(request, target)
            if special is not None:
                return special
        if part == "token" and request.method == "POST":
            return await self._token(request, target)
        if name == "proxy":
            raise ApiError(f"{kind.plural}/{name} is not implemented", code=501)
        if name not in _WRITABLE_PARTS:
            raise method_not_allowed()
        if name == "ephemeralcontainers" and request.method not in ("GET", "HEAD"):
            # No node adds containers to a running pod. Clients know this answer as "disabled".
            raise unknown_resource()
        match request.method:
            case "GET" | "HEAD":
                record = self._record(target)
                return self._shown(request, target, record.obj, record.raw)
            case "PUT":
                return await self._update(request, target)
            case "PATCH":
                return await self._patch(request, target)
        raise method_not_allowed()

    async def _pod_part(self, request: Request, target: Target) -> Answer | None:
        match target.subresource, request.method:
            case "log", "GET":
                return await open_logs(request, self._logs, self._record(target).obj)
            case "exec", "GET" | "POST":
                return open_exec(request, self._processes, self._record(target).obj)
            case "attach", "GET" | "POST":
                return open_attach(request, self._processes, self._record(target).obj)
            case "portforward", "GET" | "POST":
                return open_portforward(request, self._processes, self._record(target).obj)
            case "binding", "POST":
                binding = await self._object(request)
                return await self._bind(request, target, binding)
            case "eviction", "POST":
                return await self._evict(request, target)
        return None

    async def _bind(self, request: Request, target: Target, binding: Obj) -> Response:
        options = write_options(request, "CreateOptions")
        await settle(
            self._registry.writes.bind(
                target, lambda pod: pods.bound(pod, binding, self._clock), options
            )
        )
        return _success(target, None, status=201)

    async def _evict(self, request: Request, target: Target) -> Response:
        eviction = await self._object(request)
        pod = self._record(target).obj
        options = parse_delete_options(eviction.get("deleteOptions") or {}, request)
        await evict(self._registry, target, pod, options, self._clock)
        return _success(target, None, status=201)

    async def _object(self, request: Request) -> Obj:
        body = decode(await request.body(), request.header(b"content-type"))
        if not isinstance(body, dict):
            raise bad_request("the body is not an object")
        return body

    async def _token(self, request: Request, target: Target) -> Response:
        body = await self._object(request)
        made = self._access.tokens.request(target.namespace, target.name, body)
        form = negotiate(request.header(b"accept"))
        return Response(encode(made, Form(form.media)), status=201, content_type=form.media)

    # Kinds that are questions or actions

    async def _question(self, request: Request, target: Target, user: User) -> Response:
        if request.method != "POST" or target.name:
            raise method_not_allowed()
        kind = target.kind
        form = negotiate(request.header(b"accept"))
        if form.convert != OBJECT:
            raise ApiError(
                "object does not implement the Object interfaces", reason="NotAcceptable"
            )
        body = await self._object(request)
        if kind.plural == "bindings":
            return await self._bind_by_body(request, target, body)
        said = {"kind": kind.gvk.kind, "apiVersion": kind.gvk.api_version, **body}
        made = reviews.answer(target, said, user, self._access, rfc3339(self._clock.now()))
        if made is None:
            raise method_not_allowed()
        return Response(encode(made, form), status=201, content_type=form.media)

    async def _bind_by_body(self, request: Request, target: Target, body: Obj) -> Response:
        name = str((body.get("metadata") or {}).get("name") or "")
        kind = self._registry.kinds.served("", "v1", "pods")
        if kind is None or not name:
            raise bad_request("metadata.name: Required value")
        return await self._bind(request, Target(kind, target.namespace, name), body)

    # Answers

    def _shown(
        self, request: Request, target: Target, obj: Obj, raw: bytes | None, status: int = 200
    ) -> Response:
        form = negotiate(request.header(b"accept"))
        pretty = _pretty(request)
        headers = _warned(target)
        if target.subresource == "scale":
            scale = scale_of(target.kind, to_served(target.kind, obj))
            body = encode(scale, Form(form.media), pretty=pretty)
        else:
            include = inclusion(request, form)
            check_number(target.kind, form, plural=False)
            viewer = Viewer(target.kind, form, include=include, clock=self._clock)
            body = viewer.one(obj, raw, pretty=pretty)
        return Response(body, status=status, content_type=form.media, headers=headers)

    def _written(
        self, request: Request, target: Target, outcome: Outcome, *, status: int
    ) -> Response:
        response = self._shown(request, target, outcome.obj, outcome.raw, status)
        response.headers = _warned(target, outcome.warnings)
        return response

    def _deleted(self, request: Request, target: Target, outcome: Outcome) -> Response:
        if outcome.deleted and target.kind.resource not in _SHOWN_WHEN_DELETED:
            response = _success(target, outcome.obj)
        else:
            response = self._shown(request, target, outcome.obj, outcome.raw)
        response.headers = _warned(target, outcome.warnings)
        return response


def _looks_for_duplicates(request: Request) -> bool:
    """Only who asks for a validation pays for the search; without being asked it is `Warn`."""
    return request.param("fieldValidation") in ("Strict", "Warn")


def _pretty(request: Request) -> bool:
    if request.has_param("pretty"):
        return request.flag("pretty")
    return request.header(b"user-agent").startswith(_BROWSERS)


def _warned(target: Target, warnings: tuple[str, ...] = ()) -> dict[str, str]:
    return warning_header((target.kind.warning, *warnings))


def _success(target: Target, obj: Obj | None, *, status: int = 200) -> Response:
    resource = target.kind.url_resource
    details: Obj = {"name": target.name}
    if resource.group:
        details["group"] = resource.group
    details["kind"] = resource.resource
    if obj is not None:
        details["uid"] = obj["metadata"]["uid"]
    body: Obj = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
    if obj is None:
        body["code"] = status
    else:
        body["details"] = details
    return Response(encode(body, JSON), status=status)
