"""A pod's ServiceAccount token, as the container sees it."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from towline.drydock.admission.accounts import MOUNT_PATH, prepare
from towline.kube.refs import GroupResource

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(120)]

ACCOUNTS = GroupResource("", "serviceaccounts")
CONFIG_MAPS = GroupResource("", "configmaps")


async def test_a_container_finds_token_authority_and_namespace(cluster: Any) -> None:
    account = await cluster.until(lambda: cluster.registry.get(ACCOUNTS, "default", "default"))
    await cluster.until(lambda: cluster.registry.get(CONFIG_MAPS, "default", "kube-root-ca.crt"))
    show = "cat token; echo; cat namespace; echo; echo ca.*"
    script = f"cd {MOUNT_PATH}; {show}; touch x 2>/dev/null || echo ro"
    command = ["sh", "-c", script]
    pod = {
        "metadata": {"name": "p", "namespace": "default"},
        "spec": {"containers": [{"name": "main"}]},
    }
    mounted = prepare(pod, account, Random(1))["spec"]
    container = {"volumeMounts": mounted["containers"][0]["volumeMounts"]}
    volumes = mounted["volumes"]
    await cluster.run_pod(
        "p", *command, container=container, volumes=volumes, restartPolicy="Never"
    )
    await cluster.until(lambda: cluster.status("p").get("phase") == "Succeeded")
    lines = (await cluster.log("p")).splitlines()
    token, namespace, authority = lines[:3]
    assert (namespace, authority) == ("default", "ca.crt")
    assert lines[-1] == "ro"
    verdict = cluster.tokens.check(token)
    assert verdict.user is not None
    assert verdict.user.name == "system:serviceaccount:default:default"
    assert verdict.user.extra["authentication.kubernetes.io/pod-name"] == ("p",)
    assert verdict.user.extra["authentication.kubernetes.io/node-name"] == ("drydock",)
