"""`towline drydock`: the embedded cluster alone."""

from __future__ import annotations

from pathlib import Path

import click

from towline.settings import parse_mapping, split_address


@click.group()
def command() -> None:
    """The embedded single-node cluster, for development and tests."""


_SNAPSHOT = click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
_DATA = click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".drydock"),
    show_default=True,
    help="The cluster's data folder.",
)


@command.command()
@_SNAPSHOT
@_DATA
def snapshot(file: Path, data: Path) -> None:
    """Copy the cluster's state into FILE; the cluster may go on running."""
    from towline.drydock.storage.snapshot import take_snapshot

    taken = take_snapshot(data.expanduser() / "state.db", file)
    click.echo(f"{file}: {taken.objects} objects at revision {taken.revision}")


@command.command()
@_SNAPSHOT
@_DATA
def restore(file: Path, data: Path) -> None:
    """Put a snapshot into a data folder that has no state."""
    from towline.drydock.storage.snapshot import restore_snapshot

    restored = restore_snapshot(file, data.expanduser() / "state.db")
    click.echo(f"{data}: {restored.objects} objects of revision {restored.revision}")


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
