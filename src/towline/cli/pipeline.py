"""`towline pipeline`: lint files, list pipelines and runs, read logs, start and cancel."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from towline.cli.client import Client
from towline.cli.options import data_option, output_option, show
from towline.errors import InputError, TowlineError

_RUN_COLUMNS = (
    ("ID", lambda run: run["id"]),
    ("JOB", lambda run: run["job"]),
    ("NUMBER", lambda run: str(run["number"])),
    ("STATE", lambda run: run["state"]),
    ("RESULT", lambda run: run["result"]),
    ("COMMIT", lambda run: run["commit"][:8]),
    ("CAUSE", lambda run: run["cause"] or run["trigger"]),
)


@click.group()
def command() -> None:
    """Pipelines and their runs."""


@command.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def lint(file: Path) -> None:
    """Check a Jenkinsfile; every finding at once, with line and column."""
    from towline.pipeline.lint import lint as check

    findings = check(file.read_text(errors="replace"), str(file), jobs=None)
    for finding in findings:
        hint = f" ({finding.hint})" if finding.hint else ""
        click.echo(
            f"{file}:{finding.line}:{finding.column}: {finding.severity}: {finding.message}{hint}"
        )
    if any(finding.severity == "error" for finding in findings):
        raise TowlineError(f"{file} would not start")
    click.echo(f"{file}: ok")


@command.command("list")
@data_option
@output_option
def list_pipelines(data: Path, output: str) -> None:
    """List pipelines."""
    columns = (
        ("NAME", lambda item: item["metadata"]["name"]),
        ("JOB", lambda item: item["spec"].get("jobName") or item["metadata"]["name"]),
        ("REPOSITORY", lambda item: item["spec"]["source"]["repoURL"]),
    )
    show(Client(data).get("/pipelines")["items"], columns, output)


@command.command()
@click.argument("pipeline", default="")
@click.option("--limit", default=20, show_default=True)
@data_option
@output_option
def runs(pipeline: str, limit: int, data: Path, output: str) -> None:
    """List runs, newest first."""
    items = Client(data).get("/runs", pipeline=pipeline, limit=limit)["items"]
    show(items, _RUN_COLUMNS, output)


@command.command()
@click.argument("run")
@click.option("-f", "--follow", is_flag=True, help="Wait for more until the run ends.")
@data_option
def logs(run: str, data: Path, *, follow: bool) -> None:
    """Print the log of a run (its id, or JOB#NUMBER)."""
    client = Client(data)
    run_id = _run_id(client, run)
    offset = "0"
    while True:
        text, after = client.text(f"/runs/{run_id}/log", offset=offset)
        click.echo(text, nl=False)
        if after != offset:
            offset = after
            continue
        if not follow or client.get(f"/runs/{run_id}")["run"]["state"] == "finished":
            return
        time.sleep(0.3)


@command.command()
@click.argument("pipeline")
@click.option("--param", "-p", multiple=True, metavar="KEY=VALUE")
@data_option
def start(pipeline: str, param: tuple[str, ...], data: Path) -> None:
    """Start a run by hand."""
    parameters: dict[str, str] = {}
    for item in param:
        key, equals, value = item.partition("=")
        if not equals:
            raise InputError(f"{item!r} is not KEY=VALUE", field="--param")
        parameters[key] = value
    run = Client(data).post(f"/pipelines/{pipeline}/runs", {"parameters": parameters})
    click.echo(f"{run['job']} #{run['number']} {run['id']}")


@command.command()
@click.argument("run")
@data_option
def cancel(run: str, data: Path) -> None:
    """Ask a run to stop."""
    client = Client(data)
    client.delete(f"/runs/{_run_id(client, run)}")


def _run_id(client: Client, text: str) -> str:
    job, hash_, number = text.rpartition("#")
    if not hash_:
        return text
    items: list[dict[str, Any]] = client.get("/runs", pipeline=job, limit=200)["items"]
    for item in items:
        if str(item["number"]) == number:
            return str(item["id"])
    raise TowlineError(f"there is no run {text}")
