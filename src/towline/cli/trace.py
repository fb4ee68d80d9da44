"""`towline trace`: follow a commit to its pods."""

from __future__ import annotations

import json
from pathlib import Path

import click

from towline.cli.client import Client
from towline.cli.options import data_option


@click.command()
@click.argument("commit")
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table")
@data_option
def command(commit: str, output: str, data: Path) -> None:
    """Show where a commit is: each stage with its time."""
    found = Client(data).get(f"/deliveries/{commit}")
    if output == "json":
        click.echo(json.dumps(found, indent=2))
        return
    click.echo(
        f"{found['commit']}  {found['status']}  {found['run']['job']} #{found['build_number']}"
    )
    if found["image"]:
        click.echo(f"image     {found['image']['reference']}  {found['image']['digest']}")
    if found["manifest_commit"]:
        click.echo(f"manifest  {found['manifest_commit']}  {found['application']}")
    for stage in found["stages"]:
        click.echo(
            f"  {stage['name']:<9} {stage['seconds']:8.2f} s  {stage['at']}  {stage['detail']}"
        )
    if found["failure"]:
        click.echo(f"failed: {found['failure']}")
