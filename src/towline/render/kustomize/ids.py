"""Identities of resources: group, version, kind, name, namespace; how they match."""

from __future__ import annotations

from typing import Final

import msgspec

NOWHERE: Final = "_non_namespaceable_"
DEFAULT: Final = "default"
ORDER_FIRST: Final = (
    "Namespace",
    "ResourceQuota",
    "StorageClass",
    "CustomResourceDefinition",
    "ServiceAccount",
    "PodSecurityPolicy",
    "Role",
    "ClusterRole",
    "RoleBinding",
    "ClusterRoleBinding",
    "ConfigMap",
    "Secret",
    "Endpoints",
    "Service",
    "LimitRange",
    "PriorityClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "Deployment",
    "StatefulSet",
    "CronJob",
    "PodDisruptionBudget",
)
ORDER_LAST: Final = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")


class Gvk(msgspec.Struct, frozen=True):
    """A kind; empty fields of a selector match anything.

    Attributes:
        group: API group.
        version: API version.
        kind: Kind.
    """

    group: str = ""
    version: str = ""
    kind: str = ""

    @property
    def api_version(self) -> str:
        """As a manifest writes it."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def selected_by(self, other: Gvk) -> bool:
        """Whether the fields that the other one has are the same."""
        return (
            (not other.group or other.group == self.group)
            and (not other.version or other.version == self.version)
            and (not other.kind or other.kind == self.kind)
        )

    def __str__(self) -> str:
        return ".".join(
            (self.kind or "[noKind]", self.version or "[noVer]", self.group or "[noGrp]")
        )


class ResId(msgspec.Struct, frozen=True):
    """A resource.

    Attributes:
        gvk: Its kind.
        name: Its name.
        namespace: As written; empty for none.
        cluster: Whether the kind is known to live outside of namespaces.
    """

    gvk: Gvk
    name: str = ""
    namespace: str = ""
    cluster: bool = False

    @property
    def effective_namespace(self) -> str:
        """Where it lives: none is `default`; kinds without namespaces share one place."""
        return NOWHERE if self.cluster else (self.namespace or DEFAULT)

    @property
    def key(self) -> tuple[Gvk, str, str]:
        """Equal for ids that name the same resource."""
        return (self.gvk, self.name, self.effective_namespace)

    def selected_by(self, other: ResId) -> bool:
        """Whether the fields that the selector has are the same."""
        return (
            (not other.name or other.name == self.name)
            and (not other.namespace or other.effective_namespace == self.effective_namespace)
            and self.gvk.selected_by(other.gvk)
        )

    def __str__(self) -> str:
        return f"{self.gvk}/{self.name or '[noName]'}.{self.namespace or '[noNs]'}"


def split_api_version(text: str) -> tuple[str, str]:
    """Group and version of an `apiVersion`."""
    group, slash, version = text.partition("/")
    return (group, version) if slash else ("", text)


_INDEX: Final = {
    **{kind: index - len(ORDER_FIRST) for index, kind in enumerate(ORDER_FIRST)},
    **{kind: index + 1 for index, kind in enumerate(ORDER_LAST)},
}


def type_order(gvk: Gvk) -> tuple[int, str]:
    """Sort key of field specifications: the usual order of kinds, then the text of the kind."""
    text = f"{gvk.group or '~G'}_{gvk.version or '~V'}_{gvk.kind or '~K'}"
    return _INDEX.get(gvk.kind, 0), text
