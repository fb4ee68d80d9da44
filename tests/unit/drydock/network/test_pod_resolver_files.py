from typing import Any

import pytest

from towline.drydock.network.resolv import hostname_of, hosts_file, resolv_file


def _pod(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "p", "namespace": "ns"}, "spec": spec}


_CLUSTER = (
    "search ns.svc.cluster.local svc.cluster.local cluster.local\n"
    "nameserver 10.96.0.10\n"
    "options ndots:5\n"
)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, _CLUSTER),
        ({"dnsPolicy": "ClusterFirst"}, _CLUSTER),
        ({"dnsPolicy": "Default"}, "search lan\nnameserver 1.1.1.1\noptions edns0\n"),
        ({"dnsPolicy": "None", "dnsConfig": {"nameservers": ["9.9.9.9"]}}, "nameserver 9.9.9.9\n"),
        (
            {
                "dnsConfig": {
                    "searches": ["x"],
                    "options": [{"name": "ndots", "value": "2"}, {"name": "rotate"}],
                }
            },
            _CLUSTER.replace("cluster.local\nname", "cluster.local x\nname").replace(
                "ndots:5", "ndots:2 rotate"
            ),
        ),
    ],
    ids=["default", "cluster-first", "host", "none", "config"],
)
def test_resolv_conf_follows_the_policy(spec: dict[str, Any], expected: str) -> None:
    host = "nameserver 1.1.1.1\nsearch lan\noptions edns0\n"
    assert resolv_file(_pod(**spec), "10.96.0.10", "cluster.local", host) == expected


def test_hosts_names_the_pod_and_its_aliases() -> None:
    pod = _pod(
        hostname="h",
        subdomain="s",
        hostAliases=[{"ip": "1.2.3.4", "hostnames": ["a", "b"]}],
    )
    text = hosts_file(pod, "10.244.0.2", "cluster.local")
    assert "10.244.0.2\th.s.ns.svc.cluster.local\th\n" in text
    assert text.endswith("# Entries added by HostAliases.\n1.2.3.4\ta\tb\n")


def test_a_long_name_is_cut_to_a_host_name() -> None:
    pod = _pod()
    pod["metadata"]["name"] = "a" * 62 + "-" + "b" * 20
    assert hostname_of(pod) == "a" * 62
