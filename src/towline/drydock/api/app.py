"""The API server as an ASGI application: authentication, routing, errors, headers, compression."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import logging
from collections.abc import Mapping
from typing import Any

import orjson

from towline.aio.clock import Clock
from towline.drydock.api.discovery import Discovery
from towline.drydock.api.health import Health, version_document
from towline.drydock.api.messages import (
    Answer,
    Receive,
    Request,
    Response,
    Send,
    Stream,
    Upgrade,
)
from towline.drydock.api.negotiate import Form, error_media, wants_aggregated
from towline.drydock.api.openapi import OpenApi
from towline.drydock.api.openapi_v2 import OpenApiV2, negotiated
from towline.drydock.api.parameters import check_timeout
from towline.drydock.api.resources import UPGRADED, Resources
from towline.drydock.api.route import group_version, resolve, segments
from towline.drydock.api.views import encode, warning_header
from towline.drydock.api.websocket import (
    WebSocket,
    check_origin,
    gone_event,
    refusing,
    upgrade_request,
)
from towline.drydock.auth import issuer
from towline.drydock.auth.access import Access
from towline.drydock.refusals import bad_request, method_not_allowed, unknown_resource
from towline.drydock.registry import Registry
from towline.kube.status import ApiError

_log = logging.getLogger("towline.drydock.api")

_COMPRESS_ABOVE = 128 * 1024
_HEALTH = ("healthz", "livez", "readyz")
_PAGES = (".well-known/openid-configuration", "openapi/v3", "openid/v1/jwks", "version")
_TEXT = "text/plain; charset=utf-8"
_NO_PAGE = Response(b"404 page not found\n", status=404, content_type=_TEXT)


class ApiServer:
    """The ASGI application.

    Args:
        registry: Where objects are.
        resources: Answers requests for resources.
        access: Who may ask for what.
        health: What is ready.
        clock: For request ids.
        address: `host:port` for discovery.
    """

    def __init__(
        self,
        registry: Registry,
        resources: Resources,
        access: Access,
        health: Health,
        *,
        clock: Clock,
        address: str,
    ) -> None:
        self._kinds = registry.kinds
        self._resources = resources
        self._access = access
        self._address = address
        self._health = health
        self._clock = clock
        self._discovery = Discovery(registry.kinds, address)
        self._openapi = OpenApi(registry.kinds)
        self._openapi_v2 = OpenApiV2(registry.kinds, self._openapi)
        self._version = version_document(registry.kinds.catalog.version)

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """Serves one request."""
        plain = send
        if scope["type"] == "http":
            request = Request(scope, receive)
        elif scope["type"] == "websocket":
            request, send = upgrade_request(scope, receive), refusing(plain)
        else:
            return
        try:
            if request.subprotocols is not None:
                check_origin(request)
            answer = await self._answer(request)
        except ApiError as error:
            answer = _refused(request, error)
        except Exception as error:  # noqa: BLE001  # the supervised unit is the request
            _log.exception("request failed method=%s path=%s", request.method, request.path)
            text = f"Internal error occurred: {type(error).__name__}"
            answer = _refused(request, ApiError(text, reason="InternalError"))
        if isinstance(answer, Response):
            await self._send(request, answer, send)
        elif isinstance(answer, Upgrade):
            await _upgrade(answer, WebSocket(receive, plain, gone_event(scope)))
        else:
            await self._stream(request, answer, send)

    async def _answer(self, request: Request) -> Answer:
        check_timeout(request)
        path = segments(request.raw_path)
        root = path[0]
        if root in _HEALTH:
            return self._health.answer(path, request)
        if root == "version":
            return Response(self._version)
        user = self._access.admit(request, path)
        if root == "openapi":
            return await self._openapi_answer(request, path)
        if root not in ("api", "apis"):
            return self._index() if root == "" else self._issuer(path)
        found = group_version(path)
        if found is None or not found[2]:
            return self._discovered(request, path)
        group, version, rest = found
        target = resolve(self._kinds, group, version, rest)
        if target is None:
            if group not in self._kinds.groups():
                return _NO_PAGE
            raise unknown_resource()
        if request.subprotocols is not None and target.subresource not in UPGRADED:
            raise bad_request("WebSockets are only opened for " + ", ".join(UPGRADED))
        return await self._resources.answer(request, target, user)

    def _issuer(self, path: tuple[str, ...]) -> Response:
        return issuer.document(path, self._access.tokens.key, self._address) or _NO_PAGE

    def _index(self) -> Response:
        groups = self._kinds.groups()
        paths = [
            *(f"/api/{v}" for v in groups.get("", [])),
            *(f"/apis/{g}/{v}" for g, versions in groups.items() if g for v in versions),
            *(f"/{name}" for name in (*_HEALTH, *_PAGES)),
        ]
        return Response(orjson.dumps({"paths": paths}))

    def _discovered(self, request: Request, path: tuple[str, ...]) -> Response:
        if request.method not in ("GET", "HEAD"):
            raise method_not_allowed()
        aggregated = wants_aggregated(request.header(b"accept")) if len(path) == 1 else ""
        document = self._discovery.document(path, aggregated)
        if document is None:
            if len(path) == 3 and path[1] in self._kinds.groups():
                raise unknown_resource()
            return _NO_PAGE
        headers = {"vary": "Accept"}
        if aggregated:
            headers |= {"etag": document.etag, "cache-control": "public"}
            if request.header(b"if-none-match") == document.etag:
                # Caches update what they keep by these headers, so the type must be the same.
                return Response(
                    b"", status=304, content_type=document.content_type, headers=headers
                )
        return Response(document.body, content_type=document.content_type, headers=headers)

    async def _openapi_answer(self, request: Request, path: tuple[str, ...]) -> Response:
        match path[1:]:
            case ("v3",):
                return _tagged(request, self._openapi.index())
            case ("v2",):
                return await self._openapi_v2_answer(request)
            case ("v3", *rest):
                return await self._openapi_v3_answer(request, "/".join(rest))
        return _NO_PAGE

    async def _openapi_v3_answer(self, request: Request, name: str) -> Response:
        digest = self._openapi.hash(name)
        if not digest:
            return _NO_PAGE
        asked = request.param("hash")
        if asked and asked != digest:
            location = f"/openapi/v3/{name}?hash={digest}"
            return Response(b"", status=301, headers={"location": location})
        etag = f'"{digest}"'
        headers = {"etag": etag, "vary": "Accept, Accept-Encoding"}
        if asked:
            headers["cache-control"] = "public, immutable"
        if request.header(b"if-none-match") == etag:
            return Response(b"", status=304, headers=headers)
        packed = await asyncio.to_thread(self._openapi.document, name)
        if packed is None:
            return _NO_PAGE
        if _takes_gzip(request):
            return Response(packed, headers={**headers, "content-encoding": "gzip"})
        return Response(await asyncio.to_thread(gzip.decompress, packed), headers=headers)

    async def _openapi_v2_answer(self, request: Request) -> Response:
        media = negotiated(request.header(b"accept"))
        packed = await asyncio.to_thread(self._openapi_v2.document, media)
        etag = _etag(packed)
        headers = {"etag": etag, "vary": "Accept, Accept-Encoding"}
        if request.header(b"if-none-match") == etag:
            return Response(b"", status=304, content_type=media, headers=headers)
        if _takes_gzip(request):
            headers["content-encoding"] = "gzip"
            return Response(packed, content_type=media, headers=headers)
        plain = await asyncio.to_thread(gzip.decompress, packed)
        return Response(plain, content_type=media, headers=headers)

    # Sending

    async def _send(self, request: Request, answer: Response, send: Send) -> None:
        body = answer.body
        headers = self._headers(answer.content_type)
        given = dict(answer.headers)
        if len(body) > _COMPRESS_ABOVE and "content-encoding" not in given and _takes_gzip(request):
            body = await asyncio.to_thread(gzip.compress, body, 1)
            given |= {"content-encoding": "gzip", "vary": "Accept-Encoding"}
        if "cache-control" not in given:
            headers.append((b"cache-control", b"no-cache, private"))
        if answer.status >= 400:
            headers.append((b"x-content-type-options", b"nosniff"))
        headers += [(name.encode(), value.encode("latin-1")) for name, value in given.items()]
        headers.append((b"content-length", b"%d" % len(body)))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        if request.method == "HEAD":
            body = b""
        await send({"type": "http.response.body", "body": body})

    async def _stream(self, request: Request, answer: Stream, send: Send) -> None:
        headers = self._headers(answer.content_type)
        headers.append((b"cache-control", b"no-cache, private"))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        # An empty first chunk pushes the headers out: clients wait for them before any event.
        await send({"type": "http.response.body", "body": b"", "more_body": True})
        async with asyncio.TaskGroup() as group:
            pump = group.create_task(_pump(answer, send))
            gone = group.create_task(request.gone())
            await asyncio.wait((pump, gone), return_when=asyncio.FIRST_COMPLETED)
            pump.cancel()
            gone.cancel()

    def _headers(self, content_type: str) -> list[tuple[bytes, bytes]]:
        return [
            (b"content-type", content_type.encode()),
            (b"audit-id", self._clock.uuid().encode()),
        ]


async def _upgrade(answer: Upgrade, socket: WebSocket) -> None:
    try:
        await socket.accept(answer.protocol)
        await answer.serve(socket)
    except ConnectionError:
        _log.debug("client went away")


async def _pump(answer: Stream, send: Send) -> None:
    try:
        async for chunk in answer.chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
    except ApiError as error:
        # The headers are gone: all that is left is to say it in the log and to end.
        _log.warning("stream ended error=%s", error)
    await send({"type": "http.response.body", "body": b""})


def _refused(request: Request, error: ApiError) -> Response:
    headers = warning_header((request.warning,))
    retry = error.details.get("retryAfterSeconds")
    if retry:
        headers["retry-after"] = str(retry)
    media = error_media(request.header(b"accept"))
    body = encode(error.status(), Form(media))
    return Response(body, status=error.code, content_type=media, headers=headers)


def _tagged(request: Request, body: bytes) -> Response:
    etag = _etag(body)
    if request.header(b"if-none-match") == etag:
        return Response(b"", status=304, headers={"etag": etag})
    return Response(body, headers={"etag": etag})


def _etag(body: bytes) -> str:
    return f'"{hashlib.sha256(body).hexdigest().upper()}"'


def _takes_gzip(request: Request) -> bool:
    return "gzip" in request.header(b"accept-encoding")
