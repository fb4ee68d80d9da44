"""Writes to a store as fast as it may and prints what was promised; run as a process of its own.

    scribe.py FOLDER WRITES [SECONDS_TO_WAIT_FOR_A_LINE_ON_STDIN]

Each line is `ack NAME REV VALUE`, `gone NAME REV`, `fail STATUS-CODE`, or `end WRITABLE`.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path
from typing import Any

from towline.aio.clock import SystemClock
from towline.drydock.storage import Store, StoreKey
from towline.errors import TowlineError
from towline.kube.refs import GroupResource
from towline.kube.status import ApiError

MAPS = GroupResource("", "configmaps")
NAMES = ("a", "b", "c")


def config_map(name: str, value: int) -> dict[str, Any]:
    meta = {"name": name, "namespace": "default", "uid": f"uid-{name}"}
    data = {"value": str(value), "filling": "x" * 3000}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data}


async def write(store: Store, name: str, value: int) -> None:
    key = StoreKey(MAPS, "default", name)
    removes = value % 5 == 4 and store.head(key) is not None
    try:
        if removes:
            record = await store.remove(key, config_map(name, value))
        else:
            record = await store.put(key, config_map(name, value))
    except ApiError as error:
        print("fail", error.code, flush=True)
    else:
        print(*(("gone", name, record.rev) if removes else ("ack", name, record.rev, value)))


async def run(folder: Path, writes: int) -> None:
    store = Store.open(folder / "state.db", SystemClock())
    print("ready", flush=True)
    sys.stdin.readline()
    for value in range(writes):
        await asyncio.gather(*(write(store, name, value) for name in NAMES))
        if value % 4 == 3:
            await store.compact(keep_seconds=1000, keep_changes=5)
    print("end", store.writable, flush=True)
    await store.close()


def main() -> None:
    logging.basicConfig(level="ERROR", format="log %(message)s", stream=sys.stdout)
    try:
        asyncio.run(run(Path(sys.argv[1]), int(sys.argv[2])))
    except TowlineError as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()
