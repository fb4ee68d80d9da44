"""Reads the package database of a Debian machine: closures of packages and their files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from towline.errors import NotFoundError

ADMIN = Path("/var/lib/dpkg")
_FIELD = re.compile(r"^([A-Za-z-]+):[ \t]*(.*)$")
_NAME = re.compile(r"\s*([a-z0-9][a-z0-9.+-]*)")


class Package(msgspec.Struct, frozen=True, kw_only=True):
    """An installed package.

    Attributes:
        needs: Dependencies, each a tuple of alternatives.
        stanza: Its paragraph of the status file.
    """

    name: str
    version: str
    architecture: str
    essential: bool
    provides: tuple[str, ...]
    needs: tuple[tuple[str, ...], ...]
    stanza: str


def installed(admin: Path = ADMIN) -> dict[str, Package]:
    """Installed packages by name.

    Raises:
        NotFoundError: This is not a Debian machine.
    """
    try:
        text = (admin / "status").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError as error:
        raise NotFoundError(
            "this machine has no Debian package database",
            hint="stand-in base images need a Debian or Ubuntu host",
        ) from error
    packages = (_package(stanza) for stanza in text.split("\n\n") if "ok installed" in stanza)
    return {package.name: package for package in packages}


def closure(wanted: Iterable[str], packages: Mapping[str, Package]) -> list[Package]:
    """The essential packages and the wanted ones with all that they depend on, by name.

    Raises:
        NotFoundError: A wanted package is not installed.
    """
    providers: dict[str, str] = {}
    for package in packages.values():
        for name in package.provides:
            providers.setdefault(name, package.name)
    found: dict[str, Package] = {}
    pending = list(wanted)
    if missing := sorted(name for name in pending if name not in packages):
        raise NotFoundError(
            f"packages are not installed: {', '.join(missing)}",
            hint=f"apt-get install {' '.join(missing)}",
        )
    pending += [package.name for package in packages.values() if package.essential]
    while pending:
        name = pending.pop()
        if name in found:
            continue
        found[name] = packages[name]
        for alternatives in packages[name].needs:
            pending += _choose(alternatives, packages, providers)
    return [found[name] for name in sorted(found)]


def files(package: Package, admin: Path = ADMIN) -> list[str]:
    """Absolute paths of the package's files and directories."""
    for name in (package.name, f"{package.name}:{package.architecture}"):
        listing = admin / "info" / f"{name}.list"
        if listing.exists():
            lines = listing.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
            return [line for line in lines if line.startswith("/") and line != "/."]
    return []


def _choose(
    alternatives: tuple[str, ...], packages: Mapping[str, Package], providers: Mapping[str, str]
) -> list[str]:
    for name in alternatives:
        if name in packages:
            return [name]
    for name in alternatives:
        if name in providers:
            return [providers[name]]
    return []


def _package(stanza: str) -> Package:
    fields: dict[str, str] = {}
    last = ""
    for line in stanza.splitlines():
        if line[:1] in {" ", "\t"}:
            fields[last] = fields.get(last, "") + line
        elif match := _FIELD.match(line):
            last = match[1]
            fields[last] = match[2]
    needs = [*_relations(fields.get("Pre-Depends", "")), *_relations(fields.get("Depends", ""))]
    return Package(
        name=fields.get("Package", ""),
        version=fields.get("Version", ""),
        architecture=fields.get("Architecture", ""),
        essential=fields.get("Essential") == "yes",
        provides=tuple(names[0] for names in _relations(fields.get("Provides", ""))),
        needs=tuple(needs),
        stanza=stanza.strip("\n"),
    )


def _relations(text: str) -> list[tuple[str, ...]]:
    result: list[tuple[str, ...]] = []
    for clause in text.split(","):
        names = [match[1] for word in clause.split("|") if (match := _NAME.match(word))]
        if names:
            result.append(tuple(names))
    return result
