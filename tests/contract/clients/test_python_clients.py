"""The Python clients of others: kr8s, lightkube, the official one and its asyncio twin."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytestmark = [
    # How these libraries close their own connections is not the matter.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:Kubernetes version .* is not supported:UserWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


def deployment(name: str, space: str, replicas: int = 2) -> dict[str, Any]:
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": space},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "c", "image": "example/app:1"}]},
            },
        },
    }


DEFINITION = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "wheels.python.example"},
    "spec": {
        "group": "python.example",
        "scope": "Namespaced",
        "names": {"plural": "wheels", "singular": "wheel", "kind": "Wheel"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {
                            "spec": {
                                "type": "object",
                                "properties": {"spokes": {"type": "integer"}},
                            },
                            "status": {"type": "object", "properties": {"ok": {"type": "boolean"}}},
                        },
                    }
                },
            }
        ],
    },
}


@pytest.fixture(scope="module")
def kubeconfig(environment: dict[str, str], kubectl: Any) -> str:
    for name in ("kr", "light", "official", "twin"):
        kubectl("create", "namespace", name)
    kubectl("apply", "-f", "-", text=json.dumps(DEFINITION))
    kubectl("wait", "--for=condition=Established", "crd/wheels.python.example", "--timeout=10s")
    return environment["KUBECONFIG"]


# kr8s


@pytest.mark.asyncio
async def test_kr8s_objects_scale_wait_and_log(kubeconfig: str) -> None:
    import kr8s
    from kr8s.asyncio.objects import Deployment, Pod, new_class

    api = await kr8s.asyncio.api(kubeconfig=kubeconfig, namespace="kr")
    web = await Deployment(deployment("web", "kr"), api=api)
    await web.create()
    await web.wait("condition=Available", timeout=20)
    await web.scale(3)
    await web.refresh()
    assert web.replicas == 3
    await web.label({"tier": "front"})
    await web.annotate({"note": "x"})
    await web.patch({"spec": {"paused": True}})
    assert web.spec.paused is True
    pods = [pod async for pod in api.get("pods", label_selector={"app": "web"})]
    assert len(pods) >= 2
    pod = await Pod.get(pods[0].name, namespace="kr", api=api)
    await pod.wait("condition=Ready", timeout=20)
    assert [line async for line in pod.logs()] == ["simulated container, attempt 0"]
    wheel_class = new_class("Wheel", "python.example/v1", asyncio=True, namespaced=True)
    made = {"metadata": {"name": "w", "namespace": "kr"}, "spec": {"spokes": 3}}
    wheel = await wheel_class(made, api=api)
    await wheel.create()
    assert wheel.raw["spec"]["spokes"] == 3
    await web.delete(propagation_policy="Foreground")
    await web.wait("delete", timeout=20)
    assert not await web.exists()
    assert (await api.version())["gitVersion"].endswith("+drydock")


@pytest.mark.asyncio
async def test_kr8s_watches(kubeconfig: str) -> None:
    import kr8s
    from kr8s.asyncio.objects import ConfigMap

    api = await kr8s.asyncio.api(kubeconfig=kubeconfig, namespace="kr")
    await (await ConfigMap({"metadata": {"name": "seen"}, "data": {"a": "b"}}, api=api)).create()
    async for event, found in api.watch("configmaps", namespace="kr"):
        if found.name == "seen":
            assert event == "ADDED"
            break


# lightkube


def test_lightkube_applies_patches_lists_and_waits(kubeconfig: str) -> None:
    from lightkube import ApiError, Client, KubeConfig
    from lightkube.generic_resource import create_namespaced_resource
    from lightkube.resources.apps_v1 import Deployment
    from lightkube.resources.core_v1 import ConfigMap, Node, Pod
    from lightkube.types import CascadeType, PatchType

    config = KubeConfig.from_file(kubeconfig)
    client = Client(config, namespace="light", field_manager="lightkube-test")
    made = client.apply(Deployment.from_dict(deployment("web", "light")))
    assert made.metadata is not None
    assert made.metadata.managedFields is not None
    assert {entry.manager for entry in made.metadata.managedFields} == {"lightkube-test"}
    client.wait(Deployment, "web", for_conditions=["Available"])
    scale = client.get(Deployment.Scale, "web")
    assert scale.spec is not None
    scale.spec.replicas = 3
    client.replace(scale, "web")
    body = [{"op": "add", "path": "/metadata/labels", "value": {"a": "b"}}]
    patched = client.patch(Deployment, "web", body, patch_type=PatchType.JSON)
    assert patched.spec is not None
    assert patched.spec.replicas == 3
    assert len(list(client.list(Pod, labels={"app": "web"}, chunk_size=1))) >= 2
    assert {node.metadata.name for node in client.list(Node) if node.metadata} == {"sim-0", "sim-1"}
    wheels = create_namespaced_resource("python.example", "v1", "Wheel", "wheels")
    wheel = client.create(wheels({"metadata": {"name": "w"}, "spec": {"spokes": 9}}))
    wheel["status"] = {"ok": True}
    status = client.replace(wheels.Status(wheel), "w")
    assert status["status"] == {"ok": True}
    client.delete(Deployment, "web", cascade=CascadeType.FOREGROUND)
    with pytest.raises(ApiError) as refused:
        client.get(ConfigMap, "nobody")
    assert refused.value.status.reason == "NotFound"
    client.deletecollection(Pod)


def test_lightkube_watches_with_its_version(kubeconfig: str) -> None:
    from lightkube import Client, KubeConfig
    from lightkube.models.meta_v1 import ObjectMeta
    from lightkube.resources.core_v1 import ConfigMap

    client = Client(KubeConfig.from_file(kubeconfig), namespace="light")
    names = []
    client.create(ConfigMap(metadata=ObjectMeta(name="first")))
    for event, found in client.watch(ConfigMap):
        assert found.metadata is not None
        if found.metadata.name in ("first", "second"):
            names.append((event, found.metadata.name))
        match names[-1:]:
            case [("ADDED", "first")] if found.metadata.name == "first":
                client.create(ConfigMap(metadata=ObjectMeta(name="second")))
            case [("ADDED", "second")]:
                client.delete(ConfigMap, "second")
            case [("DELETED", "second")]:
                break
    assert names == [("ADDED", "first"), ("ADDED", "second"), ("DELETED", "second")]


# kubernetes, the official client


def test_the_official_client_types_watches_and_logs(kubeconfig: str) -> None:
    from kubernetes import client, config, watch

    config.load_kube_config(kubeconfig)
    core, apps = client.CoreV1Api(), client.AppsV1Api()
    apps.create_namespaced_deployment("official", deployment("web", "official"))
    for event in watch.Watch().stream(
        apps.list_namespaced_deployment, "official", timeout_seconds=20
    ):
        if (event["object"].status.available_replicas or 0) == 2:
            break
    pods = core.list_namespaced_pod("official", label_selector="app=web", limit=1)
    assert pods.metadata._continue
    name = pods.items[0].metadata.name
    assert "simulated container" in core.read_namespaced_pod_log(name, "official")
    patched = apps.patch_namespaced_deployment_scale("web", "official", {"spec": {"replicas": 1}})
    assert patched.spec.replicas == 1
    metrics = client.CustomObjectsApi()
    nodes = metrics.list_cluster_custom_object("metrics.k8s.io", "v1beta1", "nodes")["items"]
    assert {node["metadata"]["name"] for node in nodes} == {"sim-0", "sim-1"}
    with pytest.raises(client.ApiException) as refused:
        apps.create_namespaced_deployment("official", deployment("web", "official"))
    assert refused.value.status == 409
    options = client.V1DeleteOptions(propagation_policy="Foreground", grace_period_seconds=0)
    apps.delete_namespaced_deployment("web", "official", body=options)
    review = client.V1SelfSubjectAccessReview(
        spec=client.V1SelfSubjectAccessReviewSpec(
            resource_attributes=client.V1ResourceAttributes(verb="get", resource="pods")
        )
    )
    api = client.AuthorizationV1Api()
    assert api.create_self_subject_access_review(review).status.allowed


def test_the_official_dynamic_client(kubeconfig: str, folder: Any) -> None:
    from kubernetes import client, config, dynamic

    config.load_kube_config(kubeconfig)
    cache = str(folder / "discovery.json")
    found = dynamic.DynamicClient(client.ApiClient(), cache_file=cache)
    wheels = found.resources.get(api_version="python.example/v1", kind="Wheel")
    body = {
        "apiVersion": "python.example/v1",
        "kind": "Wheel",
        "metadata": {"name": "dynamic"},
        "spec": {"spokes": 1},
    }
    wheels.server_side_apply(body=body, name="dynamic", namespace="official", field_manager="me")
    patch = {"spec": {"spokes": 2}}
    media = "application/merge-patch+json"
    wheels.patch(body=patch, name="dynamic", namespace="official", content_type=media)
    assert wheels.get(name="dynamic", namespace="official").spec.spokes == 2
    status = {**body, "status": {"ok": True}}
    shown = wheels.status.patch(
        body=status, name="dynamic", namespace="official", content_type=media
    )
    assert shown.status.ok is True


# kubernetes-asyncio


@pytest.mark.asyncio
async def test_the_asyncio_client_creates_watches_and_deletes(kubeconfig: str) -> None:
    from kubernetes_asyncio import client, config, watch

    await config.load_kube_config(kubeconfig)
    async with client.ApiClient() as api:
        core = client.CoreV1Api(api)
        await core.create_namespaced_config_map("twin", {"metadata": {"name": "one"}})
        seen = []
        async with watch.Watch().stream(core.list_namespaced_config_map, "twin") as stream:
            async for event in stream:
                name = event["object"].metadata.name
                if name == "one":
                    seen.append(event["type"])
                    if event["type"] == "ADDED":
                        await core.delete_namespaced_config_map("one", "twin")
                if seen[-1:] == ["DELETED"]:
                    break
        assert seen == ["ADDED", "DELETED"]
        with pytest.raises(client.ApiException) as gone:
            await core.read_namespaced_config_map("one", "twin")
        assert gone.value.status == 404
