"""`towline up`: everything in one supervised process tree."""

from __future__ import annotations

import os
from pathlib import Path

import click

from towline.settings import load_settings, parse_mapping


@click.command()
@click.option("--data", help="Folder of everything that Towline keeps. [default: .towline]")
@click.option("--listen", metavar="HOST:PORT", help="Address of UI, API and hooks.")
@click.option("--kubeconfig", metavar="FILE", help="Cluster to work on; default: Drydock.")
@click.option("--config", type=click.Path(dir_okay=False, path_type=Path), help="Settings file.")
@click.option(
    "--mirror",
    multiple=True,
    metavar="HOST=LOCATION",
    help="Registry mirror, such as docker.io=embedded. May be repeated.",
)
@click.option(
    "--git-alias",
    multiple=True,
    metavar="HOST=URL",
    help="Where repositories of a git host really are. May be repeated.",
)
@click.option("--no-ci", is_flag=True, help="No pipelines, registry and local forge.")
@click.option("--no-ui", is_flag=True, help="No pages; API and hooks stay.")
def command(
    data: str | None,
    listen: str | None,
    kubeconfig: str | None,
    config: Path | None,
    mirror: tuple[str, ...],
    git_alias: tuple[str, ...],
    *,
    no_ci: bool,
    no_ui: bool,
) -> None:
    """Start everything and stay until Ctrl-C."""
    from towline.app.main import run

    flags = {
        "data": data,
        "listen": listen,
        "kubeconfig": kubeconfig,
        "registry.mirrors": parse_mapping(",".join(mirror), setting="--mirror") or None,
        "git.aliases": parse_mapping(",".join(git_alias), setting="--git-alias") or None,
        "ci": False if no_ci else None,
        "ui": False if no_ui else None,
    }
    run(load_settings(flags, os.environ, config=config))
