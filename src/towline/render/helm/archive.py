"""Packed charts: a gzipped tar read in memory, with bounds on what it may unfold to.

Nothing is ever written: an entry is a name and its bytes. Entries that are not plain files, that
leave the chart's folder, or that come twice are refused.
"""

from __future__ import annotations

import io
import posixpath
import re
import tarfile
import zlib
from collections.abc import Iterator
from typing import Final

import msgspec

from towline.errors import LimitError
from towline.render.helm.chart import ChartFile
from towline.render.helm.errors import ChartError

_BOM: Final = b"\xef\xbb\xbf"
_DRIVE: Final = re.compile(r"[a-zA-Z]:/")
_GZIP: Final = b"\x1f\x8b\x08"
_CHUNK: Final = 256 * 1024
_RATIO_FROM: Final = 1024 * 1024


class ArchiveLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What a packed chart may unfold to.

    Attributes:
        packed_bytes: Largest archive.
        total_bytes: All of it, unpacked.
        file_bytes: One file, unpacked.
        entries: Number of entries.
        name_length: Longest path.
        ratio: Unpacked bytes for each packed one, past the first mebibyte.
    """

    packed_bytes: int = 32 * 1024 * 1024
    total_bytes: int = 100 * 1024 * 1024
    file_bytes: int = 5 * 1024 * 1024
    entries: int = 20_000
    name_length: int = 1024
    ratio: int = 200


DEFAULT_LIMITS: Final = ArchiveLimits()


def is_gzip(data: bytes) -> bool:
    """Whether the bytes begin as a gzip file does."""
    return data.startswith(_GZIP)


def read_archive(data: bytes, *, limits: ArchiveLimits = DEFAULT_LIMITS) -> list[ChartFile]:
    """The files of a packed chart, by their paths within the chart.

    Raises:
        ChartError: It is no gzipped tar, or an entry is not allowed.
        LimitError: It is larger than the limits allow.
    """
    if len(data) > limits.packed_bytes:
        raise LimitError(f"chart archive is larger than {limits.packed_bytes} bytes")
    if not is_gzip(data):
        raise ChartError("gzip: invalid header")
    try:
        with tarfile.open(fileobj=io.BytesIO(_unzip(data, limits)), mode="r:") as tar:
            files = list(_files(tar, limits))
    except tarfile.TarError as error:
        raise ChartError(f"archive/tar: invalid tar header: {error}") from error
    if not files:
        raise ChartError("no files in chart archive")
    return files


def _unzip(data: bytes, limits: ArchiveLimits) -> bytes:
    """All members of the gzip file, stopping as soon as a bound is passed."""
    out = bytearray()
    rest = data
    allowed = min(limits.total_bytes, max(_RATIO_FROM, limits.ratio * len(data)))
    try:
        while rest:
            inflate = zlib.decompressobj(wbits=31)
            pending = rest
            while not inflate.eof:
                chunk = inflate.decompress(pending, _CHUNK)
                pending = inflate.unconsumed_tail
                out += chunk
                if len(out) > allowed:
                    raise LimitError(
                        "decompressed chart is larger than the maximum file size "
                        f"{limits.total_bytes}"
                        if allowed == limits.total_bytes
                        else f"chart archive unpacks to more than {limits.ratio} times its size"
                    )
                if not chunk and not pending and not inflate.eof:
                    raise ChartError("unexpected EOF")
            rest = inflate.unused_data.lstrip(b"\0")
    except zlib.error as error:
        raise ChartError(f"gzip: {error}") from error
    return bytes(out)


def _files(tar: tarfile.TarFile, limits: ArchiveLimits) -> Iterator[ChartFile]:
    seen: set[str] = set()
    for count, member in enumerate(tar):
        if count >= limits.entries:
            raise LimitError(f"chart archive has more than {limits.entries} entries")
        if member.isdir():
            continue
        if not member.isreg():
            raise ChartError(f"chart illegally contains a link or special file: {member.name!r}")
        name = _clean_name(member.name, limits)
        if name in seen:
            raise ChartError(f"chart illegally contains the file {name!r} twice")
        seen.add(name)
        if member.size > limits.file_bytes:
            raise LimitError(
                f'decompressed chart file "{member.name}" is larger than the maximum file size '
                f"{limits.file_bytes}"
            )
        content = tar.extractfile(member)
        yield ChartFile(name, content.read().removeprefix(_BOM) if content else b"")


def _clean_name(name: str, limits: ArchiveLimits) -> str:
    """The path below the archive's top folder."""
    if len(name) > limits.name_length:
        raise LimitError(f"chart archive has a path longer than {limits.name_length}")
    delimiter = "\\" if "\\" in name else "/"
    parts = name.split(delimiter)
    inner = "/".join(parts[1:])
    if inner.startswith("/"):
        raise ChartError("chart illegally contains absolute paths")
    clean = posixpath.normpath(inner) if inner else "."
    if clean == ".":
        raise ChartError(f'chart illegally contains content outside the base directory: "{name}"')
    if clean.startswith("..") or "\0" in clean:
        raise ChartError("chart illegally references parent directory")
    if _DRIVE.match(clean):
        raise ChartError("chart contains illegally named files")
    if parts[0] == "Chart.yaml":
        raise ChartError("chart yaml not in base directory")
    return clean
