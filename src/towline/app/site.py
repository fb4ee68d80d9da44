"""The web site: every route on the ports that the other parts implement."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from towline.app.applications import ApplicationViews
from towline.app.ci import Ci
from towline.app.deliveries import DeliveryViews
from towline.app.engine import Engine
from towline.app.hooks import HookSecretSources
from towline.app.pipelines import NoPipelines, PipelineViews
from towline.argo.application import parse_application
from towline.controllers.application import build_tree
from towline.web.api.events import Events
from towline.web.api.routes import Api
from towline.web.app import build_app
from towline.web.auth.sessions import Sessions
from towline.web.hooks.intake import HookIntake
from towline.web.ui.pages import Pages


def build_site(engine: Engine, ci: Ci, sessions: Sessions, *, ready: Callable[[], str]) -> ASGIApp:
    """Joins hooks, API, events and pages.

    Args:
        engine: The GitOps half.
        ci: The CI half.
        sessions: Who is logged in.
        ready: An empty string when everything is up, else what is missing.
    """
    namespace = engine.settings.engine.namespace

    def tree(app: dict[str, Any]) -> list[dict[str, Any]]:
        nodes = build_tree(parse_application(app), engine.cache)
        plain: list[dict[str, Any]] = msgspec.to_builtins(nodes)
        return plain

    applications = ApplicationViews(engine.client, engine.cache, namespace, tree)
    deliveries = DeliveryViews(engine.store)
    pipelines = PipelineViews(engine.store, ci.informer, ci.runs) if ci.enabled else NoPipelines()
    hooks = HookIntake(
        HookSecretSources(engine.store, engine.cache, ci.pipelines, namespace),
        engine.store.deliveries,
        ci.deliveries.notify,
        engine.clock,
    )
    api = Api(
        sessions=sessions, applications=applications, pipelines=pipelines, deliveries=deliveries
    )
    routes: list[BaseRoute] = [
        *hooks.routes(),
        *api.routes(),
        *Events(engine.changes).routes(),
    ]
    if engine.settings.ui:
        pages = Pages(
            sessions=sessions,
            applications=applications,
            pipelines=pipelines,
            deliveries=deliveries,
            clock=engine.clock,
        )
        routes += pages.routes()
    return build_app(routes, sessions, ready=ready, metrics=engine.metrics.render)
