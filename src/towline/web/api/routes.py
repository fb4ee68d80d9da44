"""The REST API under /api/v1: Argo CD's paths where it has them, ours beside."""

from __future__ import annotations

import re
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from towline import __version__
from towline.errors import (
    ConflictError,
    DeniedError,
    InputError,
    NotFoundError,
    TowlineError,
    TransientError,
)
from towline.store.values import Account
from towline.web.api.bodies import read_json
from towline.web.auth.guard import session_cookie
from towline.web.auth.sessions import Sessions
from towline.web.ports import Applications, Deliveries, Pipelines

_COMMIT = re.compile(r"[0-9a-f]{7,40}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,252}")


class LogIn(msgspec.Struct, kw_only=True):
    """Body of POST /api/v1/session."""

    username: str
    password: str


class SyncRequest(msgspec.Struct, kw_only=True):
    """Body of POST /api/v1/applications/NAME/sync."""

    revision: str = ""
    prune: bool = False


class StartRun(msgspec.Struct, kw_only=True):
    """Body of POST /api/v1/pipelines/NAME/runs."""

    parameters: dict[str, str] = {}


class Api:
    """Handlers; what they need comes in through ports."""

    def __init__(
        self,
        *,
        sessions: Sessions,
        applications: Applications,
        pipelines: Pipelines,
        deliveries: Deliveries,
    ) -> None:
        self._sessions = sessions
        self._applications = applications
        self._pipelines = pipelines
        self._deliveries = deliveries

    def routes(self) -> list[Route]:
        """The route table of the API."""
        v1 = "/api/v1"
        return [
            Route(f"{v1}/version", self.version, methods=["GET"]),
            Route(f"{v1}/session", self.log_in, methods=["POST"]),
            Route(f"{v1}/session", self.log_out, methods=["DELETE"]),
            Route(f"{v1}/account/tokens", self.issue_token, methods=["POST"]),
            Route(f"{v1}/applications", self.applications, methods=["GET"]),
            Route(f"{v1}/applications/{{name}}", self.application, methods=["GET"]),
            Route(f"{v1}/applications/{{name}}/resource-tree", self.tree, methods=["GET"]),
            Route(f"{v1}/applications/{{name}}/sync", self.sync, methods=["POST"]),
            Route(f"{v1}/pipelines", self.pipelines, methods=["GET"]),
            Route(f"{v1}/pipelines/{{name}}/runs", self.start_run, methods=["POST"]),
            Route(f"{v1}/runs", self.runs, methods=["GET"]),
            Route(f"{v1}/runs/{{run}}", self.run, methods=["GET"]),
            Route(f"{v1}/runs/{{run}}", self.cancel_run, methods=["DELETE"]),
            Route(f"{v1}/runs/{{run}}/log", self.run_log, methods=["GET"]),
            Route(f"{v1}/deliveries", self.deliveries, methods=["GET"]),
            Route(f"{v1}/deliveries/{{commit}}", self.delivery, methods=["GET"]),
        ]

    async def version(self, request: Request) -> Response:
        """GET version."""
        del request
        return JSONResponse({"Version": f"v{__version__}"})

    async def log_in(self, request: Request) -> Response:
        """POST session: a bearer token for a name and a password."""
        body = await read_json(request, LogIn)
        token = await self._sessions.log_in(body.username, body.password, source_of(request))
        return JSONResponse({"token": token})

    async def log_out(self, request: Request) -> Response:
        """DELETE session."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        secret = token if scheme.lower() == "bearer" else session_cookie(request.headers)
        await self._sessions.log_out(secret)
        return JSONResponse({})

    async def issue_token(self, request: Request) -> Response:
        """POST account/tokens: a token for scripts; it is shown this once."""
        account: Account = request.state.account
        token = await self._sessions.issue_token(account.name, "api")
        return JSONResponse({"token": token}, 201)

    async def applications(self, request: Request) -> Response:
        """GET applications."""
        del request
        items = sorted(self._applications.all(), key=lambda app: str(app["metadata"]["name"]))
        return _json({"items": items})

    async def application(self, request: Request) -> Response:
        """GET applications/NAME; `?refresh=normal|hard` asks for a comparison first."""
        name = _named(request, "name")
        refresh = request.query_params.get("refresh", "")
        if refresh:
            await self._applications.refresh(name, hard=refresh == "hard")
        return _json(self._application(name))

    async def tree(self, request: Request) -> Response:
        """GET applications/NAME/resource-tree."""
        name = _named(request, "name")
        self._application(name)
        return _json({"nodes": self._applications.tree(name)})

    async def sync(self, request: Request) -> Response:
        """POST applications/NAME/sync."""
        name = _named(request, "name")
        body = await read_json(request, SyncRequest)
        account: Account = request.state.account
        await self._applications.sync(
            name, user=account.name, revision=body.revision, prune=body.prune
        )
        return _json(self._application(name))

    async def pipelines(self, request: Request) -> Response:
        """GET pipelines."""
        del request
        return _json({"items": self._pipelines.all()})

    async def start_run(self, request: Request) -> Response:
        """POST pipelines/NAME/runs."""
        body = await read_json(request, StartRun)
        account: Account = request.state.account
        run = await self._pipelines.start(
            _named(request, "name"), body.parameters, user=account.name
        )
        return _json(run, 201)

    async def runs(self, request: Request) -> Response:
        """GET runs; `?pipeline=` narrows, `?limit=` bounds (200 at most)."""
        query = request.query_params
        runs = await self._pipelines.runs(query.get("pipeline", ""), _limit(request))
        return _json({"items": runs})

    async def run(self, request: Request) -> Response:
        """GET runs/ID with its stages."""
        run_id = _named(request, "run")
        run = await self._pipelines.run(run_id)
        if run is None:
            raise NotFoundError(f"there is no run {run_id}")
        return _json({"run": run, "stages": await self._pipelines.stages(run_id)})

    async def cancel_run(self, request: Request) -> Response:
        """DELETE runs/ID: asks it to stop."""
        run_id = _named(request, "run")
        if await self._pipelines.run(run_id) is None:
            raise NotFoundError(f"there is no run {run_id}")
        await self._pipelines.cancel(run_id)
        return JSONResponse({}, 202)

    async def run_log(self, request: Request) -> Response:
        """GET runs/ID/log from `?offset=`; the header X-Next-Offset says where to go on."""
        run_id = _named(request, "run")
        if await self._pipelines.run(run_id) is None:
            raise NotFoundError(f"there is no run {run_id}")
        data, offset = await self._pipelines.log(run_id, _number(request, "offset", 0))
        headers = {"X-Next-Offset": str(offset)}
        return Response(data, media_type="text/plain; charset=utf-8", headers=headers)

    async def deliveries(self, request: Request) -> Response:
        """GET deliveries, newest first."""
        return _json({"items": await self._deliveries.recent(_limit(request))})

    async def delivery(self, request: Request) -> Response:
        """GET deliveries/COMMIT."""
        commit = request.path_params["commit"]
        if not _COMMIT.fullmatch(commit):
            raise InputError("a commit id has 7 to 40 hexadecimal digits", field="commit")
        found = await self._deliveries.get(commit)
        if found is None:
            raise NotFoundError(f"commit {commit} is not known")
        return _json(found)

    def _application(self, name: str) -> dict[str, Any]:
        found = self._applications.get(name)
        if found is None:
            raise NotFoundError(f"there is no application {name}")
        return found


def error_response(request: Request, error: Exception) -> Response:
    """An expected error as JSON with the status that fits."""
    del request
    codes = (
        (InputError, 400),
        (DeniedError, 401),
        (NotFoundError, 404),
        (ConflictError, 409),
        (TransientError, 429),
    )
    code = next((code for type_, code in codes if isinstance(error, type_)), 500)
    headers = {}
    if isinstance(error, TransientError) and error.retry_after:
        headers["Retry-After"] = str(round(error.retry_after))
    text = str(error) if isinstance(error, TowlineError) else "internal error"
    return JSONResponse({"error": text, "code": code}, code, headers=headers)


def source_of(request: Request) -> str:
    """The peer's address."""
    return request.client.host if request.client else "unknown"


def _json(value: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")


def _named(request: Request, parameter: str) -> str:
    value = str(request.path_params[parameter])
    if not _NAME.fullmatch(value) or ".." in value:
        raise InputError("not a valid name", field=parameter)
    return value


def _limit(request: Request) -> int:
    return max(1, min(200, _number(request, "limit", 50)))


def _number(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name, str(default))
    if not text.isdecimal() or len(text) > 15:
        raise InputError("must be a number that is not negative", field=name)
    return int(text)
