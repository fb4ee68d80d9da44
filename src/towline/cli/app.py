"""`towline app`: applications of the running instance."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import click

from towline.cli.client import Client
from towline.cli.options import data_option, output_option, show
from towline.errors import TowlineError


@click.group()
def command() -> None:
    """Applications of the running instance."""


def _status(app: dict[str, Any], *path: str) -> Any:
    value: Any = app.get("status") or {}
    for name in path:
        value = (value or {}).get(name)
    return value


def _revisions(entry: Any, length: int) -> str:
    """The revision, or the revisions of several sources, shortened."""
    found = entry.get("revisions") or [entry.get("revision") or ""]
    return ",".join(str(revision)[:length] for revision in found)


def _repositories(spec: Any) -> str:
    sources = spec.get("sources") or [spec.get("source") or {}]
    return ",".join(dict.fromkeys(str(source.get("repoURL") or "") for source in sources))


_COLUMNS = (
    ("NAME", lambda app: app["metadata"]["name"]),
    ("PROJECT", lambda app: app["spec"].get("project")),
    ("SYNC", lambda app: _status(app, "sync", "status")),
    ("HEALTH", lambda app: _status(app, "health", "status")),
    ("REVISION", lambda app: _revisions(_status(app, "sync") or {}, 8)),
    ("REPOSITORY", lambda app: _repositories(app["spec"])),
)


@command.command("list")
@data_option
@output_option
def list_apps(data: Path, output: str) -> None:
    """List applications."""
    show(Client(data).get("/applications")["items"], _COLUMNS, output)


@command.command("get")
@click.argument("name")
@click.option("--refresh", is_flag=True, help="Compare with the repository first.")
@data_option
@output_option
def get_app(name: str, data: Path, output: str, *, refresh: bool) -> None:
    """Show one application."""
    query = {"refresh": "normal"} if refresh else {}
    app = Client(data).get(f"/applications/{name}", **query)
    if output != "table":
        show([app], _COLUMNS, output)
        return
    show([app], _COLUMNS, output)
    for condition in _status(app, "conditions") or []:
        click.echo(f"{condition['type']}: {condition['message']}")
    click.echo()
    columns = [
        (title, lambda item, key=key: item.get(key))
        for title, key in (("KIND", "kind"), ("NAME", "name"), ("STATUS", "status"))
    ]
    show(_status(app, "resources") or [], columns, output)


@command.command()
@click.argument("name")
@click.option("--revision", default="", help="Branch, tag or commit; default: the application's.")
@click.option("--prune", is_flag=True, help="Delete what is not in git any more.")
@click.option("--wait/--no-wait", default=True, show_default=True)
@click.option("--timeout", type=float, default=300, show_default=True, help="Seconds.")
@data_option
def sync(name: str, revision: str, data: Path, timeout: float, *, prune: bool, wait: bool) -> None:
    """Make the cluster equal to the repository."""
    client = Client(data)
    client.post(f"/applications/{name}/sync", {"revision": revision, "prune": prune})
    if not wait:
        return
    state = _wait(client, name, timeout, lambda app: "operation" not in app)
    operation = _status(state, "operationState") or {}
    click.echo(f"{operation.get('phase')}: {operation.get('message')}")
    if operation.get("phase") != "Succeeded":
        raise TowlineError(f"the sync of {name} did not succeed")


@command.command()
@click.argument("name")
@click.option("--timeout", type=float, default=300, show_default=True, help="Seconds.")
@data_option
def wait(name: str, data: Path, timeout: float) -> None:
    """Wait until an application is Synced and Healthy."""
    _wait(
        Client(data),
        name,
        timeout,
        lambda app: (
            _status(app, "sync", "status") == "Synced"
            and _status(app, "health", "status") == "Healthy"
        ),
    )


@command.command()
@click.argument("name")
@data_option
@output_option
def history(name: str, data: Path, output: str) -> None:
    """List what was deployed and when."""
    app = Client(data).get(f"/applications/{name}")
    columns = (
        ("ID", lambda item: str(item["id"])),
        ("REVISION", lambda item: _revisions(item, 12)),
        ("DEPLOYED", lambda item: item.get("deployedAt")),
        ("BY", lambda item: json.dumps(item.get("initiatedBy", {}))),
    )
    show(_status(app, "history") or [], columns, output)


def _wait(client: Client, name: str, timeout: float, done: Any) -> dict[str, Any]:
    deadline = time.monotonic() + timeout
    while True:
        app: dict[str, Any] = client.get(f"/applications/{name}")
        if done(app):
            return app
        if time.monotonic() > deadline:
            raise TowlineError(f"{name}: not there after {timeout:.0f} s")
        time.sleep(0.2)
