from pathlib import Path

import pytest

from towline.drydock.network.plan import plan, plan_of, release
from towline.errors import SettingsError

_HEAD = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"


@pytest.fixture
def machine(tmp_path: Path) -> dict[str, Path]:
    interfaces = tmp_path / "net"
    interfaces.mkdir()
    routes = tmp_path / "route"
    routes.write_text(_HEAD)
    return {"claims": tmp_path / "claims", "routes": routes, "interfaces": interfaces}


def _folder(tmp_path: Path, name: str) -> Path:
    folder = tmp_path / name
    folder.mkdir()
    return folder


def test_the_plan_of_an_index_does_not_overlap_the_next() -> None:
    assert plan_of(3).pod_cidr == "10.244.3.0/24"
    assert plan_of(3).dns_ip == "10.96.3.10"
    assert plan_of(3).bridge == "dd3"


def test_a_data_folder_keeps_its_plan(tmp_path: Path, machine: dict[str, Path]) -> None:
    folder = _folder(tmp_path, "a")
    assert plan(folder, **machine) == plan(folder, **machine)


def test_two_data_folders_get_different_indexes(tmp_path: Path, machine: dict[str, Path]) -> None:
    found = {plan(_folder(tmp_path, str(n)), **machine).index for n in range(20)}
    assert len(found) == 20


def test_an_index_whose_bridge_exists_is_skipped(tmp_path: Path, machine: dict[str, Path]) -> None:
    for index in range(256):
        if index != 77:
            (machine["interfaces"] / f"dd{index}").touch()
    assert plan(_folder(tmp_path, "a"), **machine).index == 77


def test_a_routed_network_is_avoided(tmp_path: Path, machine: dict[str, Path]) -> None:
    # 10.244.0.0/16 by another cluster on the same machine: nothing is left.
    machine["routes"].write_text(_HEAD + "cni0\t0000F40A\t0\t1\t0\t0\t0\t0000FFFF\t0\t0\t0\n")
    with pytest.raises(SettingsError, match="no free network index"):
        plan(_folder(tmp_path, "a"), **machine)


def test_the_default_route_is_no_obstacle(tmp_path: Path, machine: dict[str, Path]) -> None:
    machine["routes"].write_text(_HEAD + "eth0\t00000000\t0\t3\t0\t0\t0\t00000000\t0\t0\t0\n")
    plan(_folder(tmp_path, "a"), **machine)


def test_a_kept_index_that_another_living_instance_took_is_an_error(
    tmp_path: Path, machine: dict[str, Path]
) -> None:
    first, second = _folder(tmp_path, "a"), _folder(tmp_path, "b")
    chosen = plan(first, **machine)
    (second / "network.json").write_bytes((first / "network.json").read_bytes())
    with pytest.raises(SettingsError, match=f"network index {chosen.index}"):
        plan(second, **machine)


def test_a_claim_of_a_deleted_data_folder_is_taken_over(
    tmp_path: Path, machine: dict[str, Path]
) -> None:
    first, second = _folder(tmp_path, "a"), _folder(tmp_path, "b")
    chosen = plan(first, **machine)
    (second / "network.json").write_bytes((first / "network.json").read_bytes())
    (first / "network.json").unlink()
    assert plan(second, **machine) == chosen


def test_release_gives_the_index_back(tmp_path: Path, machine: dict[str, Path]) -> None:
    chosen = plan(_folder(tmp_path, "a"), **machine)
    release(chosen, claims=machine["claims"])
    assert list(machine["claims"].iterdir()) == []
