"""Kernel side of the network: bridge, routes and network namespaces, by iproute2."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from towline.errors import CommandError

NAMESPACES = Path("/run/netns")
_TIMEOUT = 20.0


async def ip_batch(lines: list[str], *, namespace: str = "") -> None:
    """Runs several `ip` commands in one process, stopping at the first that fails.

    Args:
        lines: Commands without the leading `ip`.
        namespace: Network namespace to run in, or an empty string for the host's.

    Raises:
        CommandError: With what `ip` said.
    """
    inside = ["-n", namespace] if namespace else []
    await _run(["ip", *inside, "-batch", "-"], "\n".join(lines) + "\n")


@contextlib.contextmanager
def memory_file(content: bytes) -> Iterator[int]:
    """A file descriptor at the beginning of a file in memory; closed afterwards."""
    descriptor = os.memfd_create("input", os.MFD_CLOEXEC)
    try:
        with open(descriptor, "wb", closefd=False) as stream:
            stream.write(content)
        os.lseek(descriptor, 0, os.SEEK_SET)
        yield descriptor
    finally:
        os.close(descriptor)


async def _run(argv: list[str], text: str = "") -> str:
    # A file as input: a program that ends before it has read everything breaks no pipe.
    with memory_file(text.encode()) as given:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=given,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
    try:
        async with asyncio.timeout(_TIMEOUT):
            output, _ = await process.communicate()
    except TimeoutError as error:
        process.kill()
        await process.wait()
        raise CommandError(f"{argv[0]} did not end in {_TIMEOUT:.0f} s", exit_code=-9) from error
    said = output.decode(errors="replace")
    if process.returncode:
        raise CommandError(
            f"{' '.join(argv)} failed: {said.strip()[-500:]}",
            exit_code=process.returncode or 1,
            output=said[-2000:],
        )
    return said


async def make_bridge(bridge: str, address: str, service_cidr: str) -> None:
    """Creates the bridge with its address and the route that makes the host answer for services.

    Does nothing that is done already.

    Raises:
        CommandError: When the kernel refuses.
    """
    if not Path(f"/sys/class/net/{bridge}").exists():
        await ip_batch([f"link add {bridge} type bridge"])
    await ip_batch(
        [
            f"addr replace {address} dev {bridge}",
            f"link set {bridge} up",
            f"route replace local {service_cidr} dev lo",
        ]
    )


async def remove_bridge(bridge: str, service_cidr: str) -> None:
    """Removes bridge and route, if they are there.

    Raises:
        CommandError: When the kernel refuses.
    """
    if Path(f"/sys/class/net/{bridge}").exists():
        await ip_batch([f"link del {bridge}"])
    routes = await _run(["ip", "route", "show", "table", "local", "root", service_cidr])
    if routes.strip():
        await ip_batch([f"route del local {service_cidr} dev lo"])


async def make_namespace(
    name: str, *, link: str, bridge: str, address: str, prefix: int, gateway: str
) -> None:
    """Creates a network namespace with one interface `eth0` on the bridge.

    A half-made one is removed again when the kernel refuses.

    Raises:
        CommandError: When the kernel refuses.
    """
    try:
        await ip_batch(
            [
                f"netns add {name}",
                f"link add {link} type veth peer name eth0 netns {name}",
                f"link set {link} master {bridge} up",
            ]
        )
        await ip_batch(
            [
                f"addr add {address}/{prefix} dev eth0",
                "link set eth0 up",
                "link set lo up",
                f"route add default via {gateway}",
            ],
            namespace=name,
        )
    except BaseException:
        await remove_namespace(name, link)
        raise


async def remove_namespace(name: str, link: str) -> None:
    """Removes a network namespace and its interface, if they are there.

    Raises:
        CommandError: When the kernel refuses.
    """
    lines = []
    if Path(f"/sys/class/net/{link}").exists():
        lines.append(f"link del {link}")
    if (NAMESPACES / name).exists():
        lines.append(f"netns del {name}")
    if lines:
        await ip_batch(lines)


def namespaces(prefix: str) -> list[str]:
    """Names of the network namespaces that begin so."""
    if not NAMESPACES.is_dir():
        return []
    return sorted(entry.name for entry in NAMESPACES.iterdir() if entry.name.startswith(prefix))
