from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest

from towline.app.metrics import EngineMetrics
from towline.app.metrics_requests import ApiRequest, CountedApi
from towline.argo.application import parse_application
from towline.argo.names import APPLICATION
from towline.errors import TransientError
from towline.kube.refs import GroupKind
from towline.kube.status import ApiError
from towline.kubeclient.objects import cached_object


class Cache:
    def __init__(self, *apps: Any) -> None:
        self.found = [cached_object(orjson.dumps(app), APPLICATION) for app in apps]

    def objects(self, kind: Any = None, namespace: Any = None) -> Any:
        return self.found


def app(name: str, **status: Any) -> Any:
    source = {"repoURL": "https://git.test/r.git", "path": "."}
    destination = {"server": "https://kubernetes.default.svc", "namespace": "prod"}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": name, "namespace": "argocd", "uid": name},
        "spec": {"project": "default", "source": source, "destination": destination},
        "status": status,
    }


def state(phase: str) -> Any:
    found = {"startedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:00:07Z"}
    return {"phase": phase, **found, "operation": {"sync": {}}}


def lines(metrics: EngineMetrics) -> dict[str, float]:
    text = metrics.render().decode().splitlines()
    found = (line.rpartition(" ") for line in text if line.startswith("argocd_"))
    return {series: float(value) for series, _, value in found}


def finish(metrics: EngineMetrics, name: str, phase: str = "Succeeded") -> None:
    before = parse_application(app(name))
    after = parse_application(app(name, operationState=state(phase)))
    metrics.changed(before, after)
    metrics.changed(after, after)  # which ends nothing


def series(metric: str, /, **labels: str) -> str:
    listed = ",".join(f'{name}="{value}"' for name, value in sorted(labels.items()))
    return f"{metric}{{{listed}}}"


def test_an_application_and_its_work_show_under_argo_cds_names() -> None:
    conditions = [{"type": "SyncError", "message": "a"}, {"type": "SyncError", "message": "b"}]
    found = app("web", sync={"status": "Synced"}, conditions=conditions)
    metrics = EngineMetrics(Cache(found))  # type: ignore[arg-type]
    finish(metrics, "web")
    metrics.compared(parse_application(found), 0.6)
    metrics.compared(parse_application(found), 40.0)
    metrics.git("https://git.test/r.git", "ls-remote", 0.05, False)
    metrics.git("https://git.test/r.git", "fetch", 1.5, True)
    metrics.requested(ApiRequest("PATCH", "Deployment", 200, False))
    told = lines(metrics)
    who = {"namespace": "argocd", "name": "web", "project": "default"}
    server = {"dest_server": "https://kubernetes.default.svc"}
    info = {
        **who,
        "autosync_enabled": "false",
        "repo": "https://git.test/r.git",
        **server,
        "dest_namespace": "prod",
        "sync_status": "Synced",
        "health_status": "Unknown",
        "operation": "",
    }
    place = {"namespace": "argocd", **server}
    repo = {"repo": "https://git.test/r.git"}
    assert told[series("argocd_app_info", **info)] == 1
    assert told[series("argocd_app_condition", **who, condition="SyncError")] == 2
    sync = {**who, **server, "phase": "Succeeded", "dry_run": "false"}
    assert told[series("argocd_app_sync_total", **sync)] == 1
    assert told[series("argocd_app_sync_duration_seconds_total", **who, **server)] == 7
    assert told[series("argocd_app_reconcile_bucket", le="0.5", **place)] == 0
    assert told[series("argocd_app_reconcile_bucket", le="1.0", **place)] == 1
    assert told[series("argocd_app_reconcile_count", **place)] == 2
    assert told[series("argocd_app_reconcile_sum", **place)] == 40.6
    assert told[series("argocd_git_request_total", **repo, request_type="fetch")] == 1
    assert told[series("argocd_git_fetch_fail_total", **repo)] == 1
    request = {"response_code": "200", "verb": "PATCH", "resource_kind": "Deployment"}
    asked = series(
        "argocd_app_k8s_request_total",
        server="https://kubernetes.default.svc",
        **request,
        dry_run="false",
    )
    assert told[asked] == 1
    assert told[series("argocd_cluster_api_resource_objects", server=server["dest_server"])] == 1


def test_what_is_gone_is_forgotten() -> None:
    metrics = EngineMetrics(Cache(app("web")))  # type: ignore[arg-type]
    finish(metrics, "web")
    finish(metrics, "gone")
    told = [one for one in lines(metrics) if one.startswith("argocd_app_sync_total")]
    assert len(told) == 1
    assert 'name="web"' in told[0]


def test_applications_beyond_the_limit_are_counted_together() -> None:
    metrics = EngineMetrics(Cache(app("a"), app("b")), most=2)  # type: ignore[arg-type]
    for name in ("a", "b", "c", "d"):
        finish(metrics, name)
    told = {k: v for k, v in lines(metrics).items() if k.startswith("argocd_app_sync_total")}
    assert sorted(told.values()) == [1, 1, 2]
    assert any('name=""' in one for one in told)


class Api:
    discovery: Any = None

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    async def get(self, *_: Any) -> Any:
        if self.error is not None:
            raise self.error


@pytest.mark.parametrize(
    ("error", "code"),
    [(None, 404), (ApiError("no", reason="Forbidden"), 403), (TransientError("later"), 503)],
)
def test_requests_are_counted_by_their_answer(error: Any, code: int) -> None:
    told: list[ApiRequest] = []
    api = CountedApi(Api(error), told.append)  # type: ignore[arg-type]

    async def ask() -> None:
        await api.get(GroupKind("", "Pod"), "n", "p")

    if error is None:
        asyncio.run(ask())
    else:
        with pytest.raises(type(error)):
            asyncio.run(ask())
    assert told == [ApiRequest("GET", "Pod", code, False)]
