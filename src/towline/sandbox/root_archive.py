"""Packs files of installed packages into a root file system archive."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path

_MERGED = ("bin", "sbin", "lib", "lib64", "lib32", "libx32")
_DROPPED = ("usr/share/doc/", "usr/share/man/", "usr/share/locale/", "usr/share/info/")
_FOLDERS = ("dev", "proc", "sys", "run", "tmp", "var/tmp", "root", "home", "mnt", "etc", "usr")
_ALTERNATIVES = Path("/etc/alternatives")


def write(
    target: Path,
    paths: Iterable[str],
    *,
    texts: Mapping[str, str],
    links: Mapping[str, str],
    without: Iterable[str] = (),
) -> int:
    """Writes the archive and returns the number of its entries.

    Args:
        target: The tar file.
        paths: Absolute paths of this machine to take over, with owner and mode.
        texts: Further files by path inside the root.
        links: Further symbolic links by path inside the root.
        without: Names of files to leave out wherever they are.
    """
    skipped = set(without)
    entries = {
        inside: f"/{inside}"  # the real place: on a merged /usr the listed one may be a link
        for source in paths
        if (inside := _inside(source)) and Path(inside).name not in skipped
    }
    entries |= _compiled(entries)
    extra_links = {**_merged_links(), **_alternatives(entries), **links}
    for name in {*texts, *extra_links}:
        entries.pop(name, None)
    folders = {name for name, source in entries.items() if _is_folder(source)}
    with tarfile.open(target, "w", format=tarfile.GNU_FORMAT) as archive:
        for name in sorted(folders | _folders(entries, texts, extra_links)):
            _add_folder(archive, name, entries.get(name, ""))
        for name, link in sorted(extra_links.items()):
            archive.addfile(_link(name, link))
        for name, text in sorted(texts.items()):
            _add_text(archive, name, text)
        for name in sorted(entries.keys() - folders):
            _add_file(archive, name, entries[name])
        return len(archive.getmembers())


def _inside(source: str) -> str:
    """Path in the archive with the merged /usr folders, empty for what is left out."""
    name = source.strip("/")
    if name.partition("/")[0] in _MERGED:
        name = f"usr/{name}"
    if name.startswith(_DROPPED) or name in _MERGED or name == ".":
        return ""
    return name


def _compiled(entries: Mapping[str, str]) -> dict[str, str]:
    """Byte code that belongs to Python files; without it every container compiles anew."""
    found: dict[str, str] = {}
    folders = {path.rpartition("/")[0] for path in entries.values() if path.endswith(".py")}
    for folder in folders:
        cache = Path(folder) / "__pycache__"
        if cache.is_dir():
            for file in cache.glob("*.pyc"):
                source = f"{folder}/{file.name.partition('.')[0]}.py"
                if _inside(source) in entries:
                    found[_inside(str(file))] = str(file)
    return found


def _merged_links() -> dict[str, str]:
    return {name: f"usr/{name}" for name in _MERGED if Path(f"/usr/{name}").is_dir()}


def _alternatives(entries: Mapping[str, str]) -> dict[str, str]:
    """Links such as awk -> /etc/alternatives/awk -> /usr/bin/mawk whose end is in the archive."""
    links: dict[str, str] = {}
    admin = Path("/var/lib/dpkg/alternatives")
    for record in admin.iterdir() if admin.is_dir() else ():
        alternative = _ALTERNATIVES / record.name
        if not alternative.is_symlink():
            continue
        end = alternative.readlink()
        lines = record.read_text(errors="replace").splitlines()
        if len(lines) > 1 and _inside(str(end)) in entries:
            links[str(alternative).lstrip("/")] = str(end)
            links[_inside(lines[1])] = str(alternative)
    return links


def _is_folder(path: str) -> bool:
    return Path(path).is_dir() and not Path(path).is_symlink()


def _folders(*names: Iterable[str]) -> set[str]:
    """Every folder that the entries need and that is not an entry itself."""
    known = set().union(*names)
    wanted: set[str] = set(_FOLDERS)
    for name in known:
        parts = name.split("/")[:-1]
        wanted |= {"/".join(parts[:depth]) for depth in range(1, len(parts) + 1)}
    return wanted - known


def _add_folder(archive: tarfile.TarFile, name: str, source: str) -> None:
    info = tarfile.TarInfo(name)
    info.type = tarfile.DIRTYPE
    info.mode = {"tmp": 0o1777, "var/tmp": 0o1777, "root": 0o700}.get(name, 0o755)
    if source and name not in _FOLDERS:
        there = Path(source).stat()
        info.mode, info.uid, info.gid = there.st_mode & 0o7777, there.st_uid, there.st_gid
    archive.addfile(info)


def _link(name: str, target: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = tarfile.SYMTYPE
    info.linkname = target
    info.mode = 0o777
    return info


def _add_text(archive: tarfile.TarFile, name: str, text: str) -> None:
    data = text.encode()
    info = tarfile.TarInfo(name)
    info.size = len(data)
    info.mode = 0o644
    archive.addfile(info, io.BytesIO(data))


def _add_file(archive: tarfile.TarFile, name: str, source: str) -> None:
    try:
        info = archive.gettarinfo(source, arcname=name)
    except FileNotFoundError:
        return  # the machine's owner removed it
    info.uname = info.gname = ""
    if info.isreg():
        with Path(source).open("rb") as file:
            archive.addfile(info, file)
    elif info.islnk():
        info.type = tarfile.REGTYPE
        info.size = Path(source).stat().st_size
        with Path(source).open("rb") as file:
            archive.addfile(info, file)
    elif info.issym():
        archive.addfile(info)
