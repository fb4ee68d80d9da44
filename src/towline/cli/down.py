"""`towline down`: stop a running `towline up`, and with --purge remove what it kept."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import click

from towline.app.folder import owner_pid
from towline.cli.options import data_option
from towline.errors import TowlineError


@click.command()
@click.option("--timeout", type=float, default=60, show_default=True, help="Seconds to wait.")
@click.option("--purge", is_flag=True, help="Also remove containers, networks and the data.")
@data_option
def command(data: Path, timeout: float, *, purge: bool) -> None:
    """Stop the instance: everything that it started ends with it."""
    folder = data.expanduser().absolute()
    pid = owner_pid(folder)
    if pid is not None:
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + timeout
        while owner_pid(folder) is not None:
            if time.monotonic() > deadline:
                raise TowlineError(f"process {pid} did not stop within {timeout:.0f} s")
            time.sleep(0.1)
        click.echo("stopped")
    elif not purge:
        click.echo("nothing runs there")
    if purge and folder.exists():
        from towline.app.purge import purge as remove

        remove(folder)
        click.echo(f"removed {folder}")
