# ruff: noqa: E501  # one case per line reads best
import copy
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towline.kube.refs import GroupVersionKind
from towline.kube.schema.catalog import load_catalog
from towline.kube.schema.process import normalize
from towline.kube.schema.structural import structural_node
from towline.kube.ssa import FieldSet, compare, field_set_of, server_side_apply, track_update
from towline.kube.ssa.apply import LAST_APPLIED
from towline.kube.status import ApiError

DEPLOYMENT = load_catalog().kind(GroupVersionKind("apps", "v1", "Deployment")).schema
CONFIG_MAP = load_catalog().kind(GroupVersionKind("", "v1", "ConfigMap")).schema
T1, T2, T3 = "2024-01-01T00:00:01Z", "2024-01-01T00:00:02Z", "2024-01-01T00:00:03Z"


def config_map(**data: Any) -> Any:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "c", "namespace": "d"},
        "data": data,
    }


def apply(
    live: Any,
    config: Any,
    manager: Any = "m",
    *,
    force: Any = False,
    now: Any = T1,
    schema: Any = CONFIG_MAP,
    **more: Any,
) -> Any:
    return server_side_apply(
        live,
        config,
        manager,
        schema=schema,
        force=force,
        api_version=config["apiVersion"],
        now=now,
        **more,
    )


def update(
    old: Any, new: Any, manager: Any = "u", *, now: Any = T1, schema: Any = CONFIG_MAP, **more: Any
) -> Any:
    return track_update(
        old, new, manager, schema=schema, api_version=new["apiVersion"], now=now, **more
    )


def stored(obj: Any) -> Any:
    """As it comes back from the store."""
    return {**obj, "metadata": {**obj["metadata"], "uid": "u", "resourceVersion": "1"}}


def owners(obj: Any) -> Any:
    return {
        (entry["manager"], entry["operation"]): FieldSet.decode(entry["fieldsV1"]).paths()
        for entry in obj["metadata"].get("managedFields", [])
    }


# --- apply ---------------------------------------------------------------------------------------


def test_apply_creates_and_owns_what_it_states() -> None:
    created = apply(None, config_map(a="1"))
    assert created["data"] == {"a": "1"}
    assert created["metadata"]["managedFields"] == [
        {
            "manager": "m",
            "operation": "Apply",
            "apiVersion": "v1",
            "time": T1,
            "fieldsType": "FieldsV1",
            "fieldsV1": {"f:data": {"f:a": {}}},
        }
    ]


def test_applying_twice_changes_nothing() -> None:
    live = stored(apply(None, config_map(a="1")))
    assert apply(live, config_map(a="1"), now=T2) == live


def test_a_field_left_out_of_the_next_apply_is_removed() -> None:
    live = stored(apply(None, config_map(a="1", b="2")))
    after = apply(live, config_map(a="1"), now=T2)
    assert after["data"] == {"a": "1"}
    assert owners(after) == {("m", "Apply"): [".data.a"]}
    assert after["metadata"]["managedFields"][0]["time"] == T2


def test_a_field_that_another_manager_owns_stays_when_left_out() -> None:
    live = stored(apply(None, config_map(a="1", b="2")))
    live = stored(apply(live, config_map(b="2"), "n", now=T2))
    after = apply(live, config_map(a="1"), now=T3)
    assert after["data"] == {"a": "1", "b": "2"}
    assert owners(after) == {("m", "Apply"): [".data.a"], ("n", "Apply"): [".data.b"]}


def test_another_value_conflicts_with_the_exact_text() -> None:
    live = stored(update(None, config_map(a="1"), "editor"))
    with pytest.raises(ApiError) as caught:
        apply(live, config_map(a="2"))
    status = caught.value.status()
    assert status["code"] == 409
    assert status["reason"] == "Conflict"
    assert status["message"] == (
        'Apply failed with 1 conflict: conflict with "editor" using v1: .data.a'
    )
    assert status["details"] == {
        "causes": [
            {
                "reason": "FieldManagerConflict",
                "message": 'conflict with "editor" using v1',
                "field": ".data.a",
            }
        ]
    }


def test_several_conflicts_are_listed_by_manager() -> None:
    live = stored(update(None, config_map(a="1", b="1"), "editor"))
    live = stored(apply(live, {**config_map(c="1")}, "other", now=T2))
    with pytest.raises(ApiError) as caught:
        apply(live, config_map(a="2", b="2", c="2"))
    assert caught.value.message == (
        'Apply failed with 3 conflicts: conflicts with "editor" using v1:\n- .data.a\n- .data.b\n'
        'conflicts with "other":\n- .data.c'
    )


def test_force_takes_the_field_over() -> None:
    live = stored(update(None, config_map(a="1", b="1"), "editor"))
    after = apply(live, config_map(a="2"), force=True, now=T2)
    assert after["data"] == {"a": "2", "b": "1"}
    assert owners(after) == {
        ("m", "Apply"): [".data.a"],
        ("editor", "Update"): [".data", ".data.b"],
    }


def test_the_same_value_is_shared_without_conflict() -> None:
    live = stored(update(None, config_map(a="1"), "editor"))
    after = apply(live, config_map(a="1"), now=T2)
    assert ("editor", "Update") in owners(after)
    assert owners(after)["m", "Apply"] == [".data.a"]


def test_a_null_that_is_not_stored_belongs_to_its_applier_as_on_a_real_server() -> None:
    # Recorded from kube-apiserver 1.36.1: since templates are written without a creation time, a
    # null there is a change each time it is applied, and whoever applied it first owns it.
    config = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "d", "creationTimestamp": None},
        "spec": {"template": {"metadata": {"creationTimestamp": None, "labels": {"a": "b"}}}},
    }
    stored = normalize(apply(None, config, "one", schema=DEPLOYMENT), DEPLOYMENT)
    assert stored["spec"]["template"]["metadata"] == {"labels": {"a": "b"}}
    (entry,) = stored["metadata"]["managedFields"]
    assert "f:metadata" not in entry["fieldsV1"]
    with pytest.raises(ApiError) as error:
        apply(stored, config, "two", schema=DEPLOYMENT)
    assert error.value.message == (
        'Apply failed with 1 conflict: conflict with "one":'
        " .spec.template.metadata.creationTimestamp"
    )
    again = normalize(apply(stored, config, "one", schema=DEPLOYMENT, now=T2), DEPLOYMENT)
    assert again["spec"] == stored["spec"]
    forced = apply(stored, config, "two", schema=DEPLOYMENT, force=True)
    assert normalize(forced, DEPLOYMENT)["spec"] == stored["spec"]


def test_what_was_there_before_the_first_apply_is_credited() -> None:
    live = stored(config_map(a="1", b="2"))
    with pytest.raises(ApiError, match=r'conflict with "before-first-apply" using v1: \.data\.a'):
        apply(live, config_map(a="2"))
    after = apply(live, config_map(a="2"), force=True)
    assert owners(after)["before-first-apply", "Update"] == [".data", ".data.b"]


def test_kubectl_takes_over_what_its_annotation_says_it_set() -> None:
    live = config_map(a="1")
    text = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c"},"data":{"a":"1"}}'
    live["metadata"]["annotations"] = {LAST_APPLIED: text}
    live = stored(update(None, live, "kubectl-client-side-apply"))
    after = apply(live, config_map(a="2"), "kubectl", now=T2)
    assert after["data"] == {"a": "2"}
    assert '"a":"2"' in after["metadata"]["annotations"][LAST_APPLIED]
    with pytest.raises(ApiError, match="conflict"):
        apply(live, config_map(a="2"), "someone")


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        ({"apiVersion": "v2"}, 400, "Incorrect version specified in apply patch"),
        ({"metadata": {"managedFields": []}}, 400, "metadata.managedFields must be nil"),
        ({"data": {"a": True}}, 500, ".data.a: expected string, got &value.valueUnstructured"),
        ({"data": ["a"]}, 500, ".data: expected map"),
        ({"extra": 1}, 500, ".extra: field not declared in schema"),
    ],
)
def test_configurations_that_do_not_fit_are_refused(change: Any, code: Any, message: Any) -> None:
    config = {**config_map(a="1"), **change}
    with pytest.raises(ApiError) as caught:
        server_side_apply(
            None, config, "m", schema=CONFIG_MAP, force=False, api_version="v1", now=T1
        )
    assert caught.value.code == code
    assert message in caught.value.message


def deployment(*containers: Any, **spec: Any) -> Any:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "d", "namespace": "d"},
        "spec": {**spec, "template": {"spec": {"containers": list(containers)}}},
    }


@pytest.mark.parametrize(
    ("container", "message"),
    [
        ({"image": "x"}, "omits all key fields"),
        ({"name": "a", "ports": [{"containerPort": 1}] * 2}, "duplicate entries for key"),
        ({"name": "a", "command": "x"}, ".command: expected list"),
    ],
)
def test_lists_that_do_not_fit_are_refused(container: Any, message: Any) -> None:
    with pytest.raises(ApiError) as caught:
        apply(None, deployment(container), schema=DEPLOYMENT)
    assert message in caught.value.message


def test_list_items_are_owned_by_key_and_merge() -> None:
    port = {"containerPort": 80}
    live = stored(apply(None, deployment({"name": "a", "ports": [port]}), schema=DEPLOYMENT))
    live = stored(
        apply(live, deployment({"name": "b", "image": "i"}), "n", now=T2, schema=DEPLOYMENT)
    )
    containers = live["spec"]["template"]["spec"]["containers"]
    assert [c["name"] for c in containers] == ["a", "b"]
    port_path = '.spec.template.spec.containers[name="a"].ports[containerPort=80,protocol="TCP"]'
    assert owners(live)["m", "Apply"][-2:] == [port_path, f"{port_path}.containerPort"]
    after = apply(live, deployment(), now=T3, schema=DEPLOYMENT)
    assert [c["name"] for c in after["spec"]["template"]["spec"]["containers"]] == ["b"]


def test_status_is_not_owned_through_the_main_resource() -> None:
    config = {**deployment(replicas=1), "status": {"replicas": 3}}
    applied = apply(None, config, schema=DEPLOYMENT, reset_fields=("status",))
    assert not any(".status" in path for path in owners(applied)["m", "Apply"])


# --- other writes ----------------------------------------------------------------------------------


def test_a_create_owns_everything_set() -> None:
    created = update(None, config_map(a="1"))
    assert created["metadata"]["managedFields"] == [
        {
            "manager": "u",
            "operation": "Update",
            "apiVersion": "v1",
            "time": T1,
            "fieldsType": "FieldsV1",
            "fieldsV1": {"f:data": {".": {}, "f:a": {}}},
        }
    ]


def test_fields_that_an_encoder_always_writes_are_not_news() -> None:
    created = update(None, normalize(deployment({"name": "a"}), DEPLOYMENT), schema=DEPLOYMENT)
    assert owners(created)["u", "Update"] == [
        '.spec.template.spec.containers[name="a"]',
        '.spec.template.spec.containers[name="a"].name',
        '.spec.template.spec.containers[name="a"].resources',
    ]


def test_an_update_moves_what_it_changes() -> None:
    live = stored(update(None, config_map(a="1", b="1")))
    new = {**copy.deepcopy(live), "data": {"a": "2", "c": "1"}}
    after = update(live, new, "v", now=T2)
    assert owners(after) == {("u", "Update"): [".data"], ("v", "Update"): [".data.a", ".data.c"]}
    times = {e["manager"]: e["time"] for e in after["metadata"]["managedFields"]}
    assert times == {"u": T1, "v": T2}


def test_the_same_manager_keeps_one_entry() -> None:
    live = stored(update(None, config_map(a="1", b="1")))
    after = update(live, {**live, "data": {"a": "1", "b": "2"}}, now=T2)
    assert owners(after) == {("u", "Update"): [".data", ".data.a", ".data.b"]}
    assert after["metadata"]["managedFields"][0]["time"] == T2


def test_a_write_without_change_gives_the_same_object() -> None:
    live = stored(update(None, config_map(a="1")))
    assert update(live, copy.deepcopy(live), "w", now=T2) == live


def test_the_status_subresource_has_its_own_entry() -> None:
    live = stored(update(None, normalize(deployment({"name": "a"}), DEPLOYMENT), schema=DEPLOYMENT))
    new = {**live, "status": {"replicas": 1}}
    after = update(live, new, "ctl", now=T2, schema=DEPLOYMENT, subresource="status")
    entry = after["metadata"]["managedFields"][1]
    assert entry["subresource"] == "status"
    assert entry["fieldsV1"] == {"f:status": {"f:replicas": {}}}


@pytest.mark.parametrize("reset", [[], [{}]])
def test_tracking_can_be_reset(reset: Any) -> None:
    live = stored(update(None, config_map(a="1")))
    new = copy.deepcopy(live)
    new["metadata"]["managedFields"] = reset
    after = update(live, new, now=T2)
    assert "managedFields" not in after["metadata"]
    again = update(stored(after), {**stored(after), "data": {"a": "2"}}, now=T3)
    assert "managedFields" not in again["metadata"]


def test_a_client_that_does_not_know_the_field_does_not_lose_it() -> None:
    live = stored(update(None, config_map(a="1")))
    new = config_map(a="1", b="2")
    after = update(live, new, "v", now=T2)
    assert ("u", "Update") in owners(after)


def test_managed_fields_may_be_edited() -> None:
    live = stored(update(None, config_map(a="1"), "old"))
    new = copy.deepcopy(live)
    new["metadata"]["managedFields"][0]["manager"] = "new"
    assert owners(update(live, new, "w", now=T2)) == {("new", "Update"): [".data", ".data.a"]}


def test_malformed_managed_fields_in_a_write_are_ignored() -> None:
    live = stored(update(None, config_map(a="1")))
    new = copy.deepcopy(live)
    new["metadata"]["managedFields"] = [{"operation": "Nonsense"}]
    assert update(live, new, now=T2) == live


def test_old_update_managers_collapse() -> None:
    live = stored(update(None, config_map(a="0"), "m0"))
    for number in range(1, 14):
        data = {**live["data"], f"k{number}": "x"}
        live = stored(
            update(live, {**live, "data": data}, f"m{number}", now=f"2024-01-01T00:00:{number:02}Z")
        )
    managers = [e["manager"] for e in live["metadata"]["managedFields"]]
    assert len(managers) == 10
    assert "ancient-changes" in managers
    assert "m13" in managers


def test_times_are_taken_as_moments_too() -> None:
    created = update(None, config_map(a="1"), now=datetime(2024, 1, 1, 0, 0, 1, tzinfo=UTC))
    assert created["metadata"]["managedFields"][0]["time"] == T1


def test_inputs_are_never_changed() -> None:
    live = stored(update(None, config_map(a="1", b="2")))
    config = config_map(a="9")
    before = copy.deepcopy((live, config))
    apply(live, config, force=True)
    update(live, {**config, "metadata": live["metadata"]})
    assert (live, config) == before


def test_without_a_schema_maps_are_granular_and_lists_atomic() -> None:
    node = structural_node(None)
    old = {"spec": {"a": {"b": 1}, "l": [1, 2]}}
    new = {"spec": {"a": {"b": 1, "c": 2}, "l": [1, 3]}}
    changes = compare(old, new, node)
    assert changes.added.paths() == [".spec.a.c"]
    assert changes.modified.paths() == [".spec.l"]
    assert not changes.removed
    assert field_set_of(new, node).paths() == [
        ".spec", ".spec.a", ".spec.a.b", ".spec.a.c", ".spec.l",
    ]  # fmt: skip


# --- laws ----------------------------------------------------------------------------------------

NAMES = st.lists(st.sampled_from(["a", "b", "c"]), unique=True, max_size=3)


@st.composite
def configs(draw: Any) -> Any:
    containers = []
    for name in draw(NAMES):
        container = {"name": name}
        if draw(st.booleans()):
            container["image"] = draw(st.sampled_from(["x", "y"]))
        if draw(st.booleans()):
            container["env"] = [
                {"name": n, "value": draw(st.sampled_from("12"))} for n in draw(NAMES)
            ]
        containers.append(container)
    spec = {}
    if draw(st.booleans()):
        spec["replicas"] = draw(st.integers(0, 2))
    if draw(st.booleans()):
        spec["selector"] = {"matchLabels": {"a": draw(st.sampled_from("12"))}}
    return deployment(*containers, **spec)


@given(configs(), configs())
def test_a_second_apply_of_the_same_changes_nothing(first: Any, second: Any) -> None:
    live = stored(apply(None, first, "m", schema=DEPLOYMENT))
    live = stored(apply(live, second, "n", schema=DEPLOYMENT, force=True, now=T2))
    assert apply(live, second, "n", schema=DEPLOYMENT, now=T3) == live


@given(configs(), configs())
def test_an_applier_owns_its_configuration_and_its_values_hold(first: Any, second: Any) -> None:
    live = stored(apply(None, first, "m", schema=DEPLOYMENT))
    after = apply(live, second, "n", schema=DEPLOYMENT, force=True, now=T2)
    stated = field_set_of({"spec": second["spec"]}, DEPLOYMENT)
    owned = FieldSet()
    for entry in after["metadata"].get("managedFields", []):
        owned |= FieldSet.decode(entry["fieldsV1"])
    assert not stated - owned
    differing = compare(after, second, DEPLOYMENT)
    assert not differing.modified & stated
    assert not differing.added & stated


@given(configs(), configs(), configs())
def test_ownership_never_names_what_does_not_exist(first: Any, second: Any, third: Any) -> None:
    live = stored(apply(None, first, "m", schema=DEPLOYMENT))
    live = stored(apply(live, second, "n", schema=DEPLOYMENT, force=True, now=T2))
    live = stored(apply(live, third, "m", schema=DEPLOYMENT, force=True, now=T3))
    present = compare({}, live, DEPLOYMENT).added
    for entry in live["metadata"].get("managedFields", []):
        assert not FieldSet.decode(entry["fieldsV1"]) - present


@given(configs(), configs())
def test_an_update_and_its_reverse_restore_the_object(first: Any, second: Any) -> None:
    old = normalize(first, DEPLOYMENT)
    new = normalize(second, DEPLOYMENT)
    live = stored(update(None, old, schema=DEPLOYMENT))
    there = stored(update(live, {**new, "metadata": live["metadata"]}, "v", schema=DEPLOYMENT))
    back = update(there, {**old, "metadata": there["metadata"]}, "u", schema=DEPLOYMENT)
    assert back["spec"] == live["spec"]
