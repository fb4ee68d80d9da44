"""New pods get what their ServiceAccount has to give."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from towline.drydock.admission.accounts import MOUNT_PATH, prepare
from towline.kube.status import ApiError

Obj = dict[str, Any]


def pod(**spec: Any) -> Obj:
    containers = [{"name": "c"}]
    return {
        "metadata": {"name": "p", "namespace": "n"},
        "spec": {"serviceAccountName": "default", "containers": containers, **spec},
    }


ACCOUNT: Obj = {"metadata": {"name": "default", "namespace": "n"}}


def test_a_pod_gets_the_token_authority_and_namespace() -> None:
    given = pod(initContainers=[{"name": "i"}], volumes=[{"name": "v", "emptyDir": {}}])
    spec = prepare(given, ACCOUNT, Random(1))["spec"]
    assert given["spec"]["containers"] == [{"name": "c"}]
    own, added = spec["volumes"]
    assert own == {"name": "v", "emptyDir": {}}
    assert added["name"].startswith("kube-api-access-")
    sources = added["projected"]["sources"]
    assert [next(iter(each)) for each in sources] == [
        "serviceAccountToken",
        "configMap",
        "downwardAPI",
    ]
    mount = {"mountPath": MOUNT_PATH, "name": added["name"], "readOnly": True}
    for container in (*spec["initContainers"], *spec["containers"]):
        assert container["volumeMounts"] == [mount]


@pytest.mark.parametrize(
    ("spec", "account", "mounted"),
    [
        ({}, {}, True),
        ({"automountServiceAccountToken": False}, {}, False),
        ({}, {"automountServiceAccountToken": False}, False),
        ({"automountServiceAccountToken": True}, {"automountServiceAccountToken": False}, True),
    ],
)
def test_pod_and_account_say_whether_it_is_mounted(spec: Obj, account: Obj, mounted: bool) -> None:
    made = prepare(pod(**spec), {**ACCOUNT, **account}, Random(1))
    assert bool(made["spec"].get("volumes")) is mounted


def test_a_container_with_a_mount_of_its_own_there_keeps_it() -> None:
    own = {"name": "mine", "mountPath": MOUNT_PATH}
    made = prepare(pod(containers=[{"name": "c", "volumeMounts": [own]}]), ACCOUNT, Random(1))
    assert made["spec"]["containers"][0]["volumeMounts"] == [own]
    assert "volumes" not in made["spec"]


def test_a_volume_that_is_there_is_used_again() -> None:
    volume = {"name": "kube-api-access-abcde", "projected": {"sources": []}}
    made = prepare(pod(volumes=[volume]), ACCOUNT, Random(1))
    assert made["spec"]["volumes"] == [volume]
    mounts = made["spec"]["containers"][0]["volumeMounts"]
    assert [mount["name"] for mount in mounts] == ["kube-api-access-abcde"]


def test_pull_secrets_come_from_the_account_unless_given() -> None:
    account = {**ACCOUNT, "imagePullSecrets": [{"name": "a"}]}
    assert prepare(pod(), account, Random(1))["spec"]["imagePullSecrets"] == [{"name": "a"}]
    own = pod(imagePullSecrets=[{"name": "b"}])
    assert prepare(own, account, Random(1))["spec"]["imagePullSecrets"] == [{"name": "b"}]


def test_a_pod_without_its_account_is_refused() -> None:
    with pytest.raises(ApiError) as caught:
        prepare(pod(serviceAccountName="none"), None, Random(1))
    assert caught.value.reason == "Forbidden"
    assert caught.value.message == (
        'pods "p" is forbidden: error looking up service account n/none: serviceaccount "none" not'
        " found"
    )


def test_mirror_pods_are_left_alone() -> None:
    mirror = pod()
    mirror["metadata"]["annotations"] = {"kubernetes.io/config.mirror": "x"}
    assert prepare(mirror, None, Random(1)) is mirror
