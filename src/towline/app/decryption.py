"""Keys that open encrypted files: Secrets of the control namespace, each for one project or all."""

from __future__ import annotations

from typing import Final

from towline.app.secrets import secret_values
from towline.kube.refs import GroupKind
from towline.kubeclient.cache import WatchCache

_LABEL: Final = "towline.dev/secret-type"
_TYPE: Final = "sops-age"
_SUFFIX: Final = ".agekey"
_SECRET: Final = GroupKind("", "Secret")


class DecryptionKeys:
    """Finds age identities: data keys that end in `.agekey`, comments and blank lines left out.

    Args:
        cache: Live objects of the control cluster.
        namespace: Where the Secrets are.
    """

    def __init__(self, cache: WatchCache, namespace: str) -> None:
        self._cache = cache
        self._namespace = namespace

    def __call__(self, project: str) -> tuple[str, ...]:
        """Identities for a project: those of its own Secrets, and of Secrets without `project`."""
        found: set[str] = set()
        for item in self._cache.objects(_SECRET, self._namespace):
            if item.labels.get(_LABEL) != _TYPE:
                continue
            values = secret_values(item.body())
            if values.get("project", project.encode()).decode(errors="replace") != project:
                continue
            for name, value in values.items():
                if name.endswith(_SUFFIX):
                    lines = value.decode(errors="replace").splitlines()
                    found |= {line.strip() for line in lines if line.startswith("AGE-SECRET-KEY-")}
        return tuple(sorted(found))
