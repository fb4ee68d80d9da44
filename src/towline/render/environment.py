"""Build variables of an application, and their use in the texts of its source."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import orjson

from towline.render.tree import RecordingTree

if TYPE_CHECKING:
    from towline.render.source import RenderRequest

_USE: Final = re.compile(r"\$(?:(\$)|\{([^}]*)\}|([A-Za-z_][A-Za-z0-9_]*))")
AGE_KEYS: Final = "TOWLINE_AGE_KEYS"
"""Stands for the keys that open encrypted files, and shows none of them."""

_IDENTITY: Final = (
    "ARGOCD_APP_NAME",
    "ARGOCD_APP_NAMESPACE",
    "KUBE_VERSION",
    "KUBE_API_VERSIONS",
)


def build_variables(request: RenderRequest, age_keys: Sequence[str] = ()) -> dict[str, str]:
    """The variables of a render, as Argo CD names them, and which keys are at hand."""
    revision = request.revision
    return {
        "ARGOCD_APP_NAME": request.app_name,
        "ARGOCD_APP_NAMESPACE": request.namespace,
        "ARGOCD_APP_PROJECT_NAME": request.project,
        "ARGOCD_APP_REVISION": revision,
        "ARGOCD_APP_REVISION_SHORT": revision[:7],
        "ARGOCD_APP_REVISION_SHORT_8": revision[:8],
        "ARGOCD_APP_SOURCE_REPO_URL": str(request.source.get("repoURL") or ""),
        "ARGOCD_APP_SOURCE_PATH": str(request.source.get("path") or ""),
        "ARGOCD_APP_SOURCE_TARGET_REVISION": str(request.source.get("targetRevision") or ""),
        "KUBE_VERSION": request.kube_version,
        "KUBE_API_VERSIONS": ",".join(request.api_versions),
        AGE_KEYS: hashlib.sha256("\n".join(sorted(age_keys)).encode()).hexdigest()[:16],
    }


def substitute(text: str, tree: RecordingTree) -> str:
    """The text with `$NAME` and `${NAME}` replaced; `$$` is a dollar, an unknown name is empty."""

    def value(match: re.Match[str]) -> str:
        return "$" if match[1] else tree.variable(match[2] or match[3] or "")

    return _USE.sub(value, text)


def note_identity(tree: RecordingTree, source: Any, variables: Mapping[str, str]) -> None:
    """Records the variables that a tool may use: the identity, and what the source mentions."""
    text = orjson.dumps(source, default=str).decode()
    for name in variables:
        if name in _IDENTITY or name in text:
            tree.variable(name)
