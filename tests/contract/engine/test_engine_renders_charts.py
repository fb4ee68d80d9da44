"""Helm and Kustomize sources through the whole engine, against a real API server."""

from __future__ import annotations

from typing import Any

import pytest

from towline.kube.refs import GroupKind

URL = "http://git.test/team/manifests.git"
AUTOMATED = {"automated": {"prune": True, "selfHeal": True}}

CHART = {
    "chart/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.2.3\n",
    "chart/values.yaml": "greeting: hello\nextra: {}\n",
    "chart/templates/config.yaml": """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}-config
  labels: {{- toYaml (dict "chart" (printf "%s-%s" .Chart.Name .Chart.Version)) | nindent 4 }}
data:
  greeting: {{ .Values.greeting | quote }}
  namespace: {{ .Release.Namespace }}
  size: {{ .Values.size | default 1 | quote }}
""",
    "chart/templates/hook.yaml": """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: before
  annotations: {"helm.sh/hook": "pre-install,pre-upgrade"}
""",
    "envs/prod.yaml": "greeting: good day\n",
}


def synced(status: Any) -> bool:
    return bool((status.get("sync") or {}).get("status") == "Synced" and status.get("history"))


async def config_map(engine: Any, namespace: str, name: str) -> Any:
    return await engine.client.get(GroupKind("", "ConfigMap"), namespace, name)


@pytest.mark.asyncio
async def test_a_chart_in_git_is_rendered_with_its_values_and_parameters(engine: Any) -> None:
    engine.push(CHART)
    helm = {
        "releaseName": "shop",
        "valueFiles": ["../envs/prod.yaml"],
        "parameters": [{"name": "size", "value": "3"}],
    }
    await engine.create_app(
        "helm-web", {"source": {"path": "chart", "helm": helm}, "syncPolicy": AUTOMATED}
    )
    done = await engine.until_app("helm-web", synced)
    assert done["status"]["sourceType"] == "Helm"
    found = await config_map(engine, "helm-web", "shop-config")
    assert found["data"] == {"greeting": "good day", "namespace": "helm-web", "size": "3"}
    assert found["metadata"]["labels"]["chart"] == "web-1.2.3"
    hooks = done["status"]["operationState"]["syncResult"]["resources"]
    assert [(r["name"], r.get("hookType")) for r in hooks if r.get("hookType")] == [
        ("before", "PreSync")
    ]


@pytest.mark.asyncio
async def test_values_of_another_source_are_used_and_a_change_of_them_is_synced(
    engine: Any,
) -> None:
    engine.push(CHART)
    sources = [
        {
            "repoURL": URL,
            "targetRevision": "main",
            "path": "chart",
            "helm": {"valueFiles": ["$settings/envs/prod.yaml"]},
        },
        {"repoURL": URL, "targetRevision": "main", "ref": "settings"},
    ]
    await engine.create_app("by-ref", {"sources": sources, "syncPolicy": AUTOMATED})
    await engine.until_app("by-ref", synced)
    found = await config_map(engine, "by-ref", "by-ref-config")
    assert found["data"]["greeting"] == "good day"
    commit = engine.push({"envs/prod.yaml": "greeting: changed\n"})
    await engine.until_app(
        "by-ref", lambda s: synced(s) and s["sync"].get("revisions") == [commit, commit]
    )
    found = await config_map(engine, "by-ref", "by-ref-config")
    assert found["data"]["greeting"] == "changed"


@pytest.mark.asyncio
async def test_a_template_that_fails_is_explained_with_its_place(engine: Any) -> None:
    engine.push({**CHART, "chart/templates/bad.yaml": "{{ .Values.no.such.thing }}\n"})
    await engine.create_app("helm-bad", {"source": {"path": "chart"}, "syncPolicy": AUTOMATED})
    found = await engine.until_app("helm-bad", lambda s: bool(s.get("conditions")))
    [condition] = found["status"]["conditions"]
    assert condition["type"] == "ComparisonError"
    assert "web/templates/bad.yaml:1" in condition["message"]
    assert "nil pointer evaluating interface {}.such" in condition["message"]
    engine.push({"chart/templates/bad.yaml": None})


@pytest.mark.asyncio
async def test_a_kustomization_is_built_with_the_images_of_the_application(engine: Any) -> None:
    engine.push(
        {
            "base/kustomization.yaml": "resources: [config.yaml]\n",
            "base/config.yaml": (
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata: {a: b}\n"
            ),
            "overlay/kustomization.yaml": (
                "resources: [../base]\nnamePrefix: prod-\n"
                "configMapGenerator: [{name: made, literals: [x=1]}]\n"
            ),
        }
    )
    source = {"path": "overlay", "kustomize": {"nameSuffix": "-v1", "commonLabels": {"by": "us"}}}
    await engine.create_app("kust", {"source": source, "syncPolicy": AUTOMATED})
    done = await engine.until_app("kust", synced)
    assert done["status"]["sourceType"] == "Kustomize"
    names = sorted(r["name"] for r in done["status"]["resources"])
    assert names[-1] == "prod-web-v1"
    assert names[0].startswith("prod-made-v1-")
    found = await config_map(engine, "kust", "prod-web-v1")
    assert found["metadata"]["labels"]["by"] == "us"
