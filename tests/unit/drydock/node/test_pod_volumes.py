import base64
from pathlib import Path
from typing import Any

import pytest

from towline.drydock.node.environment import ConfigError, Sources
from towline.drydock.node.pod_folder import (
    PodFolder,
    host_path,
    make_empty_dir,
    volume_mounts,
    write_files,
)
from towline.drydock.node.volumes import FileContent, files_of, references

_CONFIG = {"data": {"a": "1", "b": "2"}}
_SECRET = {"data": {"pw": base64.b64encode(b"x").decode()}}
SOURCES = Sources(
    config_map=lambda _, name: _CONFIG if name == "cfg" else None,
    secret=lambda _, name: _SECRET if name == "sec" else None,
)
POD: dict[str, Any] = {
    "metadata": {"name": "p", "namespace": "ns", "uid": "u", "labels": {"k": 'v"'}},
    "spec": {"containers": [{"name": "c"}]},
}


def _files(**source: Any) -> dict[str, FileContent] | None:
    return files_of(POD, {"name": "v", **source}, SOURCES, {})


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ({"configMap": {"name": "cfg"}}, {"a": (b"1", 0o644), "b": (b"2", 0o644)}),
        (
            {"configMap": {"name": "cfg", "items": [{"key": "a", "path": "x/y", "mode": 0o600}]}},
            {"x/y": (b"1", 0o600)},
        ),
        ({"configMap": {"name": "no", "optional": True}}, {}),
        ({"secret": {"secretName": "sec", "defaultMode": 0o400}}, {"pw": (b"x", 0o400)}),
        (
            {
                "downwardAPI": {
                    "items": [{"path": "l", "fieldRef": {"fieldPath": "metadata.labels"}}]
                }
            },
            {"l": (b'k="v\\""', 0o644)},
        ),
        (
            {
                "projected": {
                    "sources": [{"secret": {"name": "sec"}}, {"configMap": {"name": "cfg"}}]
                }
            },
            {"pw": (b"x", 0o644), "a": (b"1", 0o644), "b": (b"2", 0o644)},
        ),
    ],
    ids=["config", "items", "optional", "secret", "downward", "projected"],
)
def test_a_volume_is_files(source: dict[str, Any], expected: dict[str, Any]) -> None:
    files = _files(**source)
    assert files is not None
    assert {path: (file.data, file.mode) for path, file in files.items()} == expected


def test_an_empty_dir_is_not_made_of_files() -> None:
    assert _files(emptyDir={}) is None


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ({"configMap": {"name": "no"}}, 'configmap "no" not found'),
        ({"secret": {"secretName": "no"}}, 'secret "no" not found'),
        (
            {"configMap": {"name": "cfg", "items": [{"key": "z", "path": "z"}]}},
            "configmap references non-existent config key: z",
        ),
        (
            {"configMap": {"name": "cfg", "items": [{"key": "a", "path": "../up"}]}},
            "invalid path '../up': it must stay within the volume",
        ),
        (
            {"configMap": {"name": "cfg", "items": [{"key": "a", "path": "/etc/x"}]}},
            "invalid path '/etc/x': it must stay within the volume",
        ),
        (
            {"projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}},
            "projection of serviceAccountToken is not supported on this node",
        ),
    ],
)
def test_a_volume_that_cannot_be_set_up_says_why(source: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        _files(**source)
    assert caught.value.message == f'MountVolume.SetUp failed for volume "v" : {text}'


def test_files_are_replaced_together(tmp_path: Path) -> None:
    volume = tmp_path / "v"
    write_files(volume, {"a": FileContent(b"1", 0o644), "d/b": FileContent(b"2", 0o600)}, None)
    assert (volume / "a").read_bytes() == b"1"
    assert (volume / "d/b").stat().st_mode & 0o777 == 0o600
    assert (volume / "a").readlink() == Path("..data/a")
    first = (volume / "..data").readlink()
    write_files(volume, {"a": FileContent(b"1", 0o644), "d/b": FileContent(b"2", 0o600)}, None)
    assert (volume / "..data").readlink() == first
    write_files(volume, {"a": FileContent(b"3", 0o644)}, None)
    assert (volume / "..data").readlink() != first
    assert sorted(entry.name for entry in volume.iterdir()) == ["..data", "..version.1", "a"]
    assert (volume / "a").read_bytes() == b"3"


def test_an_empty_dir_is_writable_by_anyone(tmp_path: Path) -> None:
    make_empty_dir(tmp_path / "v", None)
    assert (tmp_path / "v").stat().st_mode & 0o777 == 0o777


def _mounts(entry: dict[str, Any], folder: Path) -> Any:
    container = {"name": "c", "volumeMounts": [{"name": "v", "mountPath": "/m", **entry}]}
    return volume_mounts(container, {"v": folder}, set(), {"POD": "p"})


def test_a_sub_path_is_made_within_the_volume(tmp_path: Path) -> None:
    [mount] = _mounts({"subPathExpr": "$(POD)/x"}, tmp_path)
    assert mount.source == tmp_path / "p/x"
    assert mount.source.is_dir()


@pytest.mark.parametrize("path", ["../x", "/etc", "a/../../x", "out/x"])
def test_a_sub_path_cannot_leave_its_volume(tmp_path: Path, path: str) -> None:
    (tmp_path / "out").symlink_to("/etc")
    with pytest.raises(ConfigError, match="leaves its volume"):
        _mounts({"subPath": path}, tmp_path)


def test_an_unknown_volume_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match='volume "w" of container c does not exist'):
        _mounts({"name": "w"}, tmp_path)


@pytest.mark.parametrize("path", ["/etc", "..", "out"])
def test_host_paths_stay_below_their_root(tmp_path: Path, path: str) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "out").symlink_to("/etc")
    volume = {"name": "v", "hostPath": {"path": str(root / path)}}
    with pytest.raises(ConfigError, match="is outside of"):
        host_path(volume, root)
    with pytest.raises(ConfigError, match="not allowed on this node"):
        host_path(volume, None)


def test_a_host_path_is_checked_by_its_type(tmp_path: Path) -> None:
    def found(name: str, kind: str) -> Path:
        spec = {"path": str(tmp_path / name), "type": kind}
        return host_path({"name": "v", "hostPath": spec}, tmp_path)

    assert found("new", "DirectoryOrCreate").is_dir()
    assert found("file", "FileOrCreate").is_file()
    for name, kind in (("none", "Directory"), ("new", "File"), ("none", "")):
        with pytest.raises(ConfigError):
            found(name, kind)


def test_last_words_come_from_the_file_or_the_log(tmp_path: Path) -> None:
    folder = PodFolder(tmp_path, "u")
    folder.make()
    folder.prepare("c", 0)
    folder.log("c", 0).write_text("T stdout F one\nT stderr F two words\n")
    assert folder.last_words("c", 0, fallback=False) == ""
    assert folder.last_words("c", 0, fallback=True) == "one\ntwo words"
    folder.words("c", 0).write_text("bye")
    assert folder.last_words("c", 0, fallback=True) == "bye"


def test_references_of_a_pod_are_found() -> None:
    pod = {
        "spec": {
            "volumes": [
                {"name": "a", "configMap": {"name": "v-cm"}},
                {"name": "b", "secret": {"secretName": "v-sec"}},
                {"name": "c", "projected": {"sources": [{"secret": {"name": "p-sec"}}]}},
            ],
            "containers": [
                {
                    "name": "c",
                    "envFrom": [{"configMapRef": {"name": "e-cm"}}],
                    "env": [
                        {"name": "X", "valueFrom": {"secretKeyRef": {"name": "k", "key": "y"}}}
                    ],
                }
            ],
        }
    }
    assert references(pod) == {
        ("ConfigMap", "v-cm"),
        ("Secret", "v-sec"),
        ("Secret", "p-sec"),
        ("ConfigMap", "e-cm"),
        ("Secret", "k"),
    }
