"""The web application: the route table behind the guard."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import prometheus_client
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from towline.errors import TowlineError
from towline.web.api.routes import error_response
from towline.web.auth.guard import Guard
from towline.web.auth.sessions import Sessions


def build_app(
    routes: Sequence[BaseRoute],
    sessions: Sessions,
    *,
    ready: Callable[[], str],
    metrics: Callable[[], bytes],
) -> ASGIApp:
    """Joins routes, health checks and metrics.

    Args:
        routes: Routes of hooks, API, events and pages.
        sessions: Who is logged in.
        ready: An empty string when ready, else what is missing.
        metrics: All metrics in Prometheus' text format.
    """
    return Guard(health_and_metrics(routes, ready=ready, metrics=metrics), sessions)


def health_and_metrics(
    routes: Sequence[BaseRoute], *, ready: Callable[[], str], metrics: Callable[[], bytes]
) -> Starlette:
    """The routes with health checks and metrics beside them; nobody is asked who they are.

    Args:
        routes: Further routes.
        ready: An empty string when ready, else what is missing.
        metrics: All metrics in Prometheus' text format.
    """

    async def healthz(request: Request) -> Response:
        del request
        return PlainTextResponse("ok")

    async def readyz(request: Request) -> Response:
        del request
        missing = ready()
        return PlainTextResponse(missing or "ok", 503 if missing else 200)

    async def told(request: Request) -> Response:
        del request
        return Response(metrics(), media_type=prometheus_client.CONTENT_TYPE_LATEST)

    return Starlette(
        routes=[
            Route("/healthz", healthz, methods=["GET"]),
            Route("/readyz", readyz, methods=["GET"]),
            Route("/metrics", told, methods=["GET"]),
            *routes,
        ],
        exception_handlers={TowlineError: error_response},
    )
