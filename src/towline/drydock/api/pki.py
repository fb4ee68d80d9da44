"""The cluster's own certificate authority, the server's certificate, and the kubeconfig."""

from __future__ import annotations

import base64
import datetime as dt
import ipaddress
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import yaml

_CA_DAYS = 3650
_SERVER_DAYS = 365
_RENEW_DAYS = 30


class ServerIdentity(NamedTuple):
    """Files that the TLS server needs, and the authority that clients need.

    Attributes:
        cert: Certificate, PEM.
        key: Its key, PEM.
        ca: Certificate of the authority, PEM.
    """

    cert: Path
    key: Path
    ca: Path


def ensure_identity(folder: Path, names: Sequence[str], now: dt.datetime) -> ServerIdentity:
    """Makes the authority once, and the server's certificate when names or time ask for it.

    Args:
        folder: Where the files are, created for its owner only.
        names: Host names and addresses that the server is known by.
        now: The wall time.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    identity = ServerIdentity(folder / "server.crt", folder / "server.key", folder / "ca.crt")
    memo = folder / "server.json"
    wanted = sorted(set(names))
    if identity.ca.exists() and _still_good(memo, wanted, now):
        return identity
    # Deferred: the library costs megabytes that a server with good certificates need not pay.
    from towline.drydock.api import certificates  # noqa: PLC0415

    if not identity.ca.exists():
        certificates.make_authority(folder, now, days=_CA_DAYS)
    certificates.make_server(folder, wanted, now, days=_SERVER_DAYS)
    until = (now + dt.timedelta(days=_SERVER_DAYS)).isoformat()
    memo.write_text(json.dumps({"names": wanted, "until": until}))
    return identity


def _still_good(memo: Path, names: list[str], now: dt.datetime) -> bool:
    try:
        known = json.loads(memo.read_text())
        until = dt.datetime.fromisoformat(known["until"])
    except (OSError, ValueError, KeyError):
        return False
    return bool(known.get("names") == names and until - now > dt.timedelta(days=_RENEW_DAYS))


def server_names(host: str, api_address: str) -> list[str]:
    """What clients may call the server: the listening host, loopback, and names inside."""
    names = [
        "localhost",
        "127.0.0.1",
        "::1",
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
        api_address,
    ]
    if host not in ("0.0.0.0", "::"):  # noqa: S104  # compared, not bound
        names.append(host)
    return names


def is_address(name: str) -> bool:
    """Whether a name is an IP address."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def write_kubeconfig(path: Path, *, url: str, ca: bytes, token: str, name: str) -> None:
    """Writes a kubeconfig with one context, readable by its owner only, in one step."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": name,
                "cluster": {
                    "server": url,
                    "certificate-authority-data": base64.b64encode(ca).decode(),
                },
            }
        ],
        "users": [{"name": f"{name}-admin", "user": {"token": token}}],
        "contexts": [
            {
                "name": name,
                "context": {"cluster": name, "user": f"{name}-admin", "namespace": "default"},
            }
        ],
        "current-context": name,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write_private(path, yaml.safe_dump(config, sort_keys=False).encode())


def write_private(path: Path, content: bytes) -> None:
    """Replaces a file by one that only its owner can read, in one step."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    draft.replace(path)
