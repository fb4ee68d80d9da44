"""`towline controller`: the GitOps engine alone, as Argo CD's controllers would run."""

from __future__ import annotations

import asyncio
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
    help="Folder of git mirrors; safe to delete.",
)
def command(kubeconfig: Path, namespace: str, cache: Path) -> None:
    """Reconcile the Applications of a cluster until Ctrl-C; no CI, no web."""
    from towline.app.controller import run_controller

    asyncio.run(run_controller(kubeconfig, namespace, cache.expanduser().absolute()))
