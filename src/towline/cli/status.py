"""`towline status`: what runs, and where."""

from __future__ import annotations

import http.client
from pathlib import Path
from urllib.parse import urlsplit

import click

from towline.cli.client import read_endpoints
from towline.cli.options import data_option
from towline.errors import TransientError


@click.command()
@data_option
def command(data: Path) -> None:
    """Show the addresses of the running instance and whether it is ready."""
    endpoints = read_endpoints(data)
    for name in ("ui", "api", "hooks", "forge", "registry", "kubeconfig"):
        if endpoints.get(name):
            click.echo(f"{name:<11}{endpoints[name]}")
    url = urlsplit(str(endpoints["ui"]))
    connection = http.client.HTTPConnection(url.hostname or "127.0.0.1", url.port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace")
    except OSError as error:
        raise TransientError(f"it does not answer: {error}", hint="start it: towline up") from error
    finally:
        connection.close()
    if answer.status != 200:
        raise TransientError(f"it is not ready: {text}")
    click.echo("ready")
