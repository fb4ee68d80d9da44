"""Condenses the roles and bindings that every Kubernetes cluster starts with.

Run at maintenance time only (needs Go for its module client; users need neither):

    python tools/update_bootstrap_roles.py v1.36.1

Reads the lists that Kubernetes tests its default policy with, and writes
`src/towline/drydock/auth/data/roles.json`. Roles of single controllers are left out: the embedded
cluster's controllers are part of its process. The module is Apache-2.0; see NOTICE.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

POLICY = "plugin/pkg/auth/authorizer/rbac/bootstrappolicy/testdata"
FILES = (
    "cluster-roles",
    "cluster-role-bindings",
    "namespace-roles",
    "namespace-role-bindings",
)
LEFT_OUT = ("system:controller:", "system::leader-locking-")
TARGET = Path(__file__).parent.parent / "src/towline/drydock/auth/data/roles.json"


def module_dir(version: str) -> Path:
    """Downloads Kubernetes with the ordinary client and returns its folder."""
    done = subprocess.run(
        ["go", "mod", "download", "-json", f"k8s.io/kubernetes@{version}"],
        check=True,
        capture_output=True,
    )
    return Path(json.loads(done.stdout)["Dir"])


def condensed(obj: dict[str, Any]) -> dict[str, Any]:
    """One object without what all have in common."""
    meta = obj["metadata"]
    labels = {k: v for k, v in (meta.get("labels") or {}).items() if "bootstrapping" not in k}
    said = {
        "kind": obj["kind"],
        "name": meta["name"],
        "namespace": meta.get("namespace"),
        "labels": labels,
        **{k: obj.get(k) for k in ("aggregationRule", "rules", "roleRef", "subjects")},
    }
    return {key: value for key, value in said.items() if value}


def main() -> None:
    """Writes the file."""
    folder = module_dir(sys.argv[1]) / POLICY
    lists = [yaml.safe_load((folder / f"{name}.yaml").read_text())["items"] for name in FILES]
    kept = [obj for items in lists for obj in items]
    kept = [obj for obj in kept if not obj["metadata"]["name"].startswith(LEFT_OUT)]
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    text = ",\n".join(json.dumps(condensed(obj), separators=(",", ":")) for obj in kept)
    TARGET.write_text(f"[\n{text}\n]\n")


if __name__ == "__main__":
    main()
