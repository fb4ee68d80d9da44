"""`towline image`: base images for offline use."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import click

from towline.cli.options import data_option
from towline.settings import load_settings


@click.group()
def command() -> None:
    """Base images for offline use."""


@command.command()
@click.argument("name")
@data_option
def seed(name: str, data: Path) -> None:
    """Make a stand-in for base image NAME (python:*) from this machine's packages.

    A running instance does this by itself when a registry does not answer.
    """
    from towline.app.images import seed_image

    click.echo(asyncio.run(seed_image(load_settings({"data": str(data)}, os.environ), name)))
