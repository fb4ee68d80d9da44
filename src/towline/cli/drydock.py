"""`towline drydock`: the embedded cluster alone."""

from __future__ import annotations

from pathlib import Path

import click


@click.group()
def command() -> None:
    """The embedded single-node cluster, for development and tests."""


@command.command()
@click.option("--kubeconfig", type=click.Path(dir_okay=False, path_type=Path), required=True)
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".drydock"),
    show_default=True,
)
@click.option("--listen", default="127.0.0.1:0", show_default=True, metavar="HOST:PORT")
@click.option("--node", type=click.Choice(["podman", "none"]), default="podman", show_default=True)
@click.option("--sync", type=click.Choice(["full", "normal"]), default="full", show_default=True)
@click.option("--mirror", multiple=True, metavar="HOST=LOCATION", help="Registry mirror for pulls.")
@click.option("--stop-containers", is_flag=True, help="Remove pods' containers at a clean stop.")
def serve(
    kubeconfig: Path,
    data: Path,
    listen: str,
    node: str,
    sync: str,
    mirror: tuple[str, ...],
    *,
    stop_containers: bool,
) -> None:
    """Serve a Kubernetes API, with controllers and a node, until Ctrl-C."""
    raise NotImplementedError
