"""Charts and values from elsewhere, for the command line: repositories, registries, URLs."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from towline.cli.helm_files import LocalTree
from towline.errors import InputError, NotFoundError
from towline.oci.chart_repository import MOST_CHART_BYTES
from towline.oci.charts import ChartSource
from towline.oci.outbound import AddressPolicy, Credentials, OutboundClient, Tls, expect
from towline.render.helm.archive import read_archive
from towline.render.helm.chart import Chart, ChartFile
from towline.render.helm.directory import read_directory
from towline.render.helm.lock import LockedDependency, fetch_missing

T = TypeVar("T")

_LARGEST_VALUES = 10 * 1024 * 1024


def fetch_chart(reference: str, options: Mapping[str, Any]) -> bytes:
    """The archive of a chart that `reference` names.

    Args:
        reference: `oci://HOST/PATH`, a URL of an archive, or a name in `--repo`.
        options: The command's options.

    Raises:
        TowlineError: It cannot be had.
    """
    version = options["version"] or (">0.0.0-0" if options["devel"] else "")
    credentials = Credentials(options["username"], options["password"])

    async def fetch(client: OutboundClient) -> bytes:
        source = ChartSource(client, plain_http=options["plain_http"])
        if reference.startswith("oci://"):
            found = await source.fetch(reference, "", version, credentials=credentials)
            return found.data
        if options["repo"]:
            found = await source.fetch(
                options["repo"],
                reference,
                version,
                credentials=credentials,
                pass_credentials=options["pass_credentials"],
            )
            return found.data
        if re.match("https?://", reference):
            answer = await client.get(
                reference, most_bytes=MOST_CHART_BYTES, credentials=credentials
            )
            return expect(answer, reference)
        raise NotFoundError(
            f"{reference!r} is no folder or file here",
            hint="name a repository with --repo, or a chart as oci://HOST/PATH",
        )

    return _run(fetch, options)


def fetch_file(url: str) -> bytes:
    """A file with values.

    Raises:
        TowlineError: It cannot be had.
    """

    async def fetch(client: OutboundClient) -> bytes:
        return expect(await client.get(url, most_bytes=_LARGEST_VALUES), url)

    return _run(fetch, {})


def fetch_dependencies(
    chart: Chart, files: Sequence[ChartFile], folder: Path, options: Mapping[str, Any]
) -> list[ChartFile]:
    """Files for `charts/` that make a chart of a local folder complete.

    Raises:
        TowlineError: A dependency cannot be had.
    """

    def fetch(entry: LockedDependency) -> list[ChartFile]:
        if entry.repository.startswith("file://"):
            place = folder / entry.repository.removeprefix("file://")
            return read_directory(LocalTree(place), "")
        if not re.match("https?://|oci://", entry.repository):
            raise InputError(
                f"dependency {entry.name!r} has the repository {entry.repository!r}, "
                "which is no URL"
            )

        async def download(client: OutboundClient) -> bytes:
            source = ChartSource(client, plain_http=options["plain_http"])
            found = await source.fetch(entry.repository, entry.name, entry.version)
            return found.data

        return read_archive(_run(download, options))

    return fetch_missing(chart, files, fetch)


def _run(work: Callable[[OutboundClient], Awaitable[T]], options: Mapping[str, Any]) -> T:
    tls = Tls(
        ca_file=options.get("ca_file", ""),
        cert_file=options.get("cert_file", ""),
        key_file=options.get("key_file", ""),
        verify=not options.get("insecure_skip_tls_verify"),
    )

    async def run() -> T:
        # Whoever runs the command may reach what this machine reaches.
        async with OutboundClient(AddressPolicy(everywhere=True), tls=tls) as client:
            return await work(client)

    return asyncio.run(run())
