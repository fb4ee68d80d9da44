"""Marks of ownership by annotation, label and both; kinds left alone; orphans."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from towline.argo.names import TRACKING_ID
from towline.argo.project import parse_project
from towline.errors import InputError
from towline.gitops.exclusions import excluded_warning, parse_kind_filter
from towline.gitops.orphans import orphan_warning, orphans
from towline.gitops.tracking_methods import (
    INSTALLATION_ID,
    INSTANCE_LABEL,
    Tracking,
    TrackingMethod,
    parse_tracking,
    short_label,
)
from towline.kube.refs import GroupKind, GroupVersionKind, ObjectKey

ANNOTATION = Tracking()
BOTH = Tracking(method=TrackingMethod.ANNOTATION_AND_LABEL)
LABEL = Tracking(method=TrackingMethod.LABEL)
MARK = "web:/ConfigMap:prod/one"
KEY = ObjectKey("", "ConfigMap", "prod", "one")


def config(labels: Any = None, annotations: Any = None) -> Any:
    meta = {"name": "one", "namespace": "prod"}
    extra = {"labels": labels, "annotations": annotations}
    given = {name: value for name, value in extra.items() if value is not None}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {**meta, **given}}


@pytest.mark.parametrize(
    ("tracking", "labels", "annotations"),
    [
        (ANNOTATION, None, {TRACKING_ID: MARK}),
        (BOTH, {INSTANCE_LABEL: "web"}, {TRACKING_ID: MARK}),
        (LABEL, {INSTANCE_LABEL: "web"}, None),
        (Tracking(method=TrackingMethod.LABEL, label="x/y"), {"x/y": "web"}, None),
        (
            Tracking(installation="north"),
            None,
            {TRACKING_ID: MARK, INSTALLATION_ID: "north"},
        ),
    ],
)
def test_objects_are_marked_by_the_method(tracking: Any, labels: Any, annotations: Any) -> None:
    assert tracking.marked(config(), "web", "prod") == config(labels, annotations)


def test_definitions_are_never_marked() -> None:
    crd = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "x"},
    }
    assert all(one.marked(crd, "web", "prod") == crd for one in (ANNOTATION, BOTH, LABEL))


def test_a_label_is_cut_where_it_may_be_and_refused_where_it_must_not() -> None:
    long = "a" * 61 + "-.b" + "c" * 20
    assert short_label(long) == "a" * 61
    assert short_label("web") == "web"
    marked = BOTH.marked(config(), long, "prod")
    assert marked["metadata"]["labels"] == {INSTANCE_LABEL: "a" * 61}
    with pytest.raises(InputError, match="longer than 63"):
        LABEL.marked(config(), long, "prod")


@pytest.mark.parametrize(
    ("tracking", "labels", "annotations", "instance", "owned"),
    [
        (ANNOTATION, {}, {TRACKING_ID: MARK}, "web", True),
        (ANNOTATION, {}, {TRACKING_ID: "web:/ConfigMap:prod/other"}, "web", False),
        (ANNOTATION, {INSTANCE_LABEL: "web"}, {}, "", False),
        (BOTH, {INSTANCE_LABEL: "other"}, {TRACKING_ID: MARK}, "web", True),
        (LABEL, {INSTANCE_LABEL: "web"}, {TRACKING_ID: "other:/ConfigMap:a/b"}, "web", True),
        (LABEL, {}, {TRACKING_ID: MARK}, "", False),
        (Tracking(installation="n"), {}, {TRACKING_ID: MARK, INSTALLATION_ID: "n"}, "web", True),
        (Tracking(installation="n"), {}, {TRACKING_ID: MARK, INSTALLATION_ID: "s"}, "", False),
        (Tracking(installation="n"), {}, {TRACKING_ID: MARK}, "", False),
        (ANNOTATION, {}, {TRACKING_ID: MARK, INSTALLATION_ID: "s"}, "", False),
    ],
)
def test_owners_are_read_by_the_method(
    tracking: Any, labels: Any, annotations: Any, instance: str, owned: bool
) -> None:
    assert tracking.instance_of(labels, annotations) == instance
    assert tracking.owns("web", labels, annotations, KEY, None) is owned


LABELLED = {INSTANCE_LABEL: "web"}


@pytest.mark.parametrize(
    ("tracking", "live", "target", "after"),
    [
        (
            ANNOTATION,
            config(LABELLED),
            config(None, {TRACKING_ID: MARK}),
            config(None, {TRACKING_ID: MARK}),
        ),
        (
            ANNOTATION,
            config({**LABELLED, "a": "b"}, {"n": "m"}),
            config({"a": "b"}, {TRACKING_ID: MARK}),
            config({"a": "b"}, {"n": "m", TRACKING_ID: MARK}),
        ),
        (
            BOTH,
            config(LABELLED),
            config(LABELLED, {TRACKING_ID: MARK}),
            config(LABELLED, {TRACKING_ID: MARK}),
        ),
        (
            ANNOTATION,
            config(LABELLED, {TRACKING_ID: "other:/ConfigMap:prod/one"}),
            config(LABELLED, {TRACKING_ID: MARK}),
            config(LABELLED, {TRACKING_ID: "other:/ConfigMap:prod/one"}),
        ),
        (ANNOTATION, config(), config(None, {TRACKING_ID: MARK}), config()),
        (LABEL, config(LABELLED), config(None, {TRACKING_ID: MARK}), config(LABELLED)),
    ],
)
def test_objects_tracked_by_label_before_are_not_out_of_sync(
    tracking: Any, live: Any, target: Any, after: Any
) -> None:
    assert tracking.migrated(live, target) == after


def test_the_settings_of_tracking() -> None:
    assert parse_tracking({}) == ANNOTATION
    read = parse_tracking(
        {
            "application.resourceTrackingMethod": "annotation+label",
            "application.instanceLabelKey": "x/y",
            "installationID": "north",
        }
    )
    assert read == Tracking(
        method=TrackingMethod.ANNOTATION_AND_LABEL, label="x/y", installation="north"
    )
    with pytest.raises(InputError, match="annotation, annotation\\+label, label"):
        parse_tracking({"application.resourceTrackingMethod": "colour"})


EXCLUDE = "- {apiGroups: ['*.cilium.io', cilium.io], kinds: ['Cilium*'], clusters: ['https://a*']}"
INCLUDE = "- {apiGroups: ['', apps]}\n- {kinds: [CiliumNode]}"


@pytest.mark.parametrize(
    ("exclusions", "inclusions", "kind", "server", "excluded"),
    [
        ("", "", GroupKind("apps", "Deployment"), "https://a", False),
        ("", "", GroupKind("", "Event"), "https://a", True),
        ("", "", GroupKind("events.k8s.io", "Event"), "https://a", True),
        ("", "", GroupKind("coordination.k8s.io", "Lease"), "https://a", True),
        ("", "", GroupKind("metrics.k8s.io", "PodMetrics"), "https://a", True),
        (EXCLUDE, "", GroupKind("cilium.io", "CiliumNode"), "https://a1", True),
        (EXCLUDE, "", GroupKind("cilium.io", "CiliumNode"), "https://b", False),
        (EXCLUDE, "", GroupKind("cilium.io", "Other"), "https://a1", False),
        ("", INCLUDE, GroupKind("apps", "Deployment"), "https://a", False),
        ("", INCLUDE, GroupKind("batch", "Job"), "https://a", True),
        (EXCLUDE, INCLUDE, GroupKind("cilium.io", "CiliumNode"), "https://a", True),
        (EXCLUDE, INCLUDE, GroupKind("cilium.io", "CiliumNode"), "https://b", False),
    ],
)
def test_kinds_left_alone(
    exclusions: str, inclusions: str, kind: Any, server: str, excluded: bool
) -> None:
    assert parse_kind_filter(exclusions, inclusions).excluded(kind, server) is excluded


@pytest.mark.parametrize("text", ["a: b", "- {apiGroups: x}", "- [", "- x"])
def test_wrong_exclusions_are_named(text: str) -> None:
    with pytest.raises(InputError) as error:
        parse_kind_filter(text, "")
    assert "resource.exclusions" in str(error.value)


def test_a_manifest_of_an_excluded_kind_is_reported() -> None:
    condition = excluded_warning(GroupKind("cilium.io", "CiliumNode"), "n")
    assert condition.message == "Resource cilium.io/CiliumNode n is excluded in the settings"


class Live(msgspec.Struct, frozen=True):
    """A live object as far as orphans go."""

    key: Any
    owner_references: tuple[str, ...] = ()
    gvk = property(lambda self: GroupVersionKind(self.key.group, "v1", self.key.kind))


def at(kind: str, name: str, namespace: str = "prod", group: str = "", *owners: str) -> Live:
    return Live(ObjectKey(group, kind, namespace, name), owners)


def test_orphans_are_what_nobody_tracks_in_the_namespace() -> None:
    objects = [
        at("ConfigMap", "stray"),
        at("ConfigMap", "tracked"),
        at("ConfigMap", "far", "other"),
        at("Pod", "owned", "prod", "", "uid"),
        at("ServiceAccount", "default"),
        at("ConfigMap", "kube-root-ca.crt"),
        at("Service", "kubernetes"),
        at("Service", "kubernetes", "default"),
        at("Deployment", "forbidden", "prod", "apps"),
        at("Secret", "sh.helm.release.v1.x"),
    ]
    rules = rules_of({"warn": True, "ignore": [{"kind": "Secret", "name": "sh.helm*"}]})

    def among(namespace: str) -> list[str]:
        return [
            key.name
            for key in orphans(
                objects,
                rules,
                namespace=namespace,
                tracked=lambda obj: obj.key.name == "tracked",
                permitted=lambda gvk, _: gvk.group != "apps",
            )
        ]

    assert among("prod") == ["stray", "kubernetes"]
    assert among("default") == []
    assert among("") == []


def rules_of(orphaned: Any) -> Any:
    project = {"metadata": {"name": "p"}, "spec": {"orphanedResources": orphaned}}
    return parse_project(project).spec.orphaned_resources


def test_who_is_warned_of_orphans() -> None:
    assert rules_of(None) is None
    quiet, loud = rules_of({}), rules_of({"warn": True})
    (warning,) = orphan_warning([KEY, KEY], loud)
    assert warning.message == "Application has 2 orphaned resources"
    assert orphan_warning([KEY], quiet) == orphan_warning([], loud) == []
    with pytest.raises(InputError) as error:
        rules_of({"warn": "yes"})
    assert error.value.field == "spec.orphanedResources.warn"
