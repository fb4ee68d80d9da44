import asyncio
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towline.drydock.network.directory import ServiceDirectory
from towline.drydock.network.dns import DnsServer, host_resolvers
from towline.drydock.network.dns_message import (
    Code,
    Kind,
    Record,
    address_data,
    encode_name,
    parse_query,
    response,
    service_data,
)
from towline.drydock.network.dns_zone import ClusterZone
from towline.errors import InputError

Make = Callable[..., dict[str, Any]]


def _query(name: str, kind: int = Kind.A, *, identifier: int = 7) -> bytes:
    head = struct.pack("!HHHHHH", identifier, 0x0100, 1, 0, 0, 0)
    return head + encode_name(name) + struct.pack("!HH", kind, 1)


@pytest.fixture
def zone(
    directory: ServiceDirectory, learn: Callable[..., None], make_service: Make, make_slice: Make
) -> ClusterZone:
    named = {"addresses": ["10.244.0.3"], "hostname": "db-0"}
    away = {"addresses": ["10.244.0.4"], "conditions": {"ready": False}}
    learn(
        make_service(),
        make_service("db", clusterIP="None"),
        make_service("out", clusterIP="", type="ExternalName", externalName="example.org"),
        make_slice(named, "10.244.0.5", away, service="db", name="db-1"),
    )
    return ClusterZone(directory, "cluster.local", ("10.244.0.0/24", "10.96.0.0/24"))


def _a(name: str, ip: str) -> Record:
    return Record(name, Kind.A, 5, address_data(ip))


@pytest.mark.parametrize(
    ("name", "ips"),
    [
        ("web.default.svc.cluster.local", ["10.96.0.7"]),
        ("db.default.svc.cluster.local", ["10.244.0.3", "10.244.0.5"]),
        ("db-0.db.default.svc.cluster.local", ["10.244.0.3"]),
        ("10-244-0-5.db.default.svc.cluster.local", ["10.244.0.5"]),
        ("10-1-2-3.default.pod.cluster.local", ["10.1.2.3"]),
    ],
)
def test_names_lead_to_addresses(zone: ClusterZone, name: str, ips: list[str]) -> None:
    answer = zone.answer(name, Kind.A)
    assert answer is not None
    assert answer.records == [_a(name, ip) for ip in ips]


@pytest.mark.parametrize(
    "name",
    [
        "nope.default.svc.cluster.local",
        "web.other.svc.cluster.local",
        "x.web.default.svc.cluster.local",
        "db-7.db.default.svc.cluster.local",
        "example.com.default.svc.cluster.local",
        "nothing.cluster.local",
        "x-y.default.pod.cluster.local",
        "1.0.0.127.in-addr.arpa",
        "9.0.244.10.in-addr.arpa",
        "x.in-addr.arpa",
        "single",
    ],
)
def test_what_does_not_exist_is_denied_at_once(zone: ClusterZone, name: str) -> None:
    answer = zone.answer(name, Kind.A)
    assert answer is not None
    assert answer.code == Code.NO_NAME
    assert [record.kind for record in answer.authority] == [Kind.SOA]


@pytest.mark.parametrize("name", ["example.com", "8.8.8.8.in-addr.arpa"])
def test_other_names_are_for_other_servers(zone: ClusterZone, name: str) -> None:
    assert zone.answer(name, Kind.A) is None


def test_a_name_without_that_record_type_exists_all_the_same(zone: ClusterZone) -> None:
    answer = zone.answer("web.default.svc.cluster.local", Kind.AAAA)
    assert answer is not None
    assert (answer.code, answer.records) == (Code.OK, [])


@pytest.mark.parametrize("name", ["svc.cluster.local", "default.svc.cluster.local"])
def test_a_name_with_names_below_it_exists(zone: ClusterZone, name: str) -> None:
    answer = zone.answer(name, Kind.A)
    assert answer is not None
    assert answer.code == Code.OK


def test_an_external_name_is_an_alias(zone: ClusterZone) -> None:
    answer = zone.answer("out.default.svc.cluster.local", Kind.A)
    assert answer is not None
    assert answer.records[0].kind == Kind.CNAME
    assert answer.records[0].data == encode_name("example.org")


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        ("web", [service_data(80, "web.default.svc.cluster.local")]),
        (
            "db",
            [
                service_data(5000, "db-0.db.default.svc.cluster.local"),
                service_data(5000, "10-244-0-5.db.default.svc.cluster.local"),
            ],
        ),
    ],
)
def test_named_ports_have_srv_records(
    zone: ClusterZone, service: str, expected: list[bytes]
) -> None:
    answer = zone.answer(f"_http._tcp.{service}.default.svc.cluster.local", Kind.SRV)
    assert answer is not None
    assert [record.data for record in answer.records] == expected


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("7.0.96.10.in-addr.arpa", "web.default.svc.cluster.local"),
        ("3.0.244.10.in-addr.arpa", "db-0.db.default.svc.cluster.local"),
    ],
)
def test_addresses_lead_back_to_names(zone: ClusterZone, name: str, target: str) -> None:
    answer = zone.answer(name, Kind.PTR)
    assert answer is not None
    assert answer.records[0].data == encode_name(target)


@given(st.binary(max_size=600))
def test_any_bytes_are_a_query_or_an_input_error(data: bytes) -> None:
    try:
        parse_query(data)
    except InputError:
        return


@given(st.from_regex(r"[a-z0-9-]{1,20}(\.[a-z0-9-]{1,20}){0,5}", fullmatch=True))
def test_a_query_reads_back(name: str) -> None:
    query = parse_query(_query(name))
    assert (query.name, query.kind, query.id) == (name, Kind.A, 7)


def test_an_answer_that_does_not_fit_is_cut_with_the_bit_set() -> None:
    query = parse_query(_query("a.b"))
    records = [_a("a.b", f"10.0.0.{n}") for n in range(60)]
    short = response(query, Code.OK, records, [], limit=512)
    assert struct.unpack_from("!H", short, 2)[0] & 0x0200
    assert len(response(query, Code.OK, records, [])) > 512


def test_the_hosts_resolvers_are_read_without_our_own(tmp_path: Path) -> None:
    file = tmp_path / "resolv.conf"
    file.write_text("# x\nnameserver 10.0.0.1\nnameserver 10.96.0.10\nsearch a\nnameserver\n")
    assert host_resolvers(file, "10.96.0.10") == ("10.0.0.1",)
    assert host_resolvers(tmp_path / "none", "") == ()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.asyncio
async def test_the_server_answers_over_udp_and_tcp(zone: ClusterZone) -> None:
    port = _free_port()
    server = DnsServer(zone, "127.0.0.1", (), port=port)
    ready = asyncio.Event()
    serving = asyncio.create_task(server.run(on_ready=ready.set))
    await ready.wait()
    question = _query("web.default.svc.cluster.local")
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(struct.pack("!H", len(question)) + question)
    size = struct.unpack("!H", await reader.readexactly(2))[0]
    by_tcp = await reader.readexactly(size)
    writer.close()
    by_udp = await asyncio.to_thread(_ask, question, port)
    broken = await asyncio.to_thread(_ask, question[:20], port)
    elsewhere = await asyncio.to_thread(_ask, _query("example.com"), port)
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    assert by_tcp == by_udp
    assert by_udp.endswith(address_data("10.96.0.7"))
    assert broken[3] & 0xF == Code.FORMAT
    assert elsewhere[3] & 0xF == Code.SERVER


def _ask(question: bytes, port: int) -> bytes:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(5)
        client.sendto(question, ("127.0.0.1", port))
        return client.recv(4096)
