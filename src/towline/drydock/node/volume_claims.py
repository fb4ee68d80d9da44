"""Persistent volumes on this machine: their folders, and what a pod's claim mounts."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import NamedTuple

from towline.drydock.cluster import Cluster, Obj
from towline.drydock.node.environment import ConfigError
from towline.drydock.node.pod_folder import host_path, make_empty_dir
from towline.kube.names import subdomain_problems
from towline.kube.refs import GroupResource

CLAIMS = GroupResource("", "persistentvolumeclaims")
VOLUMES = GroupResource("", "persistentvolumes")
PROVISIONED_BY = "pv.kubernetes.io/provisioned-by"
PROVISIONER = "drydock.io/local-path"
_READ_ONLY_MANY = "ReadOnlyMany"


class ClaimMount(NamedTuple):
    """What a claim mounts.

    Attributes:
        path: The folder or file on the host.
        read_only: Whether nothing may be written to it.
    """

    path: Path
    read_only: bool


class ClaimFolders:
    """The folders of the volumes that the cluster makes itself.

    Args:
        root: The folder that they are in.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def path(self, volume: str) -> str:
        """The folder of a volume."""
        return str(self._root / volume)

    def make(self, volume: str, group: int | None) -> Path:
        """The folder of a volume, created when it is used for the first time."""
        folder = self._root / volume
        make_empty_dir(folder, group)
        return folder

    async def remove(self, volume: str) -> None:
        """Deletes the folder of a volume with everything in it; absent is not an error.

        Raises:
            OSError: Something in it cannot be deleted.
        """
        if subdomain_problems(volume):
            return  # not the name of an object, so not of a volume: it could lead anywhere
        folder = self._root / volume
        if folder.is_dir() and not folder.is_symlink():
            await asyncio.to_thread(shutil.rmtree, folder)


class VolumeClaims:
    """Finds what the claims of pods mount.

    Args:
        cluster: Where claims and volumes are.
        folders: Folders of the volumes that the cluster makes.
        hostpath_root: Folder beneath which other volumes on the host are allowed; None forbids.
    """

    def __init__(self, cluster: Cluster, folders: ClaimFolders, hostpath_root: Path | None) -> None:
        self._cluster = cluster
        self._folders = folders
        self._hostpath_root = hostpath_root

    def mount(self, pod: Obj, volume: Obj) -> ClaimMount:
        """What a pod's volume of kind persistentVolumeClaim mounts, ready to be used.

        Raises:
            ConfigError: The claim has no volume, or the volume is not allowed on this node.
        """
        try:
            return self._mount(pod, volume["persistentVolumeClaim"])
        except ConfigError as error:
            name = volume["name"]
            raise ConfigError(
                f'MountVolume.SetUp failed for volume "{name}" : {error.message}'
            ) from error

    def _mount(self, pod: Obj, source: Obj) -> ClaimMount:
        namespace, name = pod["metadata"]["namespace"], source.get("claimName") or ""
        claim = self._cluster.get(CLAIMS, namespace, name)
        if claim is None:
            raise ConfigError(f'persistentvolumeclaim "{name}" not found')
        bound = self._cluster.get(VOLUMES, "", claim["spec"].get("volumeName") or "")
        if bound is None or (claim.get("status") or {}).get("phase") != "Bound":
            raise ConfigError(f"error processing PVC {namespace}/{name}: PVC is not bound")
        if (bound["spec"].get("claimRef") or {}).get("uid") != claim["metadata"]["uid"]:
            raise ConfigError(
                f"error processing PVC {namespace}/{name}: PV is bound to another claim"
            )
        if bound["spec"].get("volumeMode", "Filesystem") != "Filesystem":
            raise ConfigError("block volumes are not supported on this node")
        only_read = bound["spec"].get("accessModes") == [_READ_ONLY_MANY]
        group = (pod["spec"].get("securityContext") or {}).get("fsGroup")
        return ClaimMount(self._path(bound, group), bool(source.get("readOnly")) or only_read)

    def _path(self, bound: Obj, group: int | None) -> Path:
        meta, spec = bound["metadata"], bound["spec"]
        if (meta.get("annotations") or {}).get(PROVISIONED_BY) == PROVISIONER:
            # By name, never by the path in the object: whoever edits it gets no other folder.
            return self._folders.make(meta["name"], group)
        if source := spec.get("hostPath") or spec.get("local"):
            return host_path({"name": meta["name"], "hostPath": source}, self._hostpath_root)
        raise ConfigError(f'volume "{meta["name"]}" is neither hostPath nor local')
