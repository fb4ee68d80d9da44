"""Services: defaults, addresses, ports, types and what may not change."""

from __future__ import annotations

from typing import Any

from peers.recording import APPLY, MERGE_PATCH, STRATEGIC_PATCH, Talk

from scenarios.objects import service


def service_creation(talk: Talk) -> None:
    path = talk.path("services")
    bodies: dict[str, dict[str, Any]] = {
        "plain": service("plain"),
        "two-ports": service(
            "two-ports", ports=[{"name": "a", "port": 80}, {"name": "b", "port": 81}]
        ),
        "named-target": service("named-target", ports=[{"port": 80, "targetPort": "http"}]),
        "node-port": service("node-port", type="NodePort"),
        "chosen-port": service(
            "chosen-port", type="NodePort", ports=[{"port": 80, "nodePort": 31234}]
        ),
        "balancer": service("balancer", type="LoadBalancer"),
        "balancer-without-ports": service(
            "balancer-without-ports", type="LoadBalancer", allocateLoadBalancerNodePorts=False
        ),
        "headless": service("headless", clusterIP="None"),
        "no-selector": service("no-selector", selector=None),
        "external": service("external", type="ExternalName", externalName="example.com", ports=[]),
        "affinity": service("affinity", sessionAffinity="ClientIP"),
        "local": service("local", type="LoadBalancer", externalTrafficPolicy="Local"),
        "udp": service("udp", ports=[{"port": 53, "protocol": "UDP"}]),
        "fixed": service("fixed", clusterIP="10.96.77.77"),
    }
    for step, body in bodies.items():
        talk.ask(step, "POST", path, body)


def service_refusals(talk: Talk) -> None:
    path = talk.path("services")
    talk.quiet("POST", path, service("taken", clusterIP="10.96.78.78"))
    talk.quiet(
        "POST", path, service("tport", type="NodePort", ports=[{"port": 80, "nodePort": 31235}])
    )
    bodies: dict[str, dict[str, Any]] = {
        "no ports": service("a", ports=[]),
        "no port number": service("a", ports=[{}]),
        "port zero": service("a", ports=[{"port": 0}]),
        "port too large": service("a", ports=[{"port": 70000}]),
        "port a string": service("a", ports=[{"port": "80"}]),
        "unnamed ports": service("a", ports=[{"port": 80}, {"port": 81}]),
        "same name": service("a", ports=[{"name": "x", "port": 80}, {"name": "x", "port": 81}]),
        "same port": service("a", ports=[{"name": "x", "port": 80}, {"name": "y", "port": 80}]),
        "bad port name": service("a", ports=[{"name": "A_b", "port": 80}]),
        "bad protocol": service("a", ports=[{"port": 80, "protocol": "FOO"}]),
        "bad target": service("a", ports=[{"port": 80, "targetPort": "Bad_Name"}]),
        "target zero": service("a", ports=[{"port": 80, "targetPort": 70000}]),
        "bad type": service("a", type="Odd"),
        "bad address": service("a", clusterIP="x"),
        "address elsewhere": service("a", clusterIP="192.168.1.1"),
        "address taken": service("a", clusterIP="10.96.78.78"),
        "port taken": service("a", type="NodePort", ports=[{"port": 80, "nodePort": 31235}]),
        "port outside": service("a", type="NodePort", ports=[{"port": 80, "nodePort": 80}]),
        "node port of a cluster service": service("a", ports=[{"port": 80, "nodePort": 31236}]),
        "no external name": service("a", type="ExternalName", ports=[]),
        "headless node port": service("a", type="NodePort", clusterIP="None"),
        "bad affinity": service("a", sessionAffinity="Odd"),
        "bad policy": service("a", type="NodePort", externalTrafficPolicy="Odd"),
        "policy of a cluster service": service("a", externalTrafficPolicy="Local"),
        "bad selector": service("a", selector={"a b": "c"}),
        "bad name": service("A"),
        "name with a dot": service("a.b"),
        "name with a digit": service("1a"),
        "bad class": service("a", type="LoadBalancer", loadBalancerClass="a b"),
        "bad range": service("a", type="LoadBalancer", loadBalancerSourceRanges=["x"]),
        "bad external address": service("a", externalIPs=["x"]),
        "other address in the list": service("a", clusterIP="10.96.1.2", clusterIPs=["10.96.1.3"]),
        "no spec": {"metadata": {"name": "a"}},
    }
    for step, body in bodies.items():
        talk.ask(step, "POST", f"{path}?dryRun=All", body)


def service_changes(talk: Talk) -> None:
    path = talk.path("services")
    made = talk.ask("create", "POST", path, service("s"))
    mine = f"{path}/s"
    talk.ask("put without address", "PUT", mine, service("s", ports=[{"port": 81}]))
    talk.ask(
        "add a port",
        "PATCH",
        mine,
        {"spec": {"ports": [{"name": "n", "port": 90}]}},
        content_type=STRATEGIC_PATCH,
    )
    ports = [{"name": "m", "port": 81}, {"name": "n", "port": 90}]
    talk.ask(
        "name the ports", "PATCH", mine, {"spec": {"ports": ports}}, content_type=STRATEGIC_PATCH
    )
    for step, spec in (
        ("other address", {"clusterIP": "10.96.99.99", "clusterIPs": ["10.96.99.99"]}),
        ("other address alone", {"clusterIP": "10.96.99.99"}),
        ("no address", {"clusterIP": None, "clusterIPs": None}),
        ("to node port", {"type": "NodePort"}),
        ("to balancer", {"type": "LoadBalancer"}),
        ("to cluster address", {"type": "ClusterIP"}),
        ("to external name", {"type": "ExternalName", "externalName": "example.com"}),
        ("back to cluster address", {"type": "ClusterIP", "externalName": None}),
        ("to headless", {"clusterIP": "None"}),
        ("label selector", {"selector": {"b": "c"}}),
        ("client affinity", {"sessionAffinity": "ClientIP"}),
        ("no affinity", {"sessionAffinity": "None"}),
        ("two families", {"ipFamilyPolicy": "PreferDualStack"}),
    ):
        talk.ask(step, "PATCH", mine, {"spec": spec}, content_type=MERGE_PATCH)
    status = {"loadBalancer": {"ingress": [{"ip": "127.0.0.1"}]}}
    talk.ask(
        "status of the wrong type",
        "PATCH",
        f"{mine}/status",
        {"status": status},
        content_type=MERGE_PATCH,
    )
    talk.ask(
        "balancer again",
        "PATCH",
        mine,
        {"spec": {"type": "LoadBalancer"}},
        content_type=MERGE_PATCH,
    )
    talk.ask("status", "PATCH", f"{mine}/status", {"status": status}, content_type=MERGE_PATCH)
    talk.ask(
        "status through the object",
        "PATCH",
        mine,
        {"status": {"loadBalancer": {}}},
        content_type=MERGE_PATCH,
    )
    talk.ask(
        "no balancer any more",
        "PATCH",
        mine,
        {"spec": {"type": "ClusterIP"}},
        content_type=MERGE_PATCH,
    )
    talk.ask("put creates", "PUT", f"{path}/fresh", service("fresh"))
    body = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "s"},
        "spec": {"ports": [{"port": 81, "name": "m", "targetPort": 8081}]},
    }
    talk.ask(
        "apply a port", "PATCH", f"{mine}?fieldManager=gitops&force=true", body, content_type=APPLY
    )
    talk.ask("delete", "DELETE", mine)
    assert made["spec"]["clusterIP"]
