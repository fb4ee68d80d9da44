"""`towline kustomize build`: takes the arguments of kustomize and prints what it prints."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from towline.errors import DeniedError, InputError, TowlineError

if TYPE_CHECKING:
    from towline.render.kustomize.build import Built

_ORDERS = {"unspecified": "legacy", "legacy": "legacy", "none": "fifo"}
_RESTRICTIONS = ("LoadRestrictionsRootOnly", "LoadRestrictionsNone")


@click.group("kustomize")
def command() -> None:
    """Kustomize in process."""


@command.command("build")
@click.argument("folder", default=".", metavar="DIR")
@click.option("-o", "--output", default="", help="Write to this file, or one file each into it.")
@click.option(
    "--load-restrictor",
    default=_RESTRICTIONS[0],
    help="LoadRestrictionsNone: files may be loaded from outside the kustomization's folder.",
)
@click.option("--reorder", default="unspecified", hidden=True)
@click.option("--enable-managedby-label", is_flag=True, hidden=True)
@click.option("--enable-helm", is_flag=True, help="Inflate charts.")
@click.option("--helm-command", default="helm", help="Accepted; charts are rendered in process.")
@click.option("--helm-api-versions", multiple=True, help="Capabilities of charts.")
@click.option("--helm-kube-version", default="", help="Capabilities of charts.")
@click.option("--helm-debug", is_flag=True, help="Accepted.")
@click.option("--enable-alpha-plugins", is_flag=True, help="Accepted; programs are never run.")
@click.option("--enable-exec", is_flag=True, help="Accepted; programs are never run.")
@click.option("--network", is_flag=True, help="Accepted; programs are never run.")
@click.option("--network-name", default="bridge", help="Accepted; programs are never run.")
@click.option("--mount", multiple=True, help="Accepted; programs are never run.")
@click.option("-e", "--env", multiple=True, help="Accepted; programs are never run.")
@click.option("--as-current-user", is_flag=True, help="Accepted; programs are never run.")
@click.option("--stack-trace", is_flag=True, hidden=True)
def build(folder: str, output: str, **flags: Any) -> None:
    """Builds the kustomization in DIR and prints its manifests."""
    try:
        built = _built(folder, flags)
        for warning in built.warnings:
            click.echo(warning, err=True)
        if not output:
            sys.stdout.write(built.text)
        elif Path(output).is_dir():
            _write_each(Path(output), built.objects)
        else:
            Path(output).write_text(built.text, encoding="utf-8")
    except TowlineError as error:
        click.echo(f"Error: {error.message}", err=True)
        for what in ("file", "field", "hint"):
            if text := getattr(error, what, ""):
                click.echo(f"{what}: {text}", err=True)
        sys.exit(1)


def _built(folder: str, flags: dict[str, Any]) -> Built:
    from towline.cli.kustomize_files import DiskFiles, tree_path
    from towline.render.kustomize.build import BuildOptions, Kustomizer
    from towline.render.kustomize.repositories import remote_base

    restriction = flags["load_restrictor"]
    if restriction not in {*_RESTRICTIONS, "none", ""}:
        legal = " ".join(_RESTRICTIONS)
        raise InputError(
            f"illegal flag value --load-restrictor {restriction}; legal values: [{legal}]"
        )
    if flags["reorder"] not in _ORDERS:
        raise InputError(
            f"illegal flag value --reorder {flags['reorder']}; legal values: [legacy none]"
        )
    if remote_base(folder) is not None:
        raise DeniedError(
            f"remote base '{folder}' is not allowed", hint="clone it, and build the folder"
        )
    managed = os.environ.get("KUSTOMIZE_ENABLE_MANAGEDBY_LABEL") == "on"
    options = BuildOptions(
        restricted=restriction in {_RESTRICTIONS[0], ""},
        managed_by=flags["enable_managedby_label"] or managed,
        order=_ORDERS[flags["reorder"]],
    )
    charts = None
    if flags["enable_helm"]:
        from towline.cli.kustomize_charts import LocalCharts

        charts = LocalCharts(flags["helm_kube_version"], flags["helm_api_versions"])
    return Kustomizer(charts=charts).build(DiskFiles(), tree_path(folder), options)


def _write_each(folder: Path, objects: list[dict[str, Any]]) -> None:
    from towline.render.kustomize.file_names import file_names
    from towline.text.goyaml import dump

    for name, each in zip(file_names(objects), objects, strict=True):
        (folder / name).write_text(dump(each), encoding="utf-8")
