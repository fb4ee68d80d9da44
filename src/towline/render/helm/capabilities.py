"""What a cluster can do, as far as templates may ask: its version and its API versions.

Without a cluster Helm answers with the versions that the Kubernetes client library it was built
with knows. Those differ between the generations; the tables hold them in that library's order.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import ClassVar, Final

from towline.render.gotemplate.functions import BOOL, STRING, Function
from towline.render.gotemplate.kinds import GoObject, GoSlice
from towline.render.gotemplate.quoting import quote
from towline.render.helm.errors import ChartError
from towline.render.helm.versions import generation_of
from towline.text.semver import SemverError, parse_version

# Groups and versions of Helm 3.18 (Kubernetes 1.33), as published in its client library.
_GROUPS_3: Final = """
v1
admissionregistration.k8s.io: v1 v1alpha1 v1beta1
internal.apiserver.k8s.io: v1alpha1
apps: v1 v1beta1 v1beta2
authentication.k8s.io: v1 v1alpha1 v1beta1
authorization.k8s.io: v1 v1beta1
autoscaling: v1 v2 v2beta1 v2beta2
batch: v1 v1beta1
certificates.k8s.io: v1 v1beta1 v1alpha1
coordination.k8s.io: v1alpha2 v1beta1 v1
discovery.k8s.io: v1 v1beta1
events.k8s.io: v1 v1beta1
extensions: v1beta1
flowcontrol.apiserver.k8s.io: v1 v1beta1 v1beta2 v1beta3
networking.k8s.io: v1 v1alpha1 v1beta1
node.k8s.io: v1 v1alpha1 v1beta1
policy: v1 v1beta1
rbac.authorization.k8s.io: v1 v1beta1 v1alpha1
resource.k8s.io: v1beta2 v1beta1 v1alpha3
scheduling.k8s.io: v1alpha1 v1beta1 v1
storage.k8s.io: v1beta1 v1 v1alpha1
storagemigration.k8s.io: v1alpha1
apiextensions.k8s.io: v1beta1 v1
"""
# The groups that Helm 4 (Kubernetes 1.37) has otherwise; an empty list means: no longer there.
_CHANGES_4: Final = {
    "autoscaling": "v1 v2",
    "flowcontrol.apiserver.k8s.io": "v1 v1beta1 v1beta2 v1beta3\nlifecycle.k8s.io: v1alpha1",
    "networking.k8s.io": "v1 v1beta1",
    "resource.k8s.io": "v1 v1beta2 v1beta1 v1alpha3",
    "scheduling.k8s.io": "v1alpha3 v1beta1 v1",
    "storagemigration.k8s.io": "v1 v1beta1",
}
_GENERIC: Final = re.compile(r"[ \t\n\r\f\v]*v?([0-9]{1,18}(?:\.[0-9]{1,18})*)")
_DEFAULT_KUBERNETES: Final = {3: "v1.33.0", 4: "v1.37.0"}


def _listed(table: str) -> list[str]:
    versions: list[str] = []
    for line in table.split("\n"):
        group, colon, names = line.partition(": ")
        if colon:
            versions += [f"{group}/{name}" for name in names.split()]
        elif group:
            versions.append(group)
    return versions


def _changed(table: str) -> str:
    lines = []
    for line in table.split("\n"):
        group, _, names = line.partition(": ")
        lines.append(f"{group}: {_CHANGES_4.get(group, names)}" if names else line)
    return "\n".join(lines)


DEFAULT_API_VERSIONS: Final = {3: _listed(_GROUPS_3), 4: _listed(_changed(_GROUPS_3))}


class KubeVersion(GoObject):
    """The Kubernetes version.

    Attributes:
        version: `v1.33.0`, with what the vendor appended.
        normalized: Without that; what constraints are checked against.
        major: First number.
        minor: Second number.
    """

    __slots__ = ("major", "minor", "normalized", "version")
    go_type: ClassVar[str] = "chartutil.KubeVersion"
    go_fields: ClassVar[dict[str, str]] = {"Version": "version", "Major": "major", "Minor": "minor"}

    def __init__(self, version: str, normalized: str, major: str, minor: str) -> None:
        self.version = version
        self.normalized = normalized
        self.major = major
        self.minor = minor

    def go_addressed_string(self) -> str:
        """What `String()` of the pointer gives."""
        return self.normalized

    def git_version(self) -> str:
        """What `GitVersion()` gives."""
        return self.version


KubeVersion.go_methods = {
    "String": Function(KubeVersion.go_addressed_string, result=STRING),
    "GitVersion": Function(KubeVersion.git_version, result=STRING),
}


class KubeVersion4(KubeVersion):
    """The same type in Helm 4, where it lives in another package."""

    __slots__ = ()
    go_type: ClassVar[str] = "common.KubeVersion"
    go_layout: ClassVar[dict[str, str]] = {
        "Version": "version",
        "normalizedVersion": "normalized",
        "Major": "major",
        "Minor": "minor",
    }


class VersionSet(GoSlice):
    """API versions: a list of texts that can be asked whether it has one."""

    __slots__ = ()
    go_type: ClassVar[str] = "chartutil.VersionSet"
    go_element = ""
    go_element_type = "string"

    def has(self, version: str) -> bool:
        """Whether the version is there."""
        return version in self


VersionSet.go_methods = {"Has": Function(VersionSet.has, (STRING,), result=BOOL)}


class VersionSet4(VersionSet):
    """The same type in Helm 4."""

    __slots__ = ()
    go_type: ClassVar[str] = "common.VersionSet"


class BuildInfo(GoObject):
    """Helm's own version."""

    __slots__ = ("commit", "go", "kubernetes", "tree", "version")
    go_type: ClassVar[str] = "version.BuildInfo"
    go_fields: ClassVar[dict[str, str]] = {
        "Version": "version",
        "GitCommit": "commit",
        "GitTreeState": "tree",
        "GoVersion": "go",
    }

    def __init__(self, version: str, commit: str, go: str, kubernetes: str = "") -> None:
        self.version = version
        self.commit = commit
        self.tree = "clean"
        self.go = go
        self.kubernetes = kubernetes

    def go_json(self) -> dict[str, object]:
        """The fields as Go's JSON has them."""
        texts: dict[str, object] = {
            "version": self.version,
            "git_commit": self.commit,
            "git_tree_state": self.tree,
            "go_version": self.go,
        }
        return texts | {"kube_client_version": self.kubernetes} if self.kubernetes else texts


class BuildInfo4(BuildInfo):
    """The same type in Helm 4, which also names the client library."""

    __slots__ = ()
    go_fields: ClassVar[dict[str, str]] = {**BuildInfo.go_fields, "KubeClientVersion": "kubernetes"}


_BUILDS: Final = {
    3: BuildInfo("v3.18.6", "b76a950f6835474e0906b96c9ec68a2eff3a6430", "go1.24.6"),
    4: BuildInfo4("v4.3.1", "c0d08d0d6d9424d4a14febb5e8a3e51b0dd00dff", "go1.27.2", "v1.37"),
}


class Capabilities(GoObject):
    """What `.Capabilities` is.

    Attributes:
        kube_version: Version of the cluster.
        api_versions: What it serves.
        helm_version: Helm's own version.
    """

    __slots__ = ("api_versions", "helm_version", "kube_version")
    go_type: ClassVar[str] = "*chartutil.Capabilities"
    go_fields: ClassVar[dict[str, str]] = {
        "KubeVersion": "kube_version",
        "APIVersions": "api_versions",
        "HelmVersion": "helm_version",
    }

    def __init__(
        self, kube_version: KubeVersion, api_versions: VersionSet, helm_version: BuildInfo
    ) -> None:
        self.kube_version = kube_version
        self.api_versions = api_versions
        self.helm_version = helm_version


class Capabilities4(Capabilities):
    """The same type in Helm 4."""

    __slots__ = ()
    go_type: ClassVar[str] = "*common.Capabilities"


def capabilities(
    *, major: int, kube_version: str = "", api_versions: Iterable[str] = ()
) -> Capabilities:
    """What templates are told about the cluster.

    Args:
        major: Which Helm: 3 or 4.
        kube_version: Version of the cluster; empty for the default.
        api_versions: API versions beside the built-in ones.

    Raises:
        ChartError: The version cannot be read.
    """
    version = parse_kube_version(kube_version or _DEFAULT_KUBERNETES[major], major=major)
    served = [*DEFAULT_API_VERSIONS[major], *api_versions]
    if major < 4:
        return Capabilities(version, VersionSet(served), _BUILDS[3])
    return Capabilities4(version, VersionSet4(served), _BUILDS[4])


def parse_kube_version(text: str, *, major: int) -> KubeVersion:
    """Reads a Kubernetes version such as `1.31`, `v1.31.4` or `v1.31.4-gke.1183000`.

    Raises:
        ChartError: It is no version; with Helm's message.
    """
    if major > 3:
        return _parse_generic(text)
    try:
        version = parse_version(text, generation=generation_of(major))
    except SemverError as error:
        raise ChartError(f"invalid kube version '{text}': {error.message}") from error
    shown = f"v{version}"
    return KubeVersion(shown, shown, str(version.major), str(version.minor))


def _parse_generic(text: str) -> KubeVersion4:
    """Kubernetes' own lenient reading: two or more numbers first, whatever follows them."""
    found = _GENERIC.match(text)
    if found is None:
        raise ChartError(f"invalid kube version '{text}': could not parse {quote(text)} as version")
    numbers = found[1].split(".")
    if len(numbers) < 2:
        raise ChartError(f"invalid kube version '{text}': illegal version string {quote(text)}")
    if len(numbers[0]) > 1 and numbers[0].startswith("0"):
        raise ChartError(
            f"invalid kube version '{text}': illegal zero-prefixed version component "
            f"{quote(numbers[0])} in {quote(text)}"
        )
    plain = [str(int(number)) for number in numbers]
    shown = text if text.startswith("v") else f"v{text}"
    return KubeVersion4(shown, "v" + ".".join(plain), plain[0], plain[1])
