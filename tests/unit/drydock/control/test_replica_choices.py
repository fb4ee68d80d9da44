from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from towline.drydock.control.replicas import DELETION_COST, replica_set_status, slow_start, victims

Obj = dict[str, Any]

NOW = dt.datetime(2030, 1, 1, 12, tzinfo=dt.UTC)


def pod(name: str, **fields: Any) -> Obj:
    ready = fields.get("ready", "True")
    since = fields.get("since", "2030-01-01T10:00:00Z")
    return {
        "metadata": {
            "name": name,
            "labels": {"a": "b"},
            "creationTimestamp": fields.get("created", "2030-01-01T09:00:00Z"),
            "annotations": fields.get("annotations", {}),
        },
        "spec": {"nodeName": fields.get("node", "n1")},
        "status": {
            "phase": fields.get("phase", "Running"),
            "conditions": [{"type": "Ready", "status": ready, "lastTransitionTime": since}],
            "containerStatuses": [{"restartCount": fields.get("restarts", 0)}],
        },
    }


@pytest.mark.parametrize(
    "worse",
    [
        {"node": None},
        {"phase": "Pending"},
        {"phase": "Unknown"},
        {"ready": "False"},
        {"annotations": {DELETION_COST: "-1"}},
        {"since": "2030-01-01T11:00:00Z"},
        {"restarts": 3},
        {"created": "2030-01-01T09:30:00Z"},
    ],
    ids=lambda worse: next(iter(worse)),
)
def test_the_less_useful_pod_goes_first(worse: dict[str, Any]) -> None:
    pods = [pod("a"), pod("b", **worse), pod("c")]
    assert victims(pods, 1)[0]["metadata"]["name"] == "b"


def test_doubled_up_node_loses_one_first() -> None:
    pods = [pod("a", node="n1"), pod("b", node="n2"), pod("c", node="n2")]
    assert victims(pods, 1)[0]["spec"]["nodeName"] == "n2"


def test_batches_double() -> None:
    assert list(slow_start(10)) == [1, 2, 4, 3]
    assert list(slow_start(0)) == []


def test_pods_become_available_after_min_ready_seconds() -> None:
    replica_set = {
        "metadata": {"name": "r", "generation": 4},
        "spec": {
            "replicas": 3,
            "minReadySeconds": 60,
            "template": {"metadata": {"labels": {"a": "b"}}},
        },
    }
    pods = [
        pod("a"),
        pod("b", since="2030-01-01T11:59:30Z"),
        pod("c", ready="False"),
    ]
    status, again = replica_set_status(
        replica_set, pods, 1, failure="", now=NOW, stamp="2030-01-01T12:00:00Z"
    )
    assert status == {
        "replicas": 3,
        "readyReplicas": 2,
        "availableReplicas": 1,
        "fullyLabeledReplicas": 3,
        "terminatingReplicas": 1,
        "observedGeneration": 4,
    }
    assert again == 30.0
