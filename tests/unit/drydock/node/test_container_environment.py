import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towline.drydock.node.environment import (
    ConfigError,
    Sources,
    environment_of,
    expand,
    resource_value,
    service_variables,
)

_CONFIG = {"data": {"a": "1", "b": "two"}, "binaryData": {"c": base64.b64encode(b"3").decode()}}
_SECRET = {"data": {"pw": base64.b64encode(b"hunter2").decode(), "bad": "%%%"}}
SOURCES = Sources(
    config_map=lambda namespace, name: _CONFIG if (namespace, name) == ("ns", "cfg") else None,
    secret=lambda namespace, name: _SECRET if (namespace, name) == ("ns", "sec") else None,
)
FACTS = {"status.podIP": "10.244.0.2", "spec.nodeName": "drydock"}


def _pod(**spec: Any) -> dict[str, Any]:
    meta = {"name": "p", "namespace": "ns", "uid": "u", "labels": {"app": "x"}}
    return {"metadata": meta, "spec": {"containers": [], **spec}}


def _environment(container: dict[str, Any], services: tuple[Any, ...] = ()) -> dict[str, str]:
    return environment_of(_pod(), {"name": "c", **container}, SOURCES, services, FACTS)


def _from(**origin: Any) -> dict[str, Any]:
    return {"env": [{"name": "X", "valueFrom": origin}]}


@pytest.mark.parametrize(
    ("origin", "value"),
    [
        ({"fieldRef": {"fieldPath": "metadata.name"}}, "p"),
        ({"fieldRef": {"fieldPath": "metadata.labels['app']"}}, "x"),
        ({"fieldRef": {"fieldPath": "metadata.annotations['none']"}}, ""),
        ({"fieldRef": {"fieldPath": "status.podIP"}}, "10.244.0.2"),
        ({"configMapKeyRef": {"name": "cfg", "key": "b"}}, "two"),
        ({"configMapKeyRef": {"name": "cfg", "key": "c"}}, "3"),
        ({"secretKeyRef": {"name": "sec", "key": "pw"}}, "hunter2"),
    ],
)
def test_a_value_comes_from_its_source(origin: dict[str, Any], value: str) -> None:
    assert _environment(_from(**origin))["X"] == value


@pytest.mark.parametrize(
    ("origin", "message"),
    [
        ({"configMapKeyRef": {"name": "no", "key": "k"}}, 'configmap "no" not found'),
        ({"secretKeyRef": {"name": "no", "key": "k"}}, 'secret "no" not found'),
        (
            {"configMapKeyRef": {"name": "cfg", "key": "k"}},
            "couldn't find key k in ConfigMap ns/cfg",
        ),
        ({"secretKeyRef": {"name": "sec", "key": "k"}}, "couldn't find key k in Secret ns/sec"),
        ({"fieldRef": {"fieldPath": "spec.secret"}}, "unsupported fieldPath: spec.secret"),
    ],
)
def test_what_is_missing_is_named(origin: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        _environment(_from(**origin))
    assert caught.value.message == message


@pytest.mark.parametrize("kind", ["configMapKeyRef", "secretKeyRef"])
@pytest.mark.parametrize("name", ["no", "cfg", "sec"])
def test_what_is_optional_may_be_missing(kind: str, name: str) -> None:
    assert "X" not in _environment(_from(**{kind: {"name": name, "key": "k", "optional": True}}))


def test_whole_sources_get_a_prefix_and_later_ones_win() -> None:
    container = {
        "envFrom": [
            {"configMapRef": {"name": "cfg"}, "prefix": "P_"},
            {"secretRef": {"name": "sec"}},
            {"secretRef": {"name": "no", "optional": True}},
        ],
        "env": [{"name": "P_a", "value": "own"}],
    }
    found = _environment(container)
    assert (found["P_a"], found["P_b"], found["pw"], found["bad"]) == ("own", "two", "hunter2", "")


def test_a_missing_whole_source_is_named() -> None:
    with pytest.raises(ConfigError, match='configmap "no" not found'):
        _environment({"envFrom": [{"configMapRef": {"name": "no"}}]})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$(A)-$(B)", "1-$(B)"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$1"),
        ("$A $(", "$A $("),
        ("$()", "$()"),
    ],
)
def test_references_are_expanded(text: str, expected: str) -> None:
    assert expand(text, {"A": "1"}) == expected


@given(st.text(alphabet="ab$() "), st.text(alphabet="ab() "))
def test_expansion_never_fails_and_leaves_plain_text_alone(text: str, plain: str) -> None:
    assert len(expand(text, {})) <= len(text)
    assert expand(plain, {"a": "1"}) == plain


def test_variables_may_use_earlier_ones() -> None:
    env = [{"name": "A", "value": "1"}, {"name": "B", "value": "$(A)2"}]
    assert _environment({"env": env})["B"] == "12"


def _service(name: str, namespace: str, ip: str) -> dict[str, Any]:
    ports = [
        {"name": "http", "port": 80, "protocol": "TCP"},
        {"name": "stats-x", "port": 81, "protocol": "UDP"},
    ]
    return {
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"clusterIP": ip, "ports": ports},
    }


def test_services_are_announced() -> None:
    found = service_variables(_pod(), [_service("my-db", "ns", "10.96.0.9")])
    assert found == {
        "MY_DB_SERVICE_HOST": "10.96.0.9",
        "MY_DB_SERVICE_PORT": "80",
        "MY_DB_SERVICE_PORT_HTTP": "80",
        "MY_DB_SERVICE_PORT_STATS_X": "81",
        "MY_DB_PORT": "tcp://10.96.0.9:80",
        "MY_DB_PORT_80_TCP": "tcp://10.96.0.9:80",
        "MY_DB_PORT_80_TCP_PROTO": "tcp",
        "MY_DB_PORT_80_TCP_PORT": "80",
        "MY_DB_PORT_80_TCP_ADDR": "10.96.0.9",
        "MY_DB_PORT_81_UDP": "udp://10.96.0.9:81",
        "MY_DB_PORT_81_UDP_PROTO": "udp",
        "MY_DB_PORT_81_UDP_PORT": "81",
        "MY_DB_PORT_81_UDP_ADDR": "10.96.0.9",
    }


def test_only_the_pods_own_services_and_the_api_are_announced() -> None:
    services = [
        _service("kubernetes", "default", "10.96.0.1"),
        _service("other", "elsewhere", "10.96.0.2"),
        _service("headless", "ns", "None"),
        _service("mine", "ns", "10.96.0.3"),
    ]
    linked = service_variables(_pod(), services)
    hosts = {key for key in linked if key.endswith("_HOST")}
    assert hosts == {"KUBERNETES_SERVICE_HOST", "MINE_SERVICE_HOST"}
    unlinked = service_variables(_pod(enableServiceLinks=False), services)
    assert {k for k in unlinked if k.endswith("_HOST")} == {"KUBERNETES_SERVICE_HOST"}


@pytest.mark.parametrize(
    ("reference", "value"),
    [
        ({"resource": "limits.memory", "divisor": "1Mi"}, "64"),
        ({"resource": "limits.cpu"}, "1"),
        ({"resource": "limits.cpu", "divisor": "1m"}, "500"),
        ({"resource": "requests.cpu"}, "0"),
    ],
)
def test_resource_fields_are_divided_and_rounded_up(reference: dict[str, str], value: str) -> None:
    container = {"name": "c", "resources": {"limits": {"memory": "64Mi", "cpu": "500m"}}}
    assert resource_value(_pod(), reference, container) == value
