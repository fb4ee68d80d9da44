import copy
from typing import Any

import pytest

from towline.kube.schema.job_changes import job_changes

RESTING = {"conditions": [{"type": "Suspended", "status": "True"}], "active": 0}
JOB = {
    "spec": {
        "suspend": True,
        "parallelism": 1,
        "completions": 1,
        "completionMode": "NonIndexed",
        "selector": {"matchLabels": {"a": "b"}},
        "template": {
            "metadata": {"labels": {"a": "b"}},
            "spec": {"containers": [{"name": "c", "image": "i", "resources": {}}]},
        },
    },
    "status": RESTING,
}
CONTAINERS = ("spec", "template", "spec", "containers")
NODE_AFFINITY = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {}}}
POD_AFFINITY = {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": []}}


def changed(path: tuple[Any, ...], value: Any, job: Any = JOB) -> Any:
    new = copy.deepcopy(job)
    target = new
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value
    return new


def refused(old: Any, new: Any) -> list[str]:
    return [error.path for error in job_changes(old, new)]


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ((*CONTAINERS, 0, "resources"), {"requests": {"cpu": "1"}}, []),
        (("spec", "template", "spec", "nodeSelector"), {"pool": "batch"}, []),
        (("spec", "template", "spec", "affinity"), NODE_AFFINITY, []),
        (("spec", "template", "metadata", "labels"), {"a": "c"}, []),
        (("spec", "template", "spec", "affinity"), POD_AFFINITY, ["spec.template.spec"]),
        ((*CONTAINERS, 0, "image"), "other", ["spec.template.spec"]),
        ((*CONTAINERS, 0, "name"), "other", ["spec.template.spec"]),
        (CONTAINERS, [], ["spec.template.spec"]),
        (("spec", "selector"), {}, ["spec.selector"]),
        (("spec", "podFailurePolicy"), {"rules": []}, ["spec.podFailurePolicy"]),
        (("spec", "managedBy"), "example.com/other", ["spec.managedBy"]),
        (("spec", "successPolicy"), {"rules": []}, ["spec.successPolicy"]),
        (("spec", "backoffLimitPerIndex"), 1, ["spec.backoffLimitPerIndex"]),
        (("spec", "completions"), 2, ["spec.completions"]),
        (("spec", "suspend"), False, []),
    ],
)
def test_what_a_resting_job_lets_change(path: Any, value: Any, expected: list[str]) -> None:
    assert refused(JOB, changed(path, value)) == expected


@pytest.mark.parametrize(
    "status",
    [{}, {**RESTING, "active": 1}, {"conditions": [{"type": "Suspended", "status": "False"}]}],
)
def test_the_template_is_fixed_until_the_job_rests(status: Any) -> None:
    old = changed(("status",), status)
    new = changed((*CONTAINERS, 0, "resources"), {"requests": {"cpu": "1"}}, old)
    assert refused(old, new) == ["spec.template"]


@pytest.mark.parametrize(("parallelism", "expected"), [(3, []), (2, ["spec.completions"])])
def test_indexed_jobs_grow_in_both_numbers(parallelism: int, expected: list[str]) -> None:
    old = changed(("spec", "completionMode"), "Indexed")
    new = changed(("spec", "parallelism"), parallelism, changed(("spec", "completions"), 3, old))
    assert refused(old, new) == expected
