"""`towline controller`: the GitOps engine alone, as Argo CD's controllers would run."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option(
    "--kubeconfig",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help="Cluster to work on.",
)
@click.option("--namespace", default="argocd", show_default=True, help="Control namespace.")
@click.option(
    "--cache",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".towline-controller"),
    show_default=True,
    help="Folder of git mirrors and charts; safe to delete.",
)
@click.option("--listen", default="", metavar="HOST:PORT", help="Serve health and metrics there.")
@click.option(
    "--unsigned-hooks",
    is_flag=True,
    help="Take pushes at /api/webhook that nobody signed, as hints to look.",
)
def command(
    kubeconfig: Path, namespace: str, cache: Path, listen: str, *, unsigned_hooks: bool
) -> None:
    """Reconcile the Applications of a cluster until Ctrl-C; no CI, no pages."""
    import uvloop

    from towline.app.controller import ControllerOptions, run_controller

    options = ControllerOptions(
        kubeconfig=kubeconfig,
        namespace=namespace,
        cache=cache.expanduser().absolute(),
        listen=listen,
        unsigned_hooks=unsigned_hooks,
    )
    uvloop.run(run_controller(options))
