"""What a plugin reaches of this machine, with the real bwrap: its copy, and nothing of ours."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import pytest

from towline.controllers.application.plugins import PluginLimits
from towline.controllers.application.plugins.copying import CopyLimits
from towline.errors import InputError, LimitError


@pytest.fixture
def tree(bench: Any) -> Any:
    return bench.commit({"app/a.txt": "one", "other/secret.txt": "not yours"})


def test_the_data_folder_and_other_folders_of_the_repository_are_not_there(
    bench: Any, tree: Any
) -> None:
    said = bench.said(tree, f"ls -a; cat {bench.data}/secret; ls {bench.data}; cat ../other/*")
    assert "canary" not in said
    assert "not yours" not in said
    assert said.split("\n")[:4] == [".", "..", "a.txt", "out"]


def test_the_environment_is_closed(bench: Any, tree: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary")
    said = bench.said(tree, "env")
    assert "canary" not in said
    names = {line.partition("=")[0] for line in said.splitlines()}
    given = {name for name in names if name.startswith(("ARGOCD_", "KUBE_"))}
    expected = {"PATH", "HOME", "LANG", "PWD", "TAR_OPTIONS", "SHLVL", "OLDPWD", "_", "OUT"}
    assert names - given <= expected


@pytest.mark.parametrize(("ours", "reached"), [({}, False), ({"network": "true"}, True)])
def test_s62_there_is_no_network_unless_the_plugin_says_so(
    bench: Any, tree: Any, ours: dict[str, str], reached: bool
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        said = bench.said(
            tree,
            f"bash -c 'exec 3<>/dev/tcp/127.0.0.1/{port}' 2>/dev/null && echo reached || echo cut",
            ours=ours,
        )
    assert said.strip() == ("reached" if reached else "cut")


def test_nothing_is_written_outside_of_the_copy(bench: Any, tree: Any, tmp_path: Path) -> None:
    marks = [tmp_path / "mark", Path("/usr/mark"), bench.data / "mark", Path("/tmp/bt-mark")]
    said = bench.said(tree, "".join(f"touch {mark} && echo wrote;" for mark in marks))
    assert said.count("wrote") <= 2  # its own /tmp, and what lies below it
    assert [mark for mark in marks if mark.exists()] == []
    assert list((bench.data / "runs").iterdir()) == []


def test_what_it_leaves_running_is_ended(bench: Any, tree: Any) -> None:
    mark = f"31{os.getpid()}"
    bench.said(tree, f"(setsid sleep {mark} >/dev/null 2>&1 </dev/null &) ; echo started")
    running = [
        file.read_bytes()
        for file in Path("/proc").glob("[0-9]*/cmdline")
        if file.exists() and os.access(file, os.R_OK)
    ]
    assert not [line for line in running if mark.encode() in line.split(b"\0")]


def test_s53_a_link_out_of_the_repository_fails_and_shows_nothing(
    bench: Any, tmp_path: Path
) -> None:
    (tmp_path / "canary").write_text("canary")
    for target in ("/etc/passwd", "../../../../../../../../etc/passwd", str(tmp_path / "canary")):
        bench.define("tool", "cat *")
        with pytest.raises(InputError) as caught:
            bench.names(bench.commit({"app/x": ("link", target)}), "tool")
        assert "leaves the repository" in str(caught.value)
        assert "root:" not in str(caught.value)


def test_s53_a_link_within_the_repository_becomes_a_plain_file(bench: Any) -> None:
    tree = bench.commit({"app/x": ("link", "../lib/y"), "lib/y": "text"})
    assert bench.said(tree, "cat x; test -L x && echo link").strip() == "text"


def test_s61_commands_end_after_their_time_and_their_output(bench: Any, tree: Any) -> None:
    bench.define("slow", "echo begun >&2; sleep 60")
    bench.with_limits(PluginLimits(seconds=0.5))
    with pytest.raises(LimitError, match=r"`sh -c .*` failed timeout after 0.5s"):
        bench.names(tree, "slow")
    bench.define("loud", "yes")
    bench.with_limits(PluginLimits(seconds=0.5, output=10_000))
    with pytest.raises(LimitError, match=r"failed timeout|prints more than 10000 bytes"):
        bench.names(tree, "loud")
    bench.define("long", "head -c 20000 /dev/zero | tr '\\0' a")
    bench.with_limits(PluginLimits(output=10_000))
    with pytest.raises(LimitError, match="prints more than 10000 bytes"):
        bench.names(tree, "long")


def test_s58_what_is_copied_for_it_is_bounded(bench: Any) -> None:
    bench.define("tool", "true")
    tree = bench.commit({f"app/{n}": "x" * 100 for n in range(20)})
    bench.with_limits(PluginLimits(copy=CopyLimits(files=10)))
    with pytest.raises(LimitError, match="more than 10 files for a plugin"):
        bench.names(tree, "tool")
    bench.with_limits(PluginLimits(copy=CopyLimits(size=500)))
    with pytest.raises(LimitError, match="more than 500 bytes for a plugin"):
        bench.names(tree, "tool")
    looped = bench.commit({"app/again": ("link", "."), "app/x": ""})
    bench.with_limits()
    with pytest.raises(InputError, match="too many symbolic links"):
        bench.names(looped, "tool")
