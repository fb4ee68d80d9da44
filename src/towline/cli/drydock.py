"""`towline drydock`: the embedded cluster alone."""

from __future__ import annotations

from pathlib import Path

import click

from towline.settings import parse_mapping, split_address


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
@click.option(
    "--node",
    type=click.Choice(["podman", "simulated", "none"]),
    default="podman",
    show_default=True,
)
@click.option(
    "--nodes",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="How many nodes are simulated.",
)
@click.option("--sync", type=click.Choice(["full", "normal"]), default="full", show_default=True)
@click.option("--mirror", multiple=True, metavar="HOST=LOCATION", help="Registry mirror for pulls.")
@click.option("--stop-containers", is_flag=True, help="Remove pods' containers at a clean stop.")
def serve(
    kubeconfig: Path,
    data: Path,
    listen: str,
    node: str,
    nodes: int,
    sync: str,
    mirror: tuple[str, ...],
    *,
    stop_containers: bool,
) -> None:
    """Serve a Kubernetes API, with controllers and a node, until Ctrl-C."""
    import logging

    import uvloop

    from towline.drydock.server import DrydockConfig, serve_until_signal

    logging.basicConfig(level="INFO", format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    host, port = split_address(listen)
    options = {
        "registry_mirrors": parse_mapping(",".join(mirror), setting="--mirror"),
        "stop_on_exit": stop_containers,
    }
    config = DrydockConfig(
        data_dir=data.expanduser().absolute(),
        kubeconfig=kubeconfig.expanduser().absolute(),
        host=host,
        port=port,
        node=node,
        nodes=nodes,
        node_options=options if node == "podman" else {},
        sync=sync,
    )
    uvloop.run(serve_until_signal(config, ready=lambda url: click.echo(f"ready {url}")))
