"""Drydock's API server alone, without controllers and node: the peer of a bare kube-apiserver.

Run as a process: prints URL and token on one line, serves until SIGTERM.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from pathlib import Path
from random import SystemRandom

import uvicorn

from towline.aio.clock import SystemClock
from towline.drydock.admission.services import ServicePlan
from towline.drydock.api.app import ApiServer
from towline.drydock.api.auth import TokenFile
from towline.drydock.api.health import Health
from towline.drydock.api.resources import Resources
from towline.drydock.auth.access import open_access
from towline.drydock.auth.bootstrap import ensure_roles
from towline.drydock.bootstrap import ensure_defaults
from towline.drydock.registry import Registry
from towline.drydock.storage import Store
from towline.kube.refs import GroupResource
from towline.kube.schema.catalog import load_catalog

STORAGE_CLASSES = GroupResource("storage.k8s.io", "storageclasses")


async def serve(folder: Path, service_cidr: str) -> None:
    """Serves until the process is asked to end."""
    clock, rng, plan = SystemClock(), SystemRandom(), ServicePlan(service_cidr)
    store = Store.open(folder / "state.db", clock, sync="normal")
    registry = Registry(store, load_catalog(), clock, rng, plan, accounts=True)
    tokens = TokenFile(folder / "tokens.csv")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        host, port = listener.getsockname()
        await ensure_defaults(registry, plan, host=host, port=port, ca="")
        await ensure_roles(registry)
        # A bare kube-apiserver has no storage classes: those are of the cluster's maker.
        for storage_class in registry.objects(STORAGE_CLASSES):
            await registry.delete(STORAGE_CLASSES, "", storage_class["metadata"]["name"])
        access = open_access(registry, tokens, folder, clock)
        resources = Resources(registry, access, clock, rng, None)
        health = Health(lambda: not store.closed)
        app = ApiServer(registry, resources, access, health, clock=clock, address=f"{host}:{port}")
        server = uvicorn.Server(
            uvicorn.Config(
                app, http="httptools", ws="none", lifespan="off", log_config=None, access_log=False
            )
        )
        upkeep = asyncio.ensure_future(registry.run())
        print(f"http://{host}:{port} {tokens.admin_token}", flush=True)
        try:
            await server.serve(sockets=[listener])
        finally:
            upkeep.cancel()
            await asyncio.gather(upkeep, return_exceptions=True)
            store.end_watches()
            await store.close()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    asyncio.run(serve(Path(sys.argv[1]), sys.argv[2]))
