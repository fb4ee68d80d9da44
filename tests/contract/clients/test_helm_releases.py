"""Releases of charts with the real helm: its whole life cycle, hooks, waiting, merges."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

CHART = {
    "Chart.yaml": """
apiVersion: v2
name: shop
version: 0.1.0
appVersion: "7"
""",
    "values.yaml": "replicas: 2\ntag: one\n",
    "crds/gears.yaml": """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gears.shop.example}
spec:
  group: shop.example
  scope: Namespaced
  names: {plural: gears, singular: gear, kind: Gear}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties: {spec: {type: object, properties: {teeth: {type: integer, minimum: 3}}}}
""",
    "templates/app.yaml": """
apiVersion: apps/v1
kind: Deployment
metadata: {name: {{ .Release.Name }}, labels: {app: {{ .Release.Name }}}}
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {app: {{ .Release.Name }}}}
  template:
    metadata: {labels: {app: {{ .Release.Name }}}}
    spec: {containers: [{name: c, image: "example/app:{{ .Values.tag }}"}]}
---
apiVersion: v1
kind: Service
metadata: {name: {{ .Release.Name }}}
spec: {selector: {app: {{ .Release.Name }}}, ports: [{port: 80}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}}
data:
  nodes: '{{ len (lookup "v1" "Node" "" "").items }}'
  {{- if .Capabilities.APIVersions.Has "metrics.k8s.io/v1beta1" }}
  metrics: "yes"
  {{- end }}
""",
    "templates/gear.yaml": """
apiVersion: shop.example/v1
kind: Gear
metadata: {name: {{ .Release.Name }}}
spec: {teeth: 7}
""",
    "templates/migrate.yaml": """
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ .Release.Name }}-migrate
  annotations:
    helm.sh/hook: pre-install,pre-upgrade
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
spec:
  backoffLimit: 0
  template:
    metadata:
      annotations:
        drydock.io/sim-run-seconds: "0.1"
        drydock.io/sim-exit-code: "{{ .Values.migration | default 0 }}"
    spec: {restartPolicy: Never, containers: [{name: c, image: "example/app:1"}]}
""",
    "templates/tests/check.yaml": """
apiVersion: v1
kind: Pod
metadata:
  name: {{ .Release.Name }}-check
  annotations:
    helm.sh/hook: test
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
    drydock.io/sim-run-seconds: "0.1"
spec: {restartPolicy: Never, containers: [{name: c, image: "example/app:1"}]}
""",
}
WAIT = ("--wait", "--timeout=20s")


@pytest.fixture(scope="module")
def chart(folder: Path) -> str:
    for name, text in CHART.items():
        file = folder / "shop" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return "./shop"


def deployment(kubectl: Any, name: str) -> tuple[int, str]:
    spec = kubectl.json("get", "deploy", name)["spec"]
    return spec["replicas"], spec["template"]["spec"]["containers"][0]["image"]


def history(helm: Any, name: str) -> list[str]:
    return [entry["status"] for entry in helm.json("history", name)]


def test_a_release_from_installation_to_removal(helm: Any, kubectl: Any, chart: str) -> None:
    installed = helm.json("install", "web", chart, *WAIT)
    assert installed["info"]["status"] == "deployed"
    assert deployment(kubectl, "web") == (2, "example/app:one")
    assert kubectl.json("get", "deploy", "web")["status"]["availableReplicas"] == 2
    assert kubectl.json("get", "cm", "web")["data"] == {"nodes": "2", "metrics": "yes"}
    assert kubectl.json("get", "gear", "web")["spec"] == {"teeth": 7}
    assert kubectl("get", "jobs", "-o", "name") == "", "the hook that succeeded is gone"

    helm("upgrade", "web", chart, "--set", "tag=two,replicas=1", *WAIT)
    assert deployment(kubectl, "web") == (1, "example/app:two")
    assert history(helm, "web") == ["superseded", "deployed"]
    assert helm.json("get", "values", "web") == {"tag": "two", "replicas": 1}
    assert "kind: Gear" in helm("get", "manifest", "web")
    assert "web-migrate" in helm("get", "hooks", "web")
    assert [entry["revision"] for entry in helm.json("list")] == ["2"]
    assert "==> v1/Deployment" in helm("status", "web")

    helm("rollback", "web", "1", *WAIT)
    assert deployment(kubectl, "web") == (2, "example/app:one")
    assert history(helm, "web") == ["superseded", "superseded", "deployed"]
    tested = helm("test", "web", "--logs", "--timeout=20s")
    assert "Phase:          Succeeded" in tested
    assert "simulated container" in tested

    helm("uninstall", "web", *WAIT)
    assert helm.json("list") == []
    assert kubectl("get", "deploy,svc,gears,secrets", "-l", "app=web", "-o", "name") == ""
    assert "NotFound" in kubectl.refused("get", "gear", "web")


def test_a_server_dry_run_changes_nothing(helm: Any, kubectl: Any, chart: str) -> None:
    shown = helm("upgrade", "--install", "dry", chart, "--dry-run=server", "--hide-notes")
    assert "nodes: '2'" in shown, "lookups are answered"
    assert kubectl("get", "deploy,cm,secret", "-l", "owner=helm", "-o", "name") == ""
    assert "NotFound" in kubectl.refused("get", "deploy", "dry")


@pytest.mark.parametrize("side", ["true", "false"])
def test_what_others_changed_is_merged(helm: Any, kubectl: Any, chart: str, side: str) -> None:
    """By server-side apply a foreign field is a conflict, by helm's own merge it stays."""
    name = f"merge-{side}"
    flags = (f"--server-side={side}", *WAIT)
    helm("install", name, chart, *flags)
    kubectl("annotate", "deploy", name, "note=kept")
    kubectl("scale", "deploy", name, "--replicas=3")
    if side == "true":
        conflict = helm.refused("upgrade", name, chart, "--set", "tag=two", *flags)
        assert 'conflict with "kubectl" with subresource "scale" using apps/v1' in conflict
        helm("upgrade", name, chart, "--set", "tag=two", "--force-conflicts", *flags)
        assert deployment(kubectl, name) == (2, "example/app:two")
    else:
        kubectl("set", "image", f"deploy/{name}", "c=example/foreign:9")
        helm("upgrade", name, chart, "--set", "tag=two", *flags)
        # The live count is wanted again, as the manifest says it; the image was changed by both.
        assert deployment(kubectl, name) == (2, "example/app:two")
    assert kubectl.json("get", "deploy", name)["metadata"]["annotations"]["note"] == "kept"
    helm("uninstall", name, "--wait")


def test_failures_are_told_and_rolled_back(helm: Any, kubectl: Any, chart: str) -> None:
    helm("install", "firm", chart, *WAIT)
    failed = helm.refused("upgrade", "firm", chart, "--set", "migration=3", "--timeout=20s")
    assert "pre-upgrade hooks failed" in failed
    undone = ("--rollback-on-failure", "--timeout=20s")
    refused = helm.refused("upgrade", "firm", chart, "--set", "replicas=many", *undone)
    assert "expected numeric (int or float)" in refused
    assert history(helm, "firm") == ["superseded", "failed", "failed", "deployed"]
    assert deployment(kubectl, "firm") == (2, "example/app:one")
    helm("uninstall", "firm", "--keep-history")
    assert helm.json("status", "firm")["info"]["status"] == "uninstalled"
    kubectl("delete", "secret", "-l", "owner=helm,name=firm")


def test_namespaces_and_objects_of_others(helm: Any, kubectl: Any, chart: str) -> None:
    kubectl("create", "namespace", "taken")
    kubectl("create", "cm", "apart", "-n", "taken", "--from-literal=a=b")
    flags = ("-n", "taken", *WAIT)
    refused = helm.refused("install", "apart", chart, *flags)
    assert 'ConfigMap "apart" in namespace "taken" exists' in refused
    helm("install", "apart", chart, "--take-ownership", "--force-conflicts", *flags)
    listed = json.loads(helm("list", "-A", "-o", "json"))
    assert [(e["name"], e["namespace"]) for e in listed] == [("apart", "taken")]
    helm("install", "other", chart, "-n", "fresh", "--create-namespace", *WAIT)
    assert kubectl("get", "pods", "-n", "fresh", "-o", "name").count("pod/") == 2
    kubectl("delete", "namespace", "taken", "fresh", "--timeout=20s")
    assert helm.json("list", "-A") == []
