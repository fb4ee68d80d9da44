"""`towline demo`: the demonstration, as `make demo` plays it."""

from __future__ import annotations

import sys

import click


@click.command(
    context_settings={"ignore_unknown_options": True, "help_option_names": []},
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(arguments: tuple[str, ...]) -> None:
    """Play the whole story on this machine."""
    from towline.demo.__main__ import main

    sys.argv = ["towline demo", *arguments]
    sys.exit(main())
