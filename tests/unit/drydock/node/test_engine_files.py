import tomllib
from pathlib import Path

import pytest

from towline.drydock.node.engine import engine_paths
from towline.drydock.node.engine_config import (
    EnginePaths,
    EngineTraits,
    containers_conf,
    registries_conf,
    storage_conf,
)

PATHS = EnginePaths(Path('/data/"odd" dir'), Path("/s"))
TRAITS = EngineTraits("runc", "overlay", limits=True, nofile=20000, nproc=96365)


def test_limits_stay_within_the_callers() -> None:
    conf = tomllib.loads(containers_conf(PATHS, TRAITS))
    assert conf["containers"]["default_ulimits"] == ["nofile=20000:20000", "nproc=32768:32768"]
    unlimited = EngineTraits("runc", "overlay", limits=True, nofile=2**30, nproc=0)
    conf = tomllib.loads(containers_conf(PATHS, unlimited))
    assert conf["containers"]["default_ulimits"] == ["nofile=1048576:1048576"]


def test_everything_is_below_the_nodes_folder() -> None:
    conf = tomllib.loads(containers_conf(PATHS, TRAITS))
    storage = tomllib.loads(storage_conf(PATHS, TRAITS))["storage"]
    engine = conf["engine"]
    kept = [engine[key] for key in ("static_dir", "tmp_dir", "volume_path")]
    kept += [storage["graphroot"], storage["runroot"], conf["network"]["network_config_dir"]]
    assert all(path.startswith('/data/"odd" dir/') for path in kept)
    assert engine["lock_type"] == "file"
    assert set(PATHS.environment()) >= {"CONTAINERS_CONF", "CONTAINERS_STORAGE_CONF"}


def test_mirrors_come_first_and_loopback_is_plain() -> None:
    mirrors = {"docker.io": "127.0.0.1:5000/hub", "ghcr.io": "mirror.example"}
    conf = tomllib.loads(registries_conf(mirrors, ("plain.example:80",)))
    by_host = {entry.get("prefix") or entry["location"]: entry for entry in conf["registry"]}
    assert by_host["docker.io"]["mirror"] == [{"location": "127.0.0.1:5000/hub", "insecure": True}]
    assert by_host["ghcr.io"]["mirror"] == [{"location": "mirror.example"}]
    assert "insecure" not in by_host["docker.io"]
    assert by_host["plain.example:80"]["insecure"]
    assert by_host["127.0.0.1:5000"]["insecure"]


@pytest.mark.parametrize(("length", "below"), [(10, True), (120, False)])
def test_a_socket_path_fits_the_kernels_limit(length: int, *, below: bool) -> None:
    root = Path("/" + "d" * length)
    socket = engine_paths(root).socket
    assert len(str(socket)) <= 107
    assert socket.is_relative_to(root) == below
