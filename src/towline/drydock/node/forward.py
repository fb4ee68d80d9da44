"""Connections to a pod's ports, made inside its network namespace."""

from __future__ import annotations

import asyncio
import ctypes
import os
import socket
import threading
from pathlib import Path

_CLONE_NEWNET = 0x40000000
_LOCAL = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))
_PATIENCE = 10.0
_libc = ctypes.CDLL(None, use_errno=True)


async def connect_within(
    namespace: Path, address: str, port: int
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connects to a port as the pod's own containers would: by localhost, then by its address.

    Args:
        namespace: File of the network namespace.
        address: The pod's address, for servers that listen only there.
        port: TCP port.

    Raises:
        OSError: Nothing listens there, or the namespace is gone.
    """
    refused = OSError("connection refused")
    for family, host in (*_LOCAL, (socket.AF_INET, address)):
        try:
            made = socket_within(namespace, family)
        except FileNotFoundError:
            raise
        except OSError as error:
            # The address family may be off.
            refused = error
            continue
        try:
            async with asyncio.timeout(_PATIENCE):
                await asyncio.get_running_loop().sock_connect(made, (host, port))
                return await asyncio.open_connection(sock=made)
        except OSError as error:
            made.close()
            if host != "::1":
                refused = error
        except BaseException:
            made.close()
            raise
    raise refused


def socket_within(namespace: Path, family: socket.AddressFamily) -> socket.socket:
    """A TCP socket that belongs to a network namespace for good.

    A thread enters the namespace, makes the socket and ends, so no other thread is ever inside.

    Raises:
        OSError: The namespace is gone or must not be entered.
    """
    made: list[socket.socket] = []
    failed: list[OSError] = []

    def work() -> None:
        try:
            handle = os.open(namespace, os.O_RDONLY | os.O_CLOEXEC)
            try:
                if _libc.setns(handle, _CLONE_NEWNET):
                    code = ctypes.get_errno()
                    raise OSError(code, os.strerror(code))
                made.append(socket.socket(family, socket.SOCK_STREAM))
            finally:
                os.close(handle)
        except OSError as error:
            failed.append(error)

    thread = threading.Thread(target=work, name="netns", daemon=True)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    made[0].setblocking(False)
    made[0].setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made[0]
