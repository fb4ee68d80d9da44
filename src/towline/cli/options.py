"""Options that several commands share."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def data_option(function: F) -> F:
    """`--data DIR`: the data folder of the instance."""
    default = os.environ.get("TOWLINE_DATA", ".towline")
    return click.option(
        "--data",
        type=click.Path(file_okay=False, path_type=Path),
        default=Path(default),
        show_default=True,
        help="Data folder of the instance.",
    )(function)


def output_option(function: F) -> F:
    """`-o table|json|yaml|name`."""
    return click.option(
        "-o",
        "--output",
        type=click.Choice(["table", "json", "yaml", "name"]),
        default="table",
        show_default=True,
    )(function)


def show(
    items: Sequence[dict[str, Any]],
    columns: Sequence[tuple[str, Callable[[dict[str, Any]], Any]]],
    output: str,
) -> None:
    """Prints a list in the wanted form; the first column is the name."""
    if output == "json":
        click.echo(json.dumps(list(items), indent=2))
        return
    if output == "yaml":
        from towline.text.yaml import dump

        click.echo(dump(list(items)), nl=False)
        return
    rows = [[str(value(item) or "") for _, value in columns] for item in items]
    if output == "name":
        for row in rows:
            click.echo(row[0])
        return
    titles = [title for title, _ in columns]
    widths = [max(len(row[index]) for row in [titles, *rows]) for index in range(len(titles))]
    for row in [titles, *rows]:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo(line.rstrip())
