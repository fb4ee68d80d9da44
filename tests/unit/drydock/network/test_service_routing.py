from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towline.drydock.network.directory import ServiceDirectory, ServiceKey
from towline.drydock.network.routing import (
    Balancer,
    Listener,
    Route,
    Target,
    choose_balancer_ip,
    routes_of,
    wants_balancer,
)

WEB = ServiceKey("default", "web")
Make = Callable[..., dict[str, Any]]


def _routes(directory: ServiceDirectory, **extra: Any) -> dict[Listener, Route]:
    service = directory.service(WEB)
    assert service is not None
    return routes_of(WEB, service, directory.endpoints(WEB), node_ip="127.0.0.1", **extra)


def test_a_cluster_ip_leads_to_the_ready_pods(
    directory: ServiceDirectory, learn: Callable[..., None], make_service: Make, make_slice: Make
) -> None:
    not_ready = {"addresses": ["10.244.0.4"], "conditions": {"ready": False}}
    learn(make_service(), make_slice("10.244.0.2", "10.244.0.3", not_ready))
    assert _routes(directory) == {
        Listener("TCP", "10.96.0.7", 80): Route(
            WEB, (Target("10.244.0.2", 5000), Target("10.244.0.3", 5000)), sticky=False
        )
    }


def test_terminating_pods_that_serve_are_used_when_no_other_is_left(
    directory: ServiceDirectory, learn: Callable[..., None], make_service: Make, make_slice: Make
) -> None:
    conditions = {"ready": False, "serving": True, "terminating": True}
    learn(make_service(), make_slice({"addresses": ["10.244.0.4"], "conditions": conditions}))
    [route] = _routes(directory).values()
    assert route.targets == (Target("10.244.0.4", 5000),)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"clusterIP": "None"}, []),
        ({"sessionAffinity": "ClientIP"}, [Listener("TCP", "10.96.0.7", 80)]),
        (
            {"type": "NodePort", "ports": [{"name": "http", "port": 80, "nodePort": 30080}]},
            [Listener("TCP", "10.96.0.7", 80), Listener("TCP", "127.0.0.1", 30080)],
        ),
        (
            {
                "type": "LoadBalancer",
                "ports": [{"name": "dns", "port": 53, "protocol": "UDP", "nodePort": 30053}],
            },
            [
                Listener("UDP", "10.96.0.7", 53),
                Listener("UDP", "127.0.0.1", 30053),
                Listener("UDP", "127.96.0.1", 53),
            ],
        ),
        ({"ports": [{"port": 9, "protocol": "SCTP"}]}, []),
    ],
    ids=["headless", "sticky", "node-port", "balancer-udp", "sctp"],
)
def test_listeners_follow_the_type(
    directory: ServiceDirectory,
    learn: Callable[..., None],
    make_service: Make,
    spec: dict[str, Any],
    expected: list[Listener],
) -> None:
    learn(make_service(**spec))
    assert list(_routes(directory, balancer_ip="127.96.0.1")) == expected


def test_a_fixed_target_replaces_the_endpoints(
    directory: ServiceDirectory, learn: Callable[..., None], make_service: Make
) -> None:
    learn(make_service())
    [route] = _routes(directory, fixed=Target("127.0.0.1", 6443)).values()
    assert route.targets == (Target("127.0.0.1", 6443),)


def test_a_deleted_slice_takes_its_pods_away(
    directory: ServiceDirectory, learn: Callable[..., None], make_service: Make, make_slice: Make
) -> None:
    learn(make_service(), make_slice("10.244.0.2"))
    learn(make_slice("10.244.0.2"), type_="DELETED")
    [route] = _routes(directory).values()
    assert route.targets == ()


def test_round_robin_starts_with_the_next_pod_each_time() -> None:
    targets = tuple(Target(f"10.244.0.{n}", 80) for n in (2, 3, 4))
    route = Route(WEB, targets, sticky=False)
    balancer = Balancer()
    firsts = [balancer.order(route, "10.0.0.1")[0] for _ in range(6)]
    assert firsts == [*targets, *targets]


@given(st.ip_addresses(v=4), st.integers(1, 9))
def test_a_sticky_client_keeps_its_pod(client: Any, count: int) -> None:
    targets = tuple(Target(f"10.244.0.{n}", 80) for n in range(count))
    balancer = Balancer()
    one = balancer.order(Route(WEB, targets, sticky=True), str(client))
    other = balancer.order(Route(WEB, targets[::-1], sticky=True), str(client))
    assert one == other
    assert sorted(one) == sorted(targets)


@pytest.mark.parametrize(
    ("present", "wish", "taken", "expected"),
    [
        ("", "", [], "127.96.0.1"),
        ("", "", ["127.96.0.1"], "127.96.0.2"),
        ("127.96.0.9", "", [], "127.96.0.9"),
        ("127.96.0.9", "", ["127.96.0.9"], "127.96.0.1"),
        ("", "127.96.0.40", [], "127.96.0.40"),
        ("", "8.8.8.8", [], "127.96.0.1"),
        ("nonsense", "", [], "127.96.0.1"),
    ],
)
def test_a_balancer_address_is_kept_when_possible(
    make_service: Make, present: str, wish: str, taken: list[str], expected: str
) -> None:
    service = make_service(type="LoadBalancer", loadBalancerIP=wish)
    service["status"] = {"loadBalancer": {"ingress": [{"ip": present}] if present else []}}
    assert choose_balancer_ip(service, "127.96.0.0/24", taken) == expected


def test_a_used_up_pool_gives_nothing(make_service: Make) -> None:
    taken = ["127.96.0.1", "127.96.0.2"]
    assert choose_balancer_ip(make_service(type="LoadBalancer"), "127.96.0.0/30", taken) == ""


def test_a_foreign_load_balancer_class_is_left_alone(make_service: Make) -> None:
    assert wants_balancer(make_service(type="LoadBalancer"))
    assert not wants_balancer(make_service(type="LoadBalancer", loadBalancerClass="x/y"))
