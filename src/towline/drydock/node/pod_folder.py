"""A pod's files on the node: volumes, logs, hosts, last words."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from towline.drydock.cluster import Obj
from towline.drydock.node.container_spec import Mount
from towline.drydock.node.environment import ConfigError, expand
from towline.drydock.node.volumes import FileContent, Files

_DATA = "..data"
_MESSAGE_BYTES = 4096


class PodFolder:
    """The folder of one pod.

    Args:
        pods: Folder of all pods.
        uid: The pod.
    """

    def __init__(self, pods: Path, uid: str) -> None:
        self.root = pods / uid

    def make(self) -> None:
        """Creates it."""
        self.root.mkdir(parents=True, exist_ok=True, mode=0o750)

    def remove(self) -> None:
        """Deletes it with everything in it."""
        shutil.rmtree(self.root, ignore_errors=True)

    def log(self, container: str, attempt: int) -> Path:
        """File of a container's output."""
        return self.root / "logs" / container / f"{attempt}.log"

    def volume(self, name: str) -> Path:
        """Folder of a volume."""
        return self.root / "volumes" / name

    def words(self, container: str, attempt: int) -> Path:
        """File in which a container leaves its termination message."""
        return self.root / "words" / f"{container}.{attempt}"

    def write(self, name: str, text: str) -> Path:
        """Writes a file that the pod sees, in place, because it may be mounted already."""
        file = self.root / name
        if not file.exists() or file.read_text() != text:
            file.write_text(text)
        file.chmod(0o644)
        return file

    def last_words(self, container: str, attempt: int, *, fallback: bool) -> str:
        """The termination message: the file's content, or the end of the log."""
        file = self.words(container, attempt)
        text = _tail(file, _MESSAGE_BYTES)
        if not text and fallback:
            lines = _tail(self.log(container, attempt), 2048).splitlines()[-80:]
            text = "\n".join(line.split(" ", 3)[-1] for line in lines if line.count(" ") >= 3)
        return text

    def prepare(self, container: str, attempt: int) -> None:
        """Creates what a container's start needs."""
        self.log(container, attempt).parent.mkdir(parents=True, exist_ok=True)
        words = self.words(container, attempt)
        words.parent.mkdir(parents=True, exist_ok=True)
        words.touch()
        words.chmod(0o666)

    def drop_attempt(self, container: str, attempt: int) -> None:
        """Deletes the output of an attempt that nobody can ask for any more."""
        self.log(container, attempt).unlink(missing_ok=True)
        self.words(container, attempt).unlink(missing_ok=True)


def _tail(file: Path, size: int) -> str:
    if not file.is_file():
        return ""
    with file.open("rb") as stream:
        stream.seek(0, os.SEEK_END)
        stream.seek(max(0, stream.tell() - size))
        return stream.read(size).decode(errors="replace")


def write_files(folder: Path, files: Files, group: int | None) -> None:
    """Writes a volume's files so that readers see all of them change at once.

    The files are in a hidden folder to which the link `..data` points; names in the volume are
    links through it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    link = folder / _DATA
    old = folder / link.readlink() if link.is_symlink() else None
    if old is not None and _same(old, files):
        return
    number = int(old.name.rpartition(".")[2]) + 1 if old is not None else 0
    fresh = folder / f"..version.{number}"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o755)
    for path, content in files.items():
        _write(fresh / path, content, group)
    part = folder / "..part"
    part.unlink(missing_ok=True)
    part.symlink_to(fresh.name)
    part.replace(link)
    _link_names(folder, {path.partition("/")[0] for path in files})
    if old is not None:
        shutil.rmtree(old, ignore_errors=True)


def _write(file: Path, content: FileContent, group: int | None) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    mode = content.mode
    descriptor = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content.data)
    if group is not None:
        os.chown(file, -1, group)
        mode |= (mode & 0o400) >> 3
    file.chmod(mode)


def _link_names(folder: Path, names: set[str]) -> None:
    for entry in folder.iterdir():
        if entry.is_symlink() and entry.name != _DATA and entry.name not in names:
            entry.unlink()
    for name in names:
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"{_DATA}/{name}")


def _same(folder: Path, files: Files) -> bool:
    present = {str(file.relative_to(folder)): file for file in folder.rglob("*") if file.is_file()}
    return present.keys() == files.keys() and all(
        present[path].read_bytes() == content.data for path, content in files.items()
    )


def make_empty_dir(folder: Path, group: int | None) -> None:
    """Creates the folder of an emptyDir volume: writable by any user of the pod."""
    if folder.is_dir():
        return
    folder.mkdir(parents=True)
    if group is not None:
        os.chown(folder, -1, group)
        folder.chmod(0o2777)
    else:
        folder.chmod(0o777)


def host_path(volume: Obj, root: Path | None) -> Path:
    """The folder of a hostPath volume, which must be below the allowed one.

    Raises:
        ConfigError: When it is not allowed or is not what its type says.
    """
    name, source = volume["name"], volume["hostPath"]
    prefix = f'MountVolume.SetUp failed for volume "{name}" : hostPath'
    if root is None:
        raise ConfigError(f"{prefix} volumes are not allowed on this node")
    wanted = Path(source.get("path") or "/").resolve()
    if not wanted.is_relative_to(root.resolve()):
        raise ConfigError(f"{prefix} {source.get('path')} is outside of {root}")
    kind = source.get("type") or ""
    if kind == "DirectoryOrCreate":
        wanted.mkdir(parents=True, exist_ok=True, mode=0o755)
    elif kind == "FileOrCreate":
        wanted.touch()
    if (kind.startswith("Directory") and not wanted.is_dir()) or (
        kind.startswith("File") and not wanted.is_file()
    ):
        raise ConfigError(f"{prefix} type check failed: {wanted} is not a {kind}")
    if not wanted.exists():
        raise ConfigError(f"{prefix} {wanted} does not exist")
    return wanted


def volume_mounts(
    container: Obj, folders: dict[str, Path], read_only: set[str], environment: dict[str, str]
) -> list[Mount]:
    """The mounts of a container's volumeMounts.

    Args:
        container: The container's spec.
        folders: Volume name to its folder or file on the host.
        read_only: Volumes that cannot be written to.
        environment: For subPathExpr.

    Raises:
        ConfigError: When a volume is unknown or a subPath leaves it.
    """
    mounts = []
    for entry in container.get("volumeMounts") or []:
        name = entry["name"]
        if name not in folders:
            raise ConfigError(f'volume "{name}" of container {container["name"]} does not exist')
        sub = entry.get("subPath") or expand(entry.get("subPathExpr") or "", environment)
        source = _below(folders[name], sub, create=name not in read_only)
        locked = bool(entry.get("readOnly")) or name in read_only
        mounts.append(Mount(source, entry["mountPath"], locked))
    return mounts


def _below(volume: Path, sub: str, *, create: bool) -> Path:
    if not sub:
        return volume
    wanted = (volume / sub).resolve()
    if (
        sub.startswith("/")
        or ".." in Path(sub).parts
        or not wanted.is_relative_to(volume.resolve())
    ):
        raise ConfigError(f"subPath {sub!r} leaves its volume")
    if not wanted.exists():
        if not create:
            raise ConfigError(f"subPath {sub!r} does not exist")
        wanted.mkdir(parents=True)
    return wanted
