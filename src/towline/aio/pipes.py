"""Writing to the standard input of a child that may have ended."""

from __future__ import annotations

import asyncio


async def hand_over(stream: asyncio.StreamWriter, data: bytes) -> bool:
    """Writes and waits until the reader takes more.

    Returns:
        False when the reader has gone; what it did with the data, its exit status tells.
    """
    # A closed transport of uvloop refuses a write with a RuntimeError, asyncio's drops it.
    if stream.is_closing():
        return False
    try:
        stream.write(data)
        await stream.drain()
    except (BrokenPipeError, ConnectionResetError):
        return False
    return True
