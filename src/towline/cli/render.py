"""`towline render`: what the engine would make of an Application, without a cluster."""

from __future__ import annotations

from pathlib import Path

import click

from towline.cli.render_app import Request


@click.group()
def command() -> None:
    """Render applications without a cluster."""


@command.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--repo",
    "repos",
    multiple=True,
    metavar="URL=FOLDER",
    help="Take a repository's files from a folder as they are, changes included.",
)
@click.option("--revision", multiple=True, help="Another revision; once per source.")
@click.option("--kube-version", default="", help="Version of the destination cluster.")
@click.option("--api-versions", "-a", multiple=True, metavar="GROUP/VERSION[/KIND]")
@click.option("--age-key-file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--remote-bases", is_flag=True, help="Allow remote bases and files.")
@click.option(
    "--plugins",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of plugin.yaml files.",
)
@click.option("--fresh", is_flag=True, help="Render even if the result is known.")
@click.option("--explain", is_flag=True, help="Say on stderr what was read and who answered.")
@click.option("-o", "--output", type=click.Choice(["yaml", "json", "name"]), default="yaml")
def app(
    file: Path,
    repos: tuple[str, ...],
    revision: tuple[str, ...],
    kube_version: str,
    api_versions: tuple[str, ...],
    age_key_file: Path | None,
    output: str,
    *,
    remote_bases: bool,
    fresh: bool,
    plugins: Path | None,
    explain: bool,
) -> None:
    """Print the manifests of the Application in FILE.

    Git repositories and charts are read with the access that anybody has; results are remembered
    below the user's cache folder.
    """
    import asyncio

    from towline.cli.compiled_templates import kept_templates
    from towline.cli.render_app import render, show

    asked = Request(
        file=file,
        repos=repos,
        revisions=revision,
        kube_version=kube_version,
        api_versions=api_versions,
        age_key_file=age_key_file,
        remote_bases=remote_bases,
        fresh=fresh,
        plugins=plugins,
    )
    with kept_templates():
        rendered = asyncio.run(render(asked))
    show(rendered, output, explain=explain)
