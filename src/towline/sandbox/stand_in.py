"""Base images made from this machine's own packages, for places without a public registry.

A stand-in carries the machine's Python, not the one that its name promises; it is labelled and
said so.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import tempfile
from pathlib import Path

import msgspec

from towline.errors import NotFoundError
from towline.sandbox import dpkg, root_archive
from towline.sandbox.build_request import BuildRequest
from towline.sandbox.buildah import Builder, Say
from towline.sandbox.docker_arguments import BuildArguments

LABEL = "dev.towline.stand-in"
_WANTED = ("python3", "python3-pip", "ca-certificates")
_PYTHON = re.compile(r"docker\.io/library/python(:[\w.-]+)?$")


class StandIn(msgspec.Struct, frozen=True, kw_only=True):
    """A stand-in image that was made.

    Attributes:
        image: The name that it stands for.
        python: The Python version that it really has.
        cached: Whether it was there already.
    """

    image: str
    python: str
    cached: bool


def possible(canonical: str) -> bool:
    """Whether a stand-in can be made for the image (a canonical name)."""
    return _PYTHON.match(canonical) is not None


async def seed(builder: Builder, canonical: str, say: Say) -> StandIn:
    """Makes the stand-in, or reuses one of the same packages, and gives it the image's name.

    Args:
        builder: Where the image is kept.
        canonical: Full name such as `docker.io/library/python:3.11-slim`.
        say: Takes progress.

    Raises:
        NotFoundError: There is no stand-in of that kind, or packages are missing.
        CommandError: The image could not be built.
    """
    if not possible(canonical):
        raise NotFoundError(
            f"no stand-in can be made for {canonical}", hint="stand-ins exist for python:*"
        )
    packages = await asyncio.to_thread(lambda: dpkg.closure(_WANTED, dpkg.installed()))
    version = _python_version(packages)
    name = f"localhost/towline/stand-in-python:{_digest(packages)}"
    cached = await builder.image_id(name) is not None
    if not cached:
        await _build(builder, name, packages, version, say)
    await builder.tag(name, canonical)
    return StandIn(image=canonical, python=version, cached=cached)


async def _build(
    builder: Builder, name: str, packages: list[dpkg.Package], version: str, say: Say
) -> None:
    say(f"making a base image from {len(packages)} packages of this machine\n".encode())
    with tempfile.TemporaryDirectory(dir=builder.scratch, prefix="seed-") as folder:
        context = Path(folder)
        await asyncio.to_thread(_pack, context / "root.tar", packages, version)
        (context / "Dockerfile").write_text(_dockerfile(version))
        request = BuildRequest(
            image=name,
            arguments=BuildArguments(context="."),
            directory=context,
            workspace=context,
        )
        await builder.build(request, say)


def _pack(target: Path, packages: list[dpkg.Package], version: str) -> None:
    series = ".".join(version.split(".")[:2])
    paths = [path for package in packages for path in dpkg.files(package)]
    generated = ("/etc/ssl/certs/ca-certificates.crt", "/etc/ld.so.cache")
    paths += [path for path in generated if Path(path).exists()]
    texts = {
        "etc/passwd": _master("passwd", "root:x:0:0:root:/root:/bin/bash\n"),
        "etc/group": _master("group", "root:x:0:\n"),
        "etc/pip.conf": "",
        "var/lib/dpkg/status": "\n\n".join(package.stanza for package in packages) + "\n",
    }
    links = {
        "usr/local/bin/python": f"/usr/bin/python{series}",
        "usr/local/bin/python3": f"/usr/bin/python{series}",
        f"usr/local/bin/python{series}": f"/usr/bin/python{series}",
        "usr/local/bin/pip": "/usr/bin/pip3",
        "usr/local/bin/pip3": "/usr/bin/pip3",
        "usr/bin/python": f"python{series}",
    }
    root_archive.write(target, paths, texts=texts, links=links, without=("EXTERNALLY-MANAGED",))


def _master(name: str, otherwise: str) -> str:
    master = Path(f"/usr/share/base-passwd/{name}.master")
    if not master.exists():
        return otherwise
    return master.read_text().replace(":*:", ":x:")


def _dockerfile(version: str) -> str:
    return (
        "FROM scratch\n"
        "ADD root.tar /\n"
        f'LABEL {LABEL}="true" dev.towline.python="{version}"\n'
        "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        f" LANG=C.UTF-8 PYTHON_VERSION={version}\n"
        'CMD ["python3"]\n'
    )


def _python_version(packages: list[dpkg.Package]) -> str:
    for package in packages:
        if re.fullmatch(r"python3\.\d+-minimal", package.name):
            return package.version.partition("-")[0]
    raise NotFoundError("the package python3-minimal is not installed")


def _digest(packages: list[dpkg.Package]) -> str:
    lines = "".join(f"{package.name}={package.version}\n" for package in packages)
    return hashlib.sha256(lines.encode()).hexdigest()[:20]
