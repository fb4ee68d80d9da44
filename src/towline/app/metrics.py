"""The engine's Prometheus metrics, under Argo CD's names so that its dashboards work.

Applications are read from the cache when somebody asks; counters of an application are forgotten
with it. Series are bounded: applications beyond a limit are counted together, without their names.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import REGISTRY, Collector

from towline.app.metrics_requests import ApiRequest
from towline.argo.application import Application, parse_application
from towline.argo.names import APPLICATION, IN_CLUSTER_NAME, IN_CLUSTER_SERVER
from towline.controllers.application.ports import EngineObserver, LiveCache
from towline.errors import InputError
from towline.gitops.events import completed

_MAX_APPLICATIONS: Final = 10_000
_MAX_SERIES: Final = 2_000
_APP: Final = ("namespace", "name", "project")
_INFO: Final = (
    *_APP,
    "autosync_enabled",
    "repo",
    "dest_server",
    "dest_namespace",
    "sync_status",
    "health_status",
    "operation",
)


class _AppLabels(NamedTuple):
    namespace: str
    name: str
    project: str


class _Histogram:
    """Durations in buckets.

    Args:
        bounds: Upper bounds, ascending, seconds.
    """

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def add(self, seconds: float) -> None:
        """Counts one duration."""
        place = sum(seconds > bound for bound in self._bounds)
        self._counts[place] += 1
        self.total += seconds

    def buckets(self) -> list[tuple[str, float]]:
        """Cumulative counts by upper bound."""
        found, so_far = [], 0
        for bound, count in zip((*self._bounds, None), self._counts, strict=True):
            so_far += count
            found.append(("+Inf" if bound is None else str(bound), float(so_far)))
        return found


_RECONCILE: Final = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
_GIT: Final = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 10.0, 20.0)


class EngineMetrics(EngineObserver, Collector):
    """Counts the engine's work and tells it to Prometheus.

    Args:
        cache: Live objects, the applications among them.
        most: Applications with series of their own.
    """

    def __init__(self, cache: LiveCache, *, most: int = _MAX_APPLICATIONS) -> None:
        self._cache = cache
        self._most = most
        self._syncs: Counter[tuple[_AppLabels, str, str, str]] = Counter()
        self._sync_seconds: Counter[tuple[_AppLabels, str]] = Counter()
        self._reconciles: defaultdict[tuple[str, str], _Histogram] = defaultdict(
            lambda: _Histogram(_RECONCILE)
        )
        self._requests: Counter[ApiRequest] = Counter()
        self._git: defaultdict[tuple[str, str], _Histogram] = defaultdict(lambda: _Histogram(_GIT))
        self._git_failures: Counter[str] = Counter()
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def render(self) -> bytes:
        """All metrics in Prometheus' text format: those of the process, then the engine's."""
        return generate_latest(REGISTRY) + generate_latest(self._registry)

    def changed(self, before: Application, after: Application) -> None:
        """Counts an operation that has ended."""
        state = completed(before, after)
        if state is None:
            return
        sync = (state.get("operation") or {}).get("sync") or {}
        labels, server = self._labels(after), _server(after)
        dry_run = "true" if sync.get("dryRun") else "false"
        self._syncs[labels, server, str(state["phase"]), dry_run] += 1
        begun, ended = state.get("startedAt"), state.get("finishedAt")
        if begun and ended:
            took = dt.datetime.fromisoformat(str(ended)) - dt.datetime.fromisoformat(str(begun))
            self._sync_seconds[labels, server] += int(took.total_seconds())

    def compared(self, app: Application, seconds: float) -> None:
        """Counts a comparison."""
        self._reconciles[app.namespace, _server(app)].add(seconds)

    def requested(self, request: ApiRequest) -> None:
        """Counts a request to the Kubernetes API."""
        if request in self._requests or len(self._requests) < _MAX_SERIES:
            self._requests[request] += 1

    def git(self, repo: str, kind: str, seconds: float, failed: bool) -> None:
        """Counts a request to a git repository.

        Args:
            repo: Its URL, without credentials.
            kind: `ls-remote` or `fetch`.
            seconds: How long it took.
            failed: Whether it failed.
        """
        known = (repo, kind) in self._git or len(self._git) < _MAX_SERIES
        name = repo if known else ""
        self._git[name, kind].add(seconds)
        if failed and kind == "fetch":
            self._git_failures[name] += 1

    def collect(self) -> Iterator[Metric]:
        """What is known now."""
        applications = list(self._applications())
        yield from _infos(applications)
        self._forget({self._labels(app) for app in applications})
        yield from self._sync_metrics()
        yield self._reconcile_metric()
        yield self._request_metric()
        yield from self._git_metrics()
        yield from self._cluster_metrics()

    def _applications(self) -> Iterable[Application]:
        for found in self._cache.objects(APPLICATION.group_kind)[: self._most]:
            try:
                yield parse_application(found.body())
            except InputError:
                continue  # its status says so

    def _labels(self, app: Application) -> _AppLabels:
        labels = _AppLabels(app.namespace, app.name, app.spec.project)
        known = (labels, _server(app)) in self._sync_seconds
        crowded = not known and len(self._sync_seconds) >= self._most
        return _AppLabels(app.namespace, "", app.spec.project) if crowded else labels

    def _forget(self, present: set[_AppLabels]) -> None:
        for key in [one for one in self._syncs if one[0].name and one[0] not in present]:
            del self._syncs[key]
        for place in [one for one in self._sync_seconds if one[0].name and one[0] not in present]:
            del self._sync_seconds[place]

    def _sync_metrics(self) -> Iterator[Metric]:
        labels = (*_APP, "dest_server", "phase", "dry_run")
        counts = CounterMetricFamily(
            "argocd_app_sync", "Number of application syncs.", None, labels
        )
        for (app, server, phase, dry_run), count in self._syncs.items():
            counts.add_metric([*app, server, phase, dry_run], count)
        yield counts
        seconds = CounterMetricFamily(
            "argocd_app_sync_duration_seconds",
            "Application sync performance in seconds total.",
            labels=(*_APP, "dest_server"),
        )
        for (app, server), total in self._sync_seconds.items():
            seconds.add_metric([*app, server], total)
        yield seconds

    def _reconcile_metric(self) -> Metric:
        family = HistogramMetricFamily(
            "argocd_app_reconcile",
            "Application reconciliation performance in seconds.",
            labels=("namespace", "dest_server"),
        )
        for place, found in self._reconciles.items():
            family.add_metric(place, found.buckets(), found.total)
        return family

    def _request_metric(self) -> Metric:
        family = CounterMetricFamily(
            "argocd_app_k8s_request",
            "Number of kubernetes requests executed during application reconciliation.",
            labels=("server", "response_code", "verb", "resource_kind", "dry_run"),
        )
        for request, count in self._requests.items():
            dry_run = "true" if request.dry_run else "false"
            labels = [IN_CLUSTER_SERVER, str(request.code), request.verb, request.kind, dry_run]
            family.add_metric(labels, count)
        return family

    def _git_metrics(self) -> Iterator[Metric]:
        labels = ("repo", "request_type")
        counts = CounterMetricFamily("argocd_git_request", "Number of git requests.", labels=labels)
        times = HistogramMetricFamily(
            "argocd_git_request_duration_seconds", "Git requests duration seconds.", labels=labels
        )
        for place, found in self._git.items():
            buckets = found.buckets()
            counts.add_metric(place, buckets[-1][1])
            times.add_metric(place, buckets, found.total)
        failures = CounterMetricFamily(
            "argocd_git_fetch_fail", "Number of git fetch requests failures.", labels=("repo",)
        )
        for repo, count in self._git_failures.items():
            failures.add_metric([repo], count)
        yield from (counts, times, failures)

    def _cluster_metrics(self) -> Iterator[Metric]:
        info = GaugeMetricFamily(
            "argocd_cluster_info", "Information about cluster.", labels=("server", "name")
        )
        info.add_metric([IN_CLUSTER_SERVER, IN_CLUSTER_NAME], 1)
        objects = GaugeMetricFamily(
            "argocd_cluster_api_resource_objects",
            "Number of k8s resource objects in the cache.",
            labels=("server",),
        )
        objects.add_metric([IN_CLUSTER_SERVER], len(self._cache.objects()))
        yield from (info, objects)


def _infos(applications: Iterable[Application]) -> Iterator[Metric]:
    info = GaugeMetricFamily("argocd_app_info", "Information about application.", labels=_INFO)
    conditions = GaugeMetricFamily(
        "argocd_app_condition",
        "Report application conditions.",
        labels=(*_APP, "condition"),
    )
    for app in applications:
        labels = (app.namespace, app.name, app.spec.project)
        info.add_metric([*labels, *_description(app)], 1)
        kinds = Counter(str(one.get("type") or "") for one in app.status.get("conditions") or [])
        for kind, count in kinds.items():
            conditions.add_metric([*labels, kind], count)
    yield from (info, conditions)


def _description(app: Application) -> tuple[str, ...]:
    operation = "delete" if app.deleting else "sync" if app.operation is not None else ""
    return (
        "true" if app.automated is not None else "false",
        app.sources[0].repo_url if app.sources else "",
        _server(app),
        app.spec.destination.namespace,
        str((app.status.get("sync") or {}).get("status") or "Unknown"),
        str((app.status.get("health") or {}).get("status") or "Unknown"),
        operation,
    )


def _server(app: Application) -> str:
    destination = app.spec.destination
    if destination.server:
        return destination.server
    return IN_CLUSTER_SERVER if destination.name == IN_CLUSTER_NAME else ""
