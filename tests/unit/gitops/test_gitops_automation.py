"""When automated sync starts, waits or refuses; retries; history; projects; URLs of pushes."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from towline.argo.application import Backoff as RetryBackoff
from towline.argo.application import Retry, parse_application
from towline.argo.pinned import Pinned
from towline.argo.project import default_project, parse_project
from towline.argo.status import ConditionType, HealthCode, Phase, SyncCode
from towline.gitops import operation as states
from towline.gitops.automation import (
    Backoff,
    NoSync,
    StartSync,
    SyncFacts,
    SyncLater,
    decide_auto_sync,
)
from towline.gitops.compare import Comparison, Pair
from towline.gitops.health import Health
from towline.gitops.projects import check_spec, kind_permitted, source_permitted
from towline.gitops.repourl import normalize_url, touched
from towline.gitops.status import health_entry, sync_entry, with_history
from towline.kube.refs import GroupKind, GroupVersionKind, ObjectKey

NOW = dt.datetime(2026, 1, 2, 15, 4, 5, tzinfo=dt.UTC)
REV = "c" * 40
SOURCE = {"repoURL": "https://git.test/a/b", "path": "."}
FULL = {"prune": True, "selfHeal": True}


class Thing:
    """Just enough of a live object."""

    def __init__(self, *, ending: Any = False) -> None:
        self.deletion_timestamp = "T" if ending else ""
        self.annotations = {}


def pair(name: Any = "one", *, extra: Any = False, synced: Any = False, ending: Any = False) -> Any:
    return Pair(
        key=ObjectKey("", "ConfigMap", "prod", name),
        gvk=GroupVersionKind("", "v1", "ConfigMap"),
        target=None,
        live=Thing(ending=ending) if extra else None,
        status=SyncCode.SYNCED if synced else SyncCode.OUT_OF_SYNC,
        ours=True,
        hook=False,
    )


def app(automated: Any = None, state: Any = None, **over: Any) -> Any:
    spec = {
        "source": SOURCE,
        "syncPolicy": {"automated": automated} if automated is not None else {},
    }
    status = {"operationState": state} if state else {}
    return parse_application({"metadata": {"name": "web"}, "spec": spec, "status": status, **over})


def state(
    phase: Any = "Succeeded", revision: Any = REV, count: Any = 0, ago: Any = 1, source: Any = None
) -> Any:
    sync = {"autoHealAttemptsCount": count} if count else {}
    finished = (NOW - dt.timedelta(seconds=ago)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "phase": phase,
        "message": "why",
        "finishedAt": finished,
        "operation": {"sync": sync},
        "syncResult": {"revision": revision, "source": source or SOURCE},
    }


def decide(application: Any, *pairs: Any, effective: Any = False) -> Any:
    pairs = pairs or (pair(),)
    out = any(p.status is SyncCode.OUT_OF_SYNC for p in pairs)
    code = SyncCode.OUT_OF_SYNC if out else SyncCode.SYNCED
    facts = SyncFacts(
        comparison=Comparison(pairs=tuple(pairs), hooks=(), sync=code, conditions=()),
        pinned=Pinned(
            application.raw_sources, (REV,) * len(application.sources), application.several
        ),
        now=NOW,
        backoff=Backoff(),
        effective=effective,
    )
    return decide_auto_sync(application, facts)


@pytest.mark.parametrize(
    ("application", "pairs"),
    [
        (app(), (pair(),)),
        (app({"enabled": False}), (pair(),)),
        (app(FULL), (pair(synced=True),)),
        (app(FULL, operation={"sync": {}}), (pair(),)),
        (app(FULL, metadata={"name": "web", "deletionTimestamp": "T"}), (pair(),)),
        (app({}), (pair(extra=True),)),
        (app(FULL), (pair(extra=True, ending=True),)),
        (app({"prune": True}, state()), (pair(),)),
    ],
    ids=["manual", "off", "synced", "busy", "deleting", "no prune", "ending", "no self-heal"],
)
def test_nothing_starts(application: Any, pairs: Any) -> None:
    assert decide(application, *pairs) == NoSync()


def test_a_new_revision_is_synced_as_a_whole() -> None:
    found = decide(app(FULL, state(revision="d" * 40)))
    assert isinstance(found, StartSync)
    assert found.operation == {
        "initiatedBy": {"automated": True},
        "retry": {"limit": 5},
        "sync": {"revision": REV, "source": SOURCE, "prune": True},
    }
    assert found.heal == ()


def test_a_changed_source_is_synced_again() -> None:
    assert isinstance(decide(app({}, state(source={"repoURL": "x"}))), StartSync)


def test_several_sources_are_synced_at_all_their_revisions() -> None:
    values = {"repoURL": "https://git.test/a/values", "ref": "values"}
    several = app(FULL)
    spec = {**several.raw["spec"], "sources": [SOURCE, values]}
    found = decide(parse_application({**several.raw, "spec": spec}))
    assert isinstance(found, StartSync)
    assert found.operation["sync"] == {
        "revisions": [REV, REV],
        "sources": [SOURCE, values],
        "prune": True,
    }
    done = {**state(), "syncResult": {"revisions": [REV, REV], "sources": [SOURCE, values]}}
    again = parse_application({**several.raw, "spec": spec, "status": {"operationState": done}})
    found = decide(again)
    assert isinstance(found, StartSync)
    assert found.heal  # nothing new: this is drift


@pytest.mark.parametrize(
    ("sources", "problem"),
    [
        ([SOURCE, {"repoURL": "u"}], "spec.sources[1].repoURL and one of path, chart and ref"),
        ([SOURCE, {"repoURL": "u", "ref": "no spaces"}], "invalid ref 'no spaces'"),
        (
            [{"repoURL": "u", "ref": "v"}, {"repoURL": "w", "ref": "v"}],
            "multiple sources had the same `ref` key",
        ),
        (
            [{"repoURL": "u", "ref": "v"}, {"repoURL": "u", "path": "a", "targetRevision": "x"}],
            "cannot reference a different revision of the same repository",
        ),
        ([SOURCE, {"repoURL": "https://elsewhere.test/x", "path": "a"}], "is not permitted in"),
    ],
)
def test_sources_that_do_not_fit_together_are_refused(sources: Any, problem: str) -> None:
    made = parse_application(
        {
            "metadata": {"name": "web", "namespace": "argocd"},
            "spec": {
                "sources": sources,
                "destination": {"server": "https://kubernetes.default.svc", "namespace": "prod"},
            },
        }
    )
    project = parse_project(
        {
            "metadata": {"name": "default"},
            "spec": {
                "sourceRepos": ["https://git.test/*/*", "u", "w"],
                "destinations": [{"server": "*", "namespace": "*"}],
            },
        }
    )
    found = check_spec(made, project, control_namespace="argocd")
    assert any(problem in condition.message for condition in found)


def test_status_of_several_sources_names_all_of_them() -> None:
    spec = {"sources": [SOURCE, {"repoURL": "u", "ref": "v"}]}
    made = parse_application({"metadata": {"name": "web"}, "spec": spec})
    entry = sync_entry(made, SyncCode.SYNCED, ("1", "2"))
    assert entry["revisions"] == ["1", "2"]
    assert "revision" not in entry
    assert entry["comparedTo"]["sources"] == spec["sources"]


def test_drift_is_healed_by_name_without_namespace() -> None:
    found = decide(app(FULL, state(count=2)), pair("a"), pair("b", synced=True), effective=True)
    assert found.operation["sync"]["resources"] == [{"kind": "ConfigMap", "name": "a"}]
    assert found.operation["sync"]["autoHealAttemptsCount"] == 3
    assert [p.key.name for p in found.heal] == ["a"]


@pytest.mark.parametrize(
    ("count", "ago", "expected"),
    [
        (0, 0, 0),
        (1, 0.0, 2),
        (1, 2, 0),
        (2, 1, 5),
        (3, 0, 18),
        (4, 0, 54),
        (5, 0, 162),
        (9, 0, 300),
    ],
)
def test_self_heals_that_do_not_help_back_off(count: Any, ago: Any, expected: Any) -> None:
    found = decide(app(FULL, state(count=count, ago=ago)))
    if expected:
        assert found == SyncLater(expected)
    else:
        assert isinstance(found, StartSync)


def test_a_failed_sync_is_not_repeated_for_the_same_revision() -> None:
    found = decide(app(FULL, state("Failed")))
    assert found.condition.message == f"Failed last sync attempt to [{REV}]: why"
    assert found.condition.type is ConditionType.SYNC_ERROR


def test_a_sync_that_would_wipe_out_everything_is_refused() -> None:
    found = decide(app(FULL), pair(extra=True), pair("b", extra=True))
    assert found.condition.message == (
        f"Skipping sync attempt to [{REV}]: auto-sync will wipe out all resources"
    )
    allowed = app({**FULL, "allowEmpty": True})
    assert isinstance(decide(allowed, pair(extra=True)), StartSync)


RETRY = Retry(limit=2, backoff=RetryBackoff(duration="5s", factor=2, max_duration="15s"))


@pytest.mark.parametrize(("count", "seconds"), [(0, 5), (1, 10), (2, 15), (9, 15)])
def test_retry_delays(count: Any, seconds: Any) -> None:
    assert states.retry_delay(RETRY, count) == seconds


def test_a_failed_operation_waits_retries_and_gives_up() -> None:
    stamp = "2026-01-02T15:04:05Z"
    begun = states.started({"sync": {}}, stamp)
    begun["syncResult"] = {"revision": REV, "source": SOURCE, "resources": [{"kind": "X"}]}
    waiting = states.retrying(begun, "boom", NOW, 5, stamp)
    assert waiting["message"] == "boom. Retrying attempt #1 at 3:04PM."
    assert states.retry_due_in(waiting, RETRY, NOW + dt.timedelta(seconds=2)) == 3
    assert states.retry_due_in(begun, RETRY, NOW) is None
    again = states.resumed(waiting, RETRY)
    assert again["syncResult"] == {"revision": REV, "source": SOURCE}
    assert "finishedAt" not in again
    assert states.may_retry(RETRY, {"retryCount": 1})
    assert not states.may_retry(RETRY, {"retryCount": 2})
    last = states.ended({**again, "retryCount": 2}, Phase.FAILED, "boom", stamp)
    assert last["message"] == "boom (retried 2 times)."


def test_history_counts_on_and_keeps_the_newest() -> None:
    history = []
    for number in range(4):
        history = with_history(
            history,
            pinned=Pinned((SOURCE,), (str(number),)),
            started_at="a",
            deployed_at="b",
            initiated_by={"automated": True},
            limit=2,
        )
    assert [(h["id"], h["revision"]) for h in history] == [(2, "2"), (3, "3")]


def test_the_time_of_health_moves_only_with_its_status() -> None:
    before = {"status": "Healthy", "lastTransitionTime": "T1"}
    assert health_entry(before, Health(HealthCode.HEALTHY), "T2")["lastTransitionTime"] == "T1"
    assert health_entry(before, Health(HealthCode.DEGRADED, "m"), "T2") == {
        "status": "Degraded",
        "lastTransitionTime": "T2",
        "message": "m",
    }


def project(**spec: Any) -> Any:
    return parse_project({"metadata": {"name": "p"}, "spec": spec})


@pytest.mark.parametrize(
    ("patterns", "url", "expected"),
    [
        (["*"], "https://git.test/a/b", True),
        (["https://git.test/a/*"], "https://GIT.test/a/b.git", True),
        (["https://git.test/*"], "https://git.test/a/b", False),
        (["https://git.test/**"], "https://git.test/a/b", True),
        (["*", "!https://git.test/a/*"], "https://git.test/a/b", False),
        (["!https://git.test/a/*"], "https://git.test/c/d", False),
        (["ssh://git.test/a/b"], "git@git.test:a/b.git", True),
        ([], "https://git.test/a/b", False),
    ],
)
def test_sources_of_a_project(patterns: Any, url: Any, expected: Any) -> None:
    assert source_permitted(project(sourceRepos=patterns), url) is expected


@pytest.mark.parametrize(
    ("spec", "namespaced", "expected"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"namespaceResourceWhitelist": []}, True, False),
        ({"namespaceResourceBlacklist": [{"group": "*", "kind": "Sec*"}]}, True, False),
        ({"clusterResourceWhitelist": [{"group": "*", "kind": "*"}]}, False, True),
        (
            {"clusterResourceWhitelist": [{"group": "", "kind": "Secret", "name": "x"}]},
            False,
            False,
        ),
    ],
)
def test_kinds_of_a_project(spec: Any, namespaced: Any, expected: Any) -> None:
    kind = GroupKind("", "Secret")
    assert kind_permitted(project(**spec), kind, "one", namespaced=namespaced) is expected


IN_CLUSTER = {"server": "https://kubernetes.default.svc", "namespace": "prod"}


def problems(destination: Any, source: Any = None, in_project: Any = None) -> Any:
    found = parse_application(
        {
            "metadata": {"name": "web", "namespace": "argocd"},
            "spec": {"source": source or SOURCE, "destination": destination, "project": "p"},
        }
    )
    there = in_project or parse_project(default_project("argocd"))
    return [c.message for c in check_spec(found, there, control_namespace="argocd")]


def test_a_good_spec_has_no_problems() -> None:
    assert problems(IN_CLUSTER) == []
    assert problems({"name": "in-cluster", "namespace": "x"}) == []


@pytest.mark.parametrize(
    ("destination", "source", "words"),
    [
        ({"server": "a", "name": "b"}, None, "can't have both name and server defined: b a"),
        ({}, None, "Destination server missing from app spec"),
        ({"name": "far"}, None, "there are no clusters with this name: far"),
        ({"server": "https://far"}, None, 'cluster "https://far" is not configured'),
        (IN_CLUSTER, {"repoURL": "x"}, "spec.source.repoURL and either spec.source.path"),
    ],
)
def test_a_bad_spec_is_explained(destination: Any, source: Any, words: Any) -> None:
    assert any(words in problem for problem in problems(destination, source))


def test_a_project_limits_repositories_and_namespaces() -> None:
    tight = project(
        sourceRepos=["https://other/**"],
        destinations=[
            {"server": "*", "namespace": "*"},
            {"server": "*", "namespace": "!prod"},
        ],
    )
    found = problems(IN_CLUSTER, in_project=tight)
    assert found[0] == "application repo https://git.test/a/b is not permitted in project 'p'"
    assert found[1] == (
        "application destination server 'https://kubernetes.default.svc' and namespace 'prod'"
        " do not match any of the allowed destinations in project 'p'"
    )


def test_a_missing_project_is_named() -> None:
    found = check_spec(app(), None, control_namespace="argocd")
    assert "Application referencing project default which does not exist" in [
        c.message for c in found
    ]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://User:pw@Git.Test/a/b.git/", "https://git.test/a/b"),
        ("git@git.test:a/b.git", "ssh://git.test/a/b"),
        ("ssh://git@git.test:22/a/b", "ssh://git.test:22/a/b"),
    ],
)
def test_one_spelling_for_urls(url: Any, expected: Any) -> None:
    assert normalize_url(url) == expected


@pytest.mark.parametrize(
    ("url", "revision", "ref", "expected"),
    [
        ("https://git.test/a/b.git", "main", "refs/heads/main", True),
        ("git@git.test:a/b", "main", "refs/heads/main", True),
        ("http://git.test:8080/A/b", "refs/heads/main", "refs/heads/main", True),
        ("https://git.test/a/b", "", "refs/heads/main", True),
        ("https://git.test/a/b", "HEAD", "refs/heads/dev", False),
        ("https://git.test/a/b", "dev", "refs/heads/main", False),
        ("https://git.test/a/b", "v1", "refs/tags/v1", True),
        ("https://git.test/a/b", "1.*", "refs/tags/v1.2", True),
        ("https://git.test/a/bc", "main", "refs/heads/main", False),
        ("https://git.test.evil/a/b", "main", "refs/heads/main", False),
    ],
)
def test_which_pushes_concern_a_source(url: Any, revision: Any, ref: Any, expected: Any) -> None:
    found = touched(
        url, revision, repository=("https://git.test/a/b",), ref=ref, default_branch="main"
    )
    assert found is expected
