from __future__ import annotations

from typing import Any

import pytest

from towline.gitops.hooks import with_delete_finalizers
from towline.gitops.migration import migrated

LAST = "f:kubectl.kubernetes.io/last-applied-configuration"
KUBECTL = "kubectl-client-side-apply"


def entry(manager: str, operation: str, fields: Any, **more: Any) -> Any:
    named = {"manager": manager, "operation": operation, "apiVersion": "v1"}
    return {**named, "fieldsType": "FieldsV1", "fieldsV1": fields, **more}


def data(*names: str) -> Any:
    return {"f:data": {f"f:{name}": {} for name in names}}


OURS = "argocd-controller"


@pytest.mark.parametrize(
    ("entries", "wanted"),
    [
        ([], None),
        ([entry("other", "Update", data("a"))], None),
        ([entry(KUBECTL, "Apply", data("a"))], None),
        ([entry(KUBECTL, "Update", data("a"), subresource="status")], None),
        ([entry(KUBECTL, "Update", data("a"))], [entry(OURS, "Apply", data("a"))]),
        (
            [entry(KUBECTL, "Update", data("a")), entry(OURS, "Apply", data("b"))],
            [entry(OURS, "Apply", data("b", "a"))],
        ),
        (
            [entry("x", "Update", data("c")), entry(KUBECTL, "Update", data("a"))],
            [entry("x", "Update", data("c")), entry(OURS, "Apply", data("a"))],
        ),
        (
            [
                entry(
                    KUBECTL,
                    "Update",
                    {"f:metadata": {"f:annotations": {LAST: {}}, "f:labels": {"f:l": {}}}},
                )
            ],
            [entry(OURS, "Apply", {"f:metadata": {"f:labels": {"f:l": {}}}})],
        ),
    ],
)
def test_fields_of_the_client_side_applier_become_ours(entries: Any, wanted: Any) -> None:
    assert migrated(entries, KUBECTL) == wanted


PRE = ["pre-delete-finalizer.argocd.argoproj.io", "pre-delete-finalizer.argocd.argoproj.io/cleanup"]
POST = [one.replace("pre-", "post-") for one in PRE]
HOOK = "argocd.argoproj.io/hook"


@pytest.mark.parametrize(
    ("has", "hooks", "wanted"),
    [
        (["x"], [], ["x"]),
        (["x"], [{HOOK: "PreSync"}], ["x"]),
        (["x"], [{HOOK: "PreDelete"}], ["x", *PRE]),
        ([*PRE, "x"], [{HOOK: "PreDelete"}], [*PRE, "x"]),
        ([*PRE, "x"], [{"helm.sh/hook": "post-delete"}], ["x", *POST]),
        ([*PRE, *POST], [], []),
        ([], [{HOOK: "PostDelete,PreDelete"}], [*PRE, *POST]),
    ],
)
def test_deletion_hooks_decide_on_finalizers(has: Any, hooks: Any, wanted: Any) -> None:
    assert with_delete_finalizers(has, hooks) == wanted
