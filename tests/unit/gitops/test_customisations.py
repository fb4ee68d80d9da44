"""`resource.customizations*` in both forms."""

from __future__ import annotations

import pytest

from towline.gitops.customisations import (
    Customisations,
    IgnoredFields,
    KnownTypeField,
    parse_customisations,
)
from towline.kube.refs import GroupKind

P = "resource.customizations"
CERTIFICATE = GroupKind("cert-manager.io", "Certificate")


def text_of(found: Customisations, kind: GroupKind) -> str | None:
    script = found.health(kind)
    return script.text.strip() if script else None


MAP = """
cert-manager.io/Certificate:
  health.lua: |
    return 1
  health.lua.useOpenLibs: true
  ignoreDifferences: |
    jsonPointers: [/a]
    jqPathExpressions: [.b]
    managedFieldsManagers: [m]
  knownTypeFields:
  - field: spec.template.spec
    type: core/v1/PodSpec
  actions: |
    mergeBuiltinActions: true
    discovery.lua: |
      return {}
    definitions:
    - name: go
      action.lua: |
        return obj
ConfigMap:
  health.lua: return 2
"*.crossplane.io/*":
  health.lua: return 3
"db.crossplane.io/*":
  health.lua: return 4
"{a,b}.io/K?nd":
  health.lua: return 5
"""


@pytest.mark.parametrize(
    ("group", "kind", "script"),
    [
        ("cert-manager.io", "Certificate", "return 1"),
        ("", "ConfigMap", "return 2"),
        ("x", "ConfigMap", None),
        ("s3.aws.crossplane.io", "Bucket", "return 3"),
        ("db.crossplane.io", "Table", "return 4"),
        ("crossplane.io", "Bucket", None),
        ("a.io", "Kind", "return 5"),
        ("c.io", "Kind", None),
    ],
)
def test_the_exact_kind_wins_then_the_longest_pattern(
    group: str, kind: str, script: str | None
) -> None:
    assert text_of(parse_customisations({P: MAP}), GroupKind(group, kind)) == script


def test_every_aspect_of_the_one_map_is_read() -> None:
    found = parse_customisations({P: MAP})
    script = found.health(CERTIFICATE)
    actions = found.actions(CERTIFICATE)
    assert script is not None
    assert script.open_libs
    assert actions is not None
    assert actions.merge_built_in
    assert actions.discovery.text.strip() == "return {}"
    assert actions.definitions["go"].text.strip() == "return obj"
    ignored = IgnoredFields(
        json_pointers=("/a",), jq_path_expressions=(".b",), managed_fields_managers=("m",)
    )
    assert found.ignore_differences(CERTIFICATE) == [ignored]
    known = (KnownTypeField(field="spec.template.spec", type="core/v1/PodSpec"),)
    assert found.known_type_fields(CERTIFICATE) == known
    assert found.problems == ()


def test_single_entries_are_read_and_win() -> None:
    found = parse_customisations(
        {
            P: MAP,
            f"{P}.health.cert-manager.io_Certificate": "return 9",
            f"{P}.health.Pod": "return 8",
            f"{P}.useOpenLibs.Pod": "true",
            f"{P}.ignoreDifferences.all": "managedFieldsManagers: [all]",
            f"{P}.ignoreResourceUpdates.apps_Deployment": "jsonPointers: [/u]",
            f"{P}.knownTypeFields.x.io_Thing": "- {field: a, type: core/Quantity}",
            f"{P}.actions.x.io_Thing": "discovery.lua: return {}\ndefinitions: []",
        }
    )
    pod = found.health(GroupKind("", "Pod"))
    assert text_of(found, CERTIFICATE) == "return 9"
    assert found.health(CERTIFICATE).open_libs  # type: ignore[union-attr]
    assert pod is not None
    assert pod.open_libs
    everywhere = IgnoredFields(managed_fields_managers=("all",))
    assert found.ignore_differences(GroupKind("", "Pod")) == [everywhere]
    assert found.ignore_differences(CERTIFICATE)[1] == everywhere
    updates = found.ignore_resource_updates(GroupKind("apps", "Deployment"))
    assert updates == [IgnoredFields(json_pointers=("/u",))]
    assert found.known_type_fields(GroupKind("x.io", "Thing"))[0].type == "core/Quantity"
    assert found.actions(GroupKind("x.io", "Thing")) is not None
    assert found.problems == ()


def test_what_cannot_be_read_is_reported_and_spoils_nothing() -> None:
    found = parse_customisations(
        {
            P: "a/B: 1\nc/D:\n  health.lua: [x]\n",
            f"{P}.actions.x_Y": "discovery.lua: [",
            f"{P}.ignoreDifferences.x_Y": "jsonPointers: 1",
            f"{P}.health.x_Y": "return 1",
        }
    )
    assert {problem.entry for problem in found.problems} == {
        f"{P}[a/B]",
        f"{P}[c/D].health.lua",
        f"{P}.actions.x_Y",
        f"{P}.ignoreDifferences.x_Y",
    }
    assert text_of(found, GroupKind("x", "Y")) == "return 1"
    assert parse_customisations({P: "[a"}).problems[0].entry == P
    assert parse_customisations({P: "- a"}).problems[0].entry == P


def test_the_digest_follows_the_text_and_nothing_else() -> None:
    one = parse_customisations({P: MAP, "url": "x"})
    assert one.digest == parse_customisations({P: MAP, "url": "y"}).digest
    assert one.digest != parse_customisations({P: MAP + "\n"}).digest
    assert parse_customisations({"url": "x"}) == Customisations()


def test_an_operator_names_kinds_with_standard_conditions() -> None:
    found = parse_customisations({f"{P}.standardConditions": "*.example.com/*,\n x.io/Thing"})
    assert found.has_standard_conditions(GroupKind("a.example.com", "Any"))
    assert found.has_standard_conditions(GroupKind("x.io", "Thing"))
    assert not found.has_standard_conditions(GroupKind("x.io", "Other"))
    assert not Customisations().has_standard_conditions(GroupKind("x.io", "Thing"))


@pytest.mark.parametrize("pattern", ["{a", "a}", "[a", "(x|", "a{b,c", "\\"])
def test_malformed_patterns_fit_nothing_else(pattern: str) -> None:
    found = parse_customisations({P: f"'{pattern}/*': {{health.lua: return 1}}"})
    assert found.health(GroupKind("apps", "Deployment")) is None
