from __future__ import annotations

from typing import Any

import pytest

from towline.argo.application import Application, parse_application
from towline.gitops.events import notes_of

COMMIT = "0123456789012345678901234567890123456789"


def app(status: Any = None, operation: Any = None) -> Application:
    source = {"repoURL": "r", "path": ".", "targetRevision": "main"}
    return parse_application(
        {
            "metadata": {"name": "web", "namespace": "argocd"},
            "spec": {"destination": {"name": "in-cluster"}, "source": source},
            "status": status or {},
            **({"operation": operation} if operation else {}),
        }
    )


def told(before: Application, after: Application) -> list[tuple[str, str, bool]]:
    return [(note.reason, note.message, note.warning) for note in notes_of(before, after)]


def state(phase: str, message: str = "", started: str = "t1", **sync: Any) -> Any:
    result = {"revision": COMMIT, "source": {"repoURL": "r", "path": "."}}
    found = {"phase": phase, "message": message, "startedAt": started, "syncResult": result}
    return {"operationState": {**found, "operation": {"sync": sync}}}


def statuses(sync: str, health: str) -> Any:
    return {"sync": {"status": sync}, "health": {"status": health}}


AUTOMATED = {"initiatedBy": {"automated": True}, "sync": {"revision": COMMIT}}


@pytest.mark.parametrize(
    ("before", "after", "notes"),
    [
        (app(), app(), []),
        (
            app(),
            app(statuses("OutOfSync", "Missing")),
            [
                ("ResourceUpdated", "Updated sync status:  -> OutOfSync", False),
                ("ResourceUpdated", "Updated health status:  -> Missing", False),
            ],
        ),
        (
            app(statuses("OutOfSync", "Healthy")),
            app(statuses("Synced", "Healthy")),
            [("ResourceUpdated", "Updated sync status: OutOfSync -> Synced", False)],
        ),
        (
            app(),
            app(operation=AUTOMATED),
            [("OperationStarted", f"Initiated automated sync to '{COMMIT}'", False)],
        ),
        (app(operation=AUTOMATED), app(operation=AUTOMATED), []),
        (app(), app(operation={"initiatedBy": {"username": "ann"}, "sync": {}}), []),
        (
            app(state("Running")),
            app(state("Succeeded")),
            [("OperationCompleted", f"Sync operation to {COMMIT} succeeded", False)],
        ),
        (
            app(state("Running")),
            app(state("Failed", "no luck", resources=[{"kind": "Job", "name": "x"}])),
            [("OperationCompleted", f"Partial sync operation to {COMMIT} failed: no luck", True)],
        ),
        (app(state("Succeeded")), app(state("Succeeded")), []),
        (
            app(state("Succeeded")),
            app(state("Succeeded", started="t2")),
            [("OperationCompleted", f"Sync operation to {COMMIT} succeeded", False)],
        ),
        (
            app(),
            app({"conditions": [{"type": "DeletionError", "message": "held"}]}),
            [("StatusRefreshed", "Unable to delete application resources: held", True)],
        ),
    ],
)
def test_changes_are_told_in_argos_words(before: Any, after: Any, notes: Any) -> None:
    assert told(before, after) == notes


def test_a_long_message_is_cut_to_what_the_api_takes() -> None:
    (note,) = notes_of(app(state("Running")), app(state("Error", "x" * 5000)))
    assert len(note.message) == 1024
