"""Server-rendered pages: overview, application, run, log-in. Readable without JavaScript."""

from __future__ import annotations

import datetime as dt
from importlib import resources
from typing import Any

import minijinja
import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from towline.aio.clock import Clock, parse_rfc3339
from towline.errors import DeniedError, NotFoundError, TransientError
from towline.lineage.delivery import STAGES
from towline.store.values import Account
from towline.web.api.routes import source_of
from towline.web.auth.guard import COOKIE, session_cookie
from towline.web.auth.sessions import ABSOLUTE, Sessions
from towline.web.ports import Applications, Deliveries, Pipelines
from towline.web.ui.forms import read_form

_STATIC = {
    "towline.css": "text/css; charset=utf-8",
    "live.js": "text/javascript; charset=utf-8",
}
_LOG_TAIL = 64 * 1024
_MESSAGES = {
    "wrong": "Wrong user name or password.",
    "wait": "Too many failed log-ins. Try again in five minutes.",
}


class Pages:
    """Handlers of the pages; data comes in through ports."""

    def __init__(
        self,
        *,
        sessions: Sessions,
        applications: Applications,
        pipelines: Pipelines,
        deliveries: Deliveries,
        clock: Clock,
    ) -> None:
        self._sessions = sessions
        self._applications = applications
        self._pipelines = pipelines
        self._deliveries = deliveries
        self._clock = clock
        folder = resources.files("towline.web.ui")
        self._static = {name: (folder / "static" / name).read_bytes() for name in _STATIC}
        names = ("page", "overview", "application", "run", "login")
        self._templates = minijinja.Environment(
            templates={
                f"{name}.html": (folder / "templates" / f"{name}.html").read_text()
                for name in names
            }
        )
        self._templates.add_filter("ago", self._ago)
        self._templates.add_filter("short", lambda text: str(text)[:8])

    def routes(self) -> list[Route]:
        """The route table of the pages."""
        return [
            Route("/", self.overview, methods=["GET"]),
            Route("/applications/{name}", self.application, methods=["GET"]),
            Route("/runs/{run}", self.run, methods=["GET"]),
            Route("/login", self.login_page, methods=["GET"]),
            Route("/login", self.log_in, methods=["POST"]),
            Route("/logout", self.log_out, methods=["POST"]),
            Route("/static/{name}", self.static, methods=["GET"]),
        ]

    async def overview(self, request: Request) -> Response:
        """Deliveries, applications and runs on one page."""
        return self._render(
            request,
            "overview.html",
            title="Deliveries",
            stages=STAGES,
            deliveries=_plain(await self._deliveries.recent(20)),
            applications=[_tile(app) for app in self._sorted()],
            runs=_plain(await self._pipelines.runs("", 20)),
        )

    async def application(self, request: Request) -> Response:
        """One application: state, conditions, resources, pods that do not run and why."""
        name = str(request.path_params["name"])
        app = self._applications.get(name)
        if app is None:
            return self._missing(request, f"There is no application {name}.")
        return self._render(
            request,
            "application.html",
            title=name,
            app=_tile(app),
            history=list(reversed(app.get("status", {}).get("history") or [])),
            tree=self._applications.tree(name),
            troubles=await self._applications.troubles(name),
        )

    async def run(self, request: Request) -> Response:
        """One run: stages and the end of its log."""
        run_id = str(request.path_params["run"])
        run = await self._pipelines.run(run_id)
        if run is None:
            return self._missing(request, "There is no such run.")
        text, cut = await self._log_tail(run_id)
        return self._render(
            request,
            "run.html",
            title=f"{run.job} #{run.number}",
            run=_plain(run),
            stages=_plain(list(await self._pipelines.stages(run_id))),
            log=text,
            cut=cut,
        )

    async def login_page(self, request: Request) -> Response:
        """The log-in form; the message is a code, never text of the request."""
        message = _MESSAGES.get(request.query_params.get("message", ""), "")
        return self._render(request, "login.html", title="Log in", message=message)

    async def log_in(self, request: Request) -> Response:
        """Checks the form and opens a session."""
        form = read_form(await request.body())
        try:
            secret = await self._sessions.log_in(
                form.get("username", ""), form.get("password", ""), source_of(request)
            )
        except DeniedError:
            return RedirectResponse("/login?message=wrong", 303)
        except TransientError:
            return RedirectResponse("/login?message=wait", 303)
        answer = RedirectResponse("/", 303)
        answer.set_cookie(
            COOKIE,
            secret,
            max_age=int(ABSOLUTE.total_seconds()),
            httponly=True,
            samesite="lax",
            secure=request.url.scheme == "https",
        )
        return answer

    async def log_out(self, request: Request) -> Response:
        """Ends the session."""
        await self._sessions.log_out(session_cookie(request.headers))
        answer = RedirectResponse("/login", 303)
        answer.delete_cookie(COOKIE)
        return answer

    async def static(self, request: Request) -> Response:
        """Files of the package, by name from a table."""
        name = str(request.path_params["name"])
        if name not in _STATIC:
            raise NotFoundError("there is no such file")
        headers = {"Cache-Control": "public, max-age=300"}
        return Response(self._static[name], media_type=_STATIC[name], headers=headers)

    def _sorted(self) -> list[dict[str, Any]]:
        return sorted(self._applications.all(), key=lambda app: str(app["metadata"]["name"]))

    async def _log_tail(self, run_id: str) -> tuple[str, bool]:
        """The end of the log, and whether there is more before it."""
        data, after = await self._pipelines.log(run_id, -_LOG_TAIL)
        return data.decode(errors="replace"), after > len(data)

    def _render(
        self, request: Request, template: str, *, status: int = 200, **values: Any
    ) -> Response:
        account: Account | None = getattr(request.state, "account", None)
        html = self._templates.render_template(
            template, user=account.name if account else "", path=request.url.path, **values
        )
        return HTMLResponse(html, status, headers={"Cache-Control": "no-store"})

    def _missing(self, request: Request, text: str) -> Response:
        return self._render(request, "page.html", status=404, title="Not found", text=text)

    def _ago(self, moment: Any) -> str:
        if not moment:
            return ""
        then = moment if isinstance(moment, dt.datetime) else parse_rfc3339(str(moment))
        seconds = max(0, int((self._clock.now() - then).total_seconds()))
        for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
            if seconds >= size:
                return f"{seconds // size} {unit} ago"
        return f"{seconds} s ago"


def _plain(value: Any) -> Any:
    return msgspec.to_builtins(value)


def _tile(app: dict[str, Any]) -> dict[str, Any]:
    spec = app.get("spec") or {}
    status = app.get("status") or {}
    operation = status.get("operationState") or {}
    return {
        "name": app["metadata"]["name"],
        "project": spec.get("project", "default"),
        "sources": _sources(spec, status.get("sync") or {}),
        "namespace": (spec.get("destination") or {}).get("namespace", ""),
        "sync": (status.get("sync") or {}).get("status", "Unknown"),
        "health": (status.get("health") or {}).get("status", "Unknown"),
        "health_message": (status.get("health") or {}).get("message", ""),
        "phase": operation.get("phase", ""),
        "message": operation.get("message", ""),
        "finished": operation.get("finishedAt", ""),
        "conditions": status.get("conditions") or [],
        "images": (status.get("summary") or {}).get("images") or [],
    }


def _sources(spec: dict[str, Any], sync: dict[str, Any]) -> list[dict[str, str]]:
    """Each source with where it is and the revision that was compared."""
    sources = spec.get("sources") or [spec.get("source") or {}]
    revisions = sync.get("revisions") or [sync.get("revision", "")]
    revisions = [*revisions, *[""] * len(sources)]
    return [
        {
            "repository": str(source.get("repoURL", "")),
            "place": str(source.get("chart") or source.get("path") or source.get("ref") or ""),
            "revision": str(revision or ""),
        }
        for source, revision in zip(sources, revisions, strict=False)
    ]
