"""How objects are marked as an application's own: by annotation, by label, or by both.

Pure. The annotation says which object was meant, so copies can be told from originals; a label
only says which application.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

import msgspec

from towline.argo.names import PREFIX, TRACKING_ID
from towline.errors import InputError
from towline.gitops.ignore import CRD
from towline.gitops.normalize import members
from towline.gitops.tracking import Tracked, self_referenced, tracked_by, with_tracking
from towline.kube.refs import GroupKind, ObjectKey, split_api_version

INSTANCE_LABEL: Final = "app.kubernetes.io/instance"
INSTALLATION_ID: Final = PREFIX + "installation-id"
METHOD_KEY: Final = "application.resourceTrackingMethod"
LABEL_KEY_KEY: Final = "application.instanceLabelKey"
INSTALLATION_KEY: Final = "installationID"
_LABEL_SIZE: Final = 63

Obj = dict[str, Any]


class TrackingMethod(StrEnum):
    """Where the owner is written and read."""

    ANNOTATION = "annotation"
    ANNOTATION_AND_LABEL = "annotation+label"
    LABEL = "label"


class Tracking(msgspec.Struct, frozen=True, kw_only=True):
    """How this installation marks objects.

    Attributes:
        method: Where.
        label: Name of the instance label.
        installation: Tells installations that share a cluster apart; empty for none.
    """

    method: TrackingMethod = TrackingMethod.ANNOTATION
    label: str = INSTANCE_LABEL
    installation: str = ""

    @property
    def by_label(self) -> bool:
        """Whether the label alone says who owns an object."""
        return self.method is TrackingMethod.LABEL

    def marked(self, obj: Obj, instance: str, namespace: str) -> Obj:
        """A copy of a rendered object with the marks; CRDs get none.

        Args:
            obj: The object, its namespace already settled.
            instance: The application's instance name.
            namespace: Destination namespace, which stands in for cluster-scoped objects.

        Raises:
            InputError: The instance name is too long for a label that has to hold all of it.
        """
        if _kind_of(obj) == CRD:
            return obj
        if self.by_label:
            if len(instance) > _LABEL_SIZE:
                raise InputError(
                    f"the application name {instance!r} is longer than {_LABEL_SIZE} characters",
                    hint="track resources by annotation, or shorten the name",
                )
            return self._with_label(obj, instance)
        marked = with_tracking(obj, instance, namespace)
        if self.installation:
            marked = _with_member(marked, "annotations", INSTALLATION_ID, self.installation)
        if self.method is TrackingMethod.ANNOTATION_AND_LABEL:
            marked = self._with_label(marked, short_label(instance))
        return marked

    def instance_of(self, labels: Mapping[str, str], annotations: Mapping[str, str]) -> str:
        """The instance that owns a live object; empty when nobody or another installation does."""
        if self.by_label:
            return labels.get(self.label, "")
        mark = self.mark_of(annotations)
        return mark.instance if mark is not None else ""

    def mark_of(self, annotations: Mapping[str, str]) -> Tracked | None:
        """The tracking id of this installation on a live object."""
        if annotations.get(INSTALLATION_ID, "") != self.installation:
            return None
        return tracked_by(annotations)

    def owns(
        self,
        instance: str,
        labels: Mapping[str, str],
        annotations: Mapping[str, str],
        live: ObjectKey,
        target: ObjectKey | None,
    ) -> bool:
        """Whether a live object is really the instance's, no copy with copied marks."""
        if self.by_label:
            return labels.get(self.label) == instance
        mark = self.mark_of(annotations)
        return (
            mark is not None and mark.instance == instance and self_referenced(mark, live, target)
        )

    def migrated(self, live: Obj, target: Obj) -> Obj:
        """The live object as it would be if it had been marked in today's way.

        An object that was tracked by label before is not out of sync for want of the annotation,
        nor for a label that the desired object no longer has.

        Args:
            live: The live object; not changed.
            target: The desired object with its marks.
        """
        if self.by_label or _kind_of(target) == CRD:
            return live
        labels = _meta(live, "labels")
        if self.label not in labels:
            return live
        out = live
        wanted = _meta(target, "annotations").get(TRACKING_ID)
        if wanted is not None and TRACKING_ID not in _meta(live, "annotations"):
            out = _with_member(out, "annotations", TRACKING_ID, wanted)
        if self.label not in _meta(target, "labels"):
            left = {name: value for name, value in labels.items() if name != self.label}
            meta = {k: v for k, v in members(out.get("metadata")).items() if k != "labels"}
            out = {**out, "metadata": {**meta, "labels": left} if left else meta}
        return out

    def _with_label(self, obj: Obj, value: str) -> Obj:
        return _with_member(obj, "labels", self.label, value)


def parse_tracking(config: Mapping[str, str]) -> Tracking:
    """Reads the settings of `argocd-cm`.

    Raises:
        InputError: There is no such method.
    """
    method = config.get(METHOD_KEY) or TrackingMethod.ANNOTATION.value
    try:
        known = TrackingMethod(method)
    except ValueError:
        names = ", ".join(one.value for one in TrackingMethod)
        raise InputError(f"{method!r} is none of {names}", field=METHOD_KEY) from None
    return Tracking(
        method=known,
        label=config.get(LABEL_KEY_KEY) or INSTANCE_LABEL,
        installation=config.get(INSTALLATION_KEY) or "",
    )


def short_label(instance: str) -> str:
    """The name cut to what a label holds; it ends with a letter or digit."""
    short = instance[:_LABEL_SIZE] if len(instance) > _LABEL_SIZE else instance
    while short and not (short[-1].isascii() and short[-1].isalnum()):
        short = short[:-1]
    return short


def _kind_of(obj: Obj) -> GroupKind:
    group, _ = split_api_version(str(obj.get("apiVersion") or ""))
    return GroupKind(group, str(obj.get("kind") or ""))


def _meta(obj: Obj, name: str) -> Obj:
    return members(members(obj.get("metadata")).get(name))


def _with_member(obj: Obj, name: str, key: str, value: str) -> Obj:
    meta = members(obj.get("metadata"))
    return {**obj, "metadata": {**meta, name: {**members(meta.get(name)), key: value}}}
