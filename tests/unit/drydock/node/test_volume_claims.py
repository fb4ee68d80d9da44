from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from towline.drydock.node.environment import ConfigError
from towline.drydock.node.volume_claims import (
    CLAIMS,
    PROVISIONED_BY,
    PROVISIONER,
    VOLUMES,
    ClaimFolders,
    VolumeClaims,
)

Obj = dict[str, Any]


class Objects:
    """The one method of a cluster that is asked here."""

    def __init__(self, *objects: tuple[Any, Obj]) -> None:
        self._objects = {(kind, obj["metadata"]["name"]): obj for kind, obj in objects}

    def get(self, resource: Any, namespace: str, name: str) -> Obj | None:
        return self._objects.get((resource, name))


def claim(phase: str = "Bound", volume: str = "pvc-1") -> Obj:
    return {
        "metadata": {"name": "data", "namespace": "default", "uid": "u"},
        "spec": {"volumeName": volume},
        "status": {"phase": phase},
    }


def volume(*, provisioned: bool = True, uid: str = "u", **spec: Any) -> Obj:
    annotations = {PROVISIONED_BY: PROVISIONER} if provisioned else {}
    spec = {"accessModes": ["ReadWriteOnce"], "claimRef": {"uid": uid}, **spec}
    return {"metadata": {"name": "pvc-1", "annotations": annotations}, "spec": spec}


def pod(**spec: Any) -> Obj:
    return {"metadata": {"name": "p", "namespace": "default"}, "spec": spec}


def source(**more: Any) -> Obj:
    return {"name": "v", "persistentVolumeClaim": {"claimName": "data", **more}}


def claims(tmp_path: Path, *objects: Obj, root: Path | None = None) -> VolumeClaims:
    kinds = [(CLAIMS if "status" in obj else VOLUMES, obj) for obj in objects]
    cluster: Any = Objects(*kinds)
    return VolumeClaims(cluster, ClaimFolders(tmp_path / "claims"), root)


def test_a_claim_mounts_the_folder_of_its_volume(tmp_path: Path) -> None:
    mount = claims(tmp_path, claim(), volume()).mount(pod(), source())
    assert mount == (tmp_path / "claims" / "pvc-1", False)
    (mount.path / "kept").write_text("x")
    again = claims(tmp_path, claim(), volume()).mount(pod(), source(readOnly=True))
    assert again.read_only
    assert (again.path / "kept").read_text() == "x"


def test_volumes_that_many_may_only_read_are_read_only(tmp_path: Path) -> None:
    shared = volume(accessModes=["ReadOnlyMany"])
    assert claims(tmp_path, claim(), shared).mount(pod(), source()).read_only


@pytest.mark.parametrize(
    ("objects", "why"),
    [
        ([], 'persistentvolumeclaim "data" not found'),
        ([claim()], "error processing PVC default/data: PVC is not bound"),
        ([claim("Pending"), volume()], "error processing PVC default/data: PVC is not bound"),
        (
            [claim(), volume(uid="other")],
            "error processing PVC default/data: PV is bound to another claim",
        ),
        (
            [claim(), volume(volumeMode="Block")],
            "block volumes are not supported on this node",
        ),
        (
            [claim(), volume(provisioned=False, nfs={})],
            'volume "pvc-1" is neither hostPath nor local',
        ),
    ],
)
def test_what_cannot_be_mounted_says_why(tmp_path: Path, objects: list[Obj], why: str) -> None:
    with pytest.raises(ConfigError) as caught:
        claims(tmp_path, *objects).mount(pod(), source())
    assert caught.value.message == f'MountVolume.SetUp failed for volume "v" : {why}'


def test_a_path_in_the_volume_never_leads_out_of_what_is_allowed(tmp_path: Path) -> None:
    outside = tmp_path / "secret"
    outside.mkdir()
    made = volume(hostPath={"path": str(outside)})
    mount = claims(tmp_path, claim(), made).mount(pod(), source())
    assert mount.path == tmp_path / "claims" / "pvc-1"
    by_hand = volume(provisioned=False, hostPath={"path": str(outside)})
    with pytest.raises(ConfigError, match="not allowed"):
        claims(tmp_path, claim(), by_hand).mount(pod(), source())
    allowed = tmp_path / "allowed"
    allowed.mkdir()
    with pytest.raises(ConfigError, match="outside"):
        claims(tmp_path, claim(), by_hand, root=allowed).mount(pod(), source())
    inside = volume(provisioned=False, local={"path": str(allowed)})
    found = claims(tmp_path, claim(), inside, root=allowed).mount(pod(), source())
    assert found.path == allowed


@pytest.mark.asyncio
async def test_folders_are_removed_with_their_volume_and_nothing_else(tmp_path: Path) -> None:
    folders = ClaimFolders(tmp_path / "claims")
    folder = folders.make("pvc-1", None)
    (folder / "a").mkdir()
    await folders.remove("pvc-1")
    await folders.remove("pvc-1")
    assert not folder.exists()
    (tmp_path / "other").mkdir()
    (tmp_path / "claims" / "link").symlink_to(tmp_path / "other")
    for name in ("../other", "..", "", "link"):
        await folders.remove(name)
    assert (tmp_path / "other").exists()
