"""A Deployment's ReplicaSets as revisions: which is new, which are old, annotations. Pure."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterable
from typing import Any

from towline.aio.clock import parse_rfc3339
from towline.drydock.cluster import Obj
from towline.drydock.control.ownership import controller_reference
from towline.drydock.control.podtemplate import HASH_LABEL, same_template, template_hash
from towline.drydock.control.rolloutmath import bounds, wanted

REVISION = "deployment.kubernetes.io/revision"
REVISION_HISTORY = "deployment.kubernetes.io/revision-history"
DESIRED = "deployment.kubernetes.io/desired-replicas"
MAXIMUM = "deployment.kubernetes.io/max-replicas"

_NOT_COPIED = {
    "kubectl.kubernetes.io/last-applied-configuration",
    "deprecated.deployment.rollback.to",
    REVISION,
    REVISION_HISTORY,
    DESIRED,
    MAXIMUM,
}


@dataclasses.dataclass(slots=True)
class Revision:
    """A ReplicaSet of the Deployment while a plan is made.

    Attributes:
        obj: The ReplicaSet as stored, or as it will be created.
        replicas: Number of pods that the plan wants.
        annotations: Annotations that the plan wants.
        min_ready: minReadySeconds that the plan wants.
    """

    obj: Obj
    replicas: int
    annotations: dict[str, str]
    min_ready: int

    @classmethod
    def of(cls, obj: Obj) -> Revision:
        """The state as stored."""
        spec = obj["spec"]
        return cls(
            obj,
            int(spec.get("replicas", 1)),
            dict(obj["metadata"].get("annotations") or {}),
            int(spec.get("minReadySeconds") or 0),
        )

    @property
    def name(self) -> str:
        """Name of the ReplicaSet."""
        return str(self.obj["metadata"]["name"])

    @property
    def number(self) -> int:
        """The revision number, 0 when it has none."""
        return _integer(self.annotations.get(REVISION))

    def count(self, field: str) -> int:
        """A count of the status, such as `availableReplicas`."""
        return int((self.obj.get("status") or {}).get(field) or 0)

    @property
    def created(self) -> float:
        """When it was created, as seconds; unknown is newest."""
        stamp = self.obj["metadata"].get("creationTimestamp")
        return parse_rfc3339(stamp).timestamp() if stamp else float("inf")


def oldest_first(revisions: Iterable[Revision]) -> list[Revision]:
    """By creation, then by revision number: stamps have whole seconds only."""
    return sorted(revisions, key=lambda one: (one.created, one.number, one.name))


def find_new(deployment: Obj, revisions: Iterable[Revision]) -> Revision | None:
    """The oldest ReplicaSet with the Deployment's template."""
    template = deployment["spec"]["template"]
    for revision in oldest_first(revisions):
        if same_template(revision.obj["spec"]["template"], template):
            return revision
    return None


def make_new(deployment: Obj, collisions: int) -> Revision:
    """The ReplicaSet for the Deployment's template, with no replicas yet."""
    meta = deployment["metadata"]
    template = copy.deepcopy(deployment["spec"]["template"])
    name = template_hash(deployment["spec"]["template"], collisions)
    labels = template.setdefault("metadata", {}).setdefault("labels", {})
    labels[HASH_LABEL] = name
    selector: dict[str, Any] = copy.deepcopy(deployment["spec"].get("selector") or {})
    selector.setdefault("matchLabels", {})[HASH_LABEL] = name
    spec: Obj = {"replicas": 0, "selector": selector, "template": template}
    if deployment["spec"].get("minReadySeconds"):
        spec["minReadySeconds"] = deployment["spec"]["minReadySeconds"]
    return Revision.of(
        {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {
                "name": f"{meta['name']}-{name}",
                "namespace": meta["namespace"],
                "labels": dict(labels),
                "ownerReferences": [controller_reference(deployment)],
            },
            "spec": spec,
        }
    )


def annotate_new(deployment: Obj, new: Revision, old: Iterable[Revision]) -> None:
    """Gives the new ReplicaSet its number and the Deployment's annotations."""
    for name, value in (deployment["metadata"].get("annotations") or {}).items():
        if name not in _NOT_COPIED:
            new.annotations[name] = value
    number = max((one.number for one in old), default=0) + 1
    before = new.annotations.get(REVISION)
    if _integer(before) < number:
        new.annotations[REVISION] = str(number)
        if before is not None:
            history = new.annotations.get(REVISION_HISTORY)
            new.annotations[REVISION_HISTORY] = f"{history},{before}" if history else before


def annotate_size(deployment: Obj, revision: Revision) -> None:
    """Notes the Deployment's size on a ReplicaSet: a later difference means it was scaled."""
    revision.annotations[DESIRED] = str(wanted(deployment))
    revision.annotations[MAXIMUM] = str(wanted(deployment) + bounds(deployment).surge)


def expired(deployment: Obj, old: Iterable[Revision]) -> list[Revision]:
    """Old ReplicaSets beyond the history limit that nothing needs any more."""
    limit = deployment["spec"].get("revisionHistoryLimit")
    if limit is None or limit == 2147483647:
        return []
    alive = sorted(
        (one for one in old if not one.obj["metadata"].get("deletionTimestamp")),
        key=lambda one: (one.number, one.created, one.name),
    )
    return [one for one in alive[: max(0, len(alive) - int(limit))] if _idle(one)]


def _idle(revision: Revision) -> bool:
    generation = int(revision.obj["metadata"].get("generation") or 0)
    return (
        revision.replicas == 0
        and revision.count("replicas") == 0
        and revision.count("observedGeneration") >= generation
    )


def desired_on(revision: Revision) -> int | None:
    """The Deployment's size when this ReplicaSet was last scaled, None when not noted."""
    text = revision.annotations.get(DESIRED)
    return _integer(text) if text else None


def maximum_on(revision: Revision) -> int:
    """The largest number of pods allowed when this ReplicaSet was last scaled, 0 if unknown."""
    return _integer(revision.annotations.get(MAXIMUM))


def _integer(text: str | None) -> int:
    return int(text) if text and text.isdigit() else 0
