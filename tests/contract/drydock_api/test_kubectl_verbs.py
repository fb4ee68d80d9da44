"""What people do with kubectl, against a real server process."""

from __future__ import annotations

import json
from typing import Any

import pytest

WORKLOAD = """
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  creationTimestamp: null
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}, creationTimestamp: null}
    spec:
      containers: [{name: c, image: "example/app:1", resources: {}}]
status: {}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  type: LoadBalancer
  selector: {app: web}
  ports: [{port: 80, targetPort: 5000}]
"""

DEFINITION = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.ex.com}
spec:
  group: ex.com
  scope: Namespaced
  names: {plural: widgets, kind: Widget, shortNames: [wd], categories: [all]}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            properties:
              size: {type: integer, minimum: 1, description: how big it is}
              color: {type: string, default: red}
    subresources: {status: {}, scale: {specReplicasPath: .spec.size, statusReplicasPath: .status.n}}
    additionalPrinterColumns: [{name: Size, type: integer, jsonPath: .spec.size}]
"""

WIDGET = """
apiVersion: ex.com/v1
kind: Widget
metadata: {name: w}
spec: {size: 2}
"""


@pytest.fixture(scope="module")
def space(kubectl: Any) -> str:
    """A namespace made by a typed (protobuf) request."""
    assert kubectl("create", "namespace", "verbs") == "namespace/verbs created\n"
    kubectl("config", "set-context", "--current", "--namespace=verbs")
    return "verbs"


def test_typed_commands_send_protobuf_and_are_understood(kubectl: Any, space: str) -> None:
    kubectl("create", "configmap", "settings", "--from-literal=a=b")
    kubectl("create", "secret", "generic", "password", "--from-literal=p=q")
    kubectl("create", "serviceaccount", "robot")
    kubectl("create", "deployment", "typed", "--image=example/app:1", "--port=80")
    kubectl("create", "role", "reader", "--verb=get", "--resource=pods")
    assert kubectl.json("get", "configmap", "settings")["data"] == {"a": "b"}
    assert kubectl.json("get", "secret", "password")["data"] == {"p": "cQ=="}
    ports = kubectl.json("get", "deploy", "typed")["spec"]["template"]["spec"]["containers"][0]
    assert ports["ports"] == [{"containerPort": 80, "protocol": "TCP"}]
    assert kubectl("auth", "can-i", "create", "pods") == "yes\n"
    assert "admin" in kubectl("auth", "whoami")
    kubectl("delete", "deployment", "typed")


def test_apply_in_its_three_ways(kubectl: Any, space: str) -> None:
    first = kubectl("apply", "-f", "-", text=WORKLOAD)
    assert first == "deployment.apps/web created\nservice/web created\n"
    assert "service/web unchanged" in kubectl("apply", "-f", "-", text=WORKLOAD)
    changed = WORKLOAD.replace("replicas: 2", "replicas: 1")
    assert "deployment.apps/web configured" in kubectl("apply", "-f", "-", text=changed)
    assert kubectl.json("get", "deploy", "web")["spec"]["replicas"] == 1
    kubectl("apply", "--server-side", "-f", "-", text=changed)
    managers = kubectl.json("get", "deploy", "web", "--show-managed-fields")["metadata"]
    operations = {(e["manager"], e["operation"]) for e in managers["managedFields"]}
    assert ("kubectl", "Apply") in operations
    again = kubectl("apply", "--server-side", "--dry-run=server", "-f", "-", text=WORKLOAD)
    assert "serverside-applied (server dry run)" in again
    differs = kubectl.run("diff", "--server-side", "-f", "-", text=WORKLOAD)
    assert differs.returncode == 1
    assert "+  replicas: 2" in differs.stdout


def test_two_managers_share_an_applied_manifest(kubectl: Any, space: str) -> None:
    def apply(text: str, manager: str, *more: str) -> Any:
        flags = ("--server-side", "--field-manager", manager, *more)
        return kubectl.run("apply", *flags, "-f", "-", text=text)

    empty = WORKLOAD.replace("name: web", "name: shared")
    plain = empty.replace("creationTimestamp: null", "").replace(", }", "}")
    for manager in ("one", "two", "one"):
        done = apply(plain, manager)
        assert done.returncode == 0, done.stderr
    assert apply(empty, "one").returncode == 0
    # As on kube-apiserver 1.36: a null creation time of a template is a field, and news each time.
    done = apply(empty, "two")
    assert done.returncode == 1
    assert 'conflict with "one": .spec.template.metadata.creationTimestamp' in done.stderr
    assert apply(empty, "two", "--force-conflicts").returncode == 0
    kubectl("delete", "deployment/shared", "service/shared")


def test_unknown_fields_are_refused_by_default(kubectl: Any, space: str) -> None:
    typo = WORKLOAD.replace("targetPort", "tragetPort")
    refused = kubectl.run("apply", "-f", "-", text=typo)
    assert refused.returncode == 1
    assert 'unknown field "spec.ports[0].tragetPort"' in refused.stderr


def test_labels_annotations_patches_and_scale(kubectl: Any, space: str) -> None:
    kubectl("label", "deploy", "web", "tier=front")
    kubectl("annotate", "deploy", "web", "note=x")
    kubectl("scale", "deploy", "web", "--replicas=3")
    kubectl("set", "image", "deploy/web", "c=example/app:2")
    kubectl("patch", "svc", "web", "-p", '{"spec":{"selector":{"tier":"front"}}}')
    found = kubectl.json("get", "deploy", "web")
    assert found["metadata"]["labels"]["tier"] == "front"
    assert found["spec"]["replicas"] == 3
    assert found["spec"]["template"]["spec"]["containers"][0]["image"] == "example/app:2"
    assert "revision #2" in kubectl("rollout", "history", "deploy/web", "--revision=2")
    waiting = kubectl.run("rollout", "status", "deploy/web", "--timeout=1s")
    assert "Waiting for deployment" in waiting.stdout


def test_tables_describe_and_explain(kubectl: Any, space: str) -> None:
    table = kubectl("get", "all")
    assert "deployment.apps/web" in table
    assert "LoadBalancer" in table
    assert "READY" in kubectl("get", "deploy", "-o", "wide")
    assert "RollingUpdateStrategy" in kubectl("describe", "deploy", "web")
    assert "maxSurge" in kubectl("explain", "deployment.spec.strategy.rollingUpdate")
    assert "deployments" in kubectl("api-resources", "--api-group=apps", "-o", "name")
    assert "Server Version: v1." in kubectl("version")


@pytest.mark.drydock_only("the version says who it is")
def test_the_version_names_drydock(kubectl: Any) -> None:
    assert "+drydock" in kubectl("version")


def test_watch_and_wait(kubectl: Any, space: str) -> None:
    watch = kubectl.popen("get", "configmap", "-w", "-o", "name")
    assert watch.stdout is not None
    assert watch.stdout.readline().startswith("configmap/")
    kubectl("create", "configmap", "noticed")
    lines = iter(watch.stdout.readline, "")
    assert any(line.strip() == "configmap/noticed" for line in lines)
    watch.terminate()
    watch.wait(timeout=10)
    watch.stdout.close()
    for_value = "--for=jsonpath={.spec.replicas}=3"
    kubectl("wait", for_value, "deploy/web", "--timeout=5s")
    kubectl("delete", "configmap", "noticed", "--wait=true")


def test_lists_are_applied_and_the_older_schema_is_understood(kubectl: Any, space: str) -> None:
    maps = [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"listed-{number}"}}
        for number in range(2)
    ]
    whole = json.dumps({"apiVersion": "v1", "kind": "List", "items": maps})
    assert kubectl("apply", "-f", "-", text=whole).count("created") == 2
    older = kubectl("explain", "--output=plaintext-openapiv2", "deployment.spec.strategy")
    assert "rollingUpdate" in older


def test_custom_kinds_from_definition_to_deletion(kubectl: Any, space: str) -> None:
    kubectl("apply", "-f", "-", text=DEFINITION)
    kubectl("wait", "--for=condition=Established", "crd/widgets.ex.com", "--timeout=5s")
    assert "widget.ex.com/w created" in kubectl("apply", "-f", "-", text=WIDGET)
    assert kubectl("get", "wd").split() == ["NAME", "SIZE", "w", "2"]
    assert kubectl.json("get", "wd", "w")["spec"] == {"size": 2, "color": "red"}
    kubectl("scale", "wd", "w", "--replicas=5")
    assert kubectl.json("get", "wd", "w")["spec"]["size"] == 5
    assert "how big it is" in kubectl("explain", "widget.spec.size")
    wrong = kubectl.run("patch", "wd", "w", "--type=merge", "-p", '{"spec":{"size":0}}')
    assert "should be greater than or equal to 1" in wrong.stderr
    kubectl("delete", "crd", "widgets.ex.com", "--timeout=20s")
    assert "could not find the requested resource" in kubectl.run("get", "widgets").stderr


def test_deleting_the_namespace_takes_everything(kubectl: Any, space: str) -> None:
    assert kubectl("delete", "deploy", "web", "--cascade=foreground")
    assert kubectl("get", "rs", "-o", "name") == ""
    kubectl("delete", "namespace", space, "--timeout=20s")
    assert "NotFound" in kubectl.run("get", "namespace", space).stderr
