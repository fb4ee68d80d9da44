"""Sources rendered by plugins: which one, with what, and when it runs again."""

from __future__ import annotations

from typing import Any

import pytest

from towline.errors import CommandError, InputError, NotFoundError
from towline.sandbox import Confinement

EACH = (
    "for file in *.txt; do printf -- '---\\napiVersion: v1\\nkind: ConfigMap\\n"
    'metadata: {name: %s}\\n\' "$(cat $file)"; done'
)
CONFIG = "printf 'apiVersion: v1\\nkind: ConfigMap\\nmetadata: {name: \"%s\"}\\n'"


def test_a_named_plugin_renders_the_files_of_its_folder(bench: Any) -> None:
    bench.define("tool", EACH)
    tree = bench.commit({"app/a.txt": "one", "app/b.txt": "two", "other/c.txt": "three"})
    assert bench.names(tree, "tool") == ["one", "two"]


def test_the_result_says_what_it_is_and_what_was_read(bench: Any) -> None:
    import asyncio

    bench.define("tool", EACH)
    result = asyncio.run(bench.outcome(bench.commit({"app/a.txt": "one"}), "tool")).result
    assert result.source_type == "Plugin"
    assert {"app/a.txt", "app", "TOWLINE_PLUGINS:tool", "ARGOCD_APP_REVISION"} <= {
        read.path for read in result.read
    }


def test_init_runs_before_generate_in_the_same_copy(bench: Any) -> None:
    bench.define("tool", f"{CONFIG} $(cat made)", init={"command": ["sh", "-c", "echo x > made"]})
    assert bench.names(bench.commit({"app/a": ""}), "tool") == ["x"]


def test_variables_and_parameters_reach_the_command(bench: Any) -> None:
    bench.define("tool", f"{CONFIG} $ARGOCD_APP_NAME-$ARGOCD_ENV_TIER-$PARAM_SIZE")
    block = {
        "name": "tool",
        "env": [{"name": "TIER", "value": "$ARGOCD_APP_NAMESPACE"}],
        "parameters": [{"name": "size", "string": "xl"}],
    }
    assert bench.names(bench.commit({"app/a": ""}), block) == ["web-prod-xl"]


def test_a_version_is_part_of_the_name(bench: Any) -> None:
    bench.define("tool", f"{CONFIG} v1", version="v1")
    tree = bench.commit({"app/a": ""})
    assert bench.names(tree, "tool-v1") == ["v1"]
    assert bench.names(tree, "tool") == ["v1"]


def test_the_first_plugin_that_fits_renders_before_any_other_tool(bench: Any) -> None:
    bench.define("b-tool", f"{CONFIG} b", discover={"fileName": "tool.toml"})
    bench.define("c-tool", f"{CONFIG} c", discover={"find": {"glob": "**/*.toml"}})
    bench.define("a-tool", f"{CONFIG} a")  # has no rule: only by name
    chart = {"app/Chart.yaml": "apiVersion: v2\nname: x\nversion: 1.0.0\n"}
    assert bench.names(bench.commit({**chart, "app/tool.toml": ""})) == ["b"]
    assert bench.names(bench.commit({**chart, "app/sub/x.toml": ""})) == ["c"]
    assert bench.names(bench.commit({**chart, "tool.toml": ""})) == []
    assert bench.names(bench.commit({"app/tool.toml": ""}), {"env": [{"name": "A"}]}) == ["b"]


def test_a_command_tells_whether_a_plugin_fits(bench: Any, config: Any) -> None:
    find = {"command": ["sh", "-c", "grep -l mark *.yaml"]}
    bench.define("tool", f"{CONFIG} found", discover={"find": find})
    assert bench.names(bench.commit({"app/a.yaml": config("plain") + "# mark\n"})) == ["found"]
    assert bench.names(bench.commit({"app/a.yaml": config("plain")})) == ["plain"]


def test_explicit_tools_are_not_offered_to_plugins(bench: Any, config: Any) -> None:
    import asyncio

    from towline.render.inputs import Inputs
    from towline.render.source import RenderRequest

    bench.define("tool", f"{CONFIG} plugin", discover={"fileName": "*"})
    tree = bench.commit({"app/a.yaml": config("plain")})
    source = {"repoURL": "r", "path": "app", "directory": {"recurse": True}}
    request = RenderRequest(source=source, app_name="x", namespace="n", revision=tree.commit)
    result = asyncio.run(bench.renders.render(Inputs(tree=tree), request)).result
    assert [manifest.object["metadata"]["name"] for manifest in result.manifests] == ["plain"]


def test_a_plugin_that_is_not_there_or_does_not_fit_is_told_as_argo_cd_does(bench: Any) -> None:
    tree = bench.commit({"app/a": ""})
    bench.define("tool", CONFIG, discover={"fileName": "tool.toml"})
    (bench.definitions / "bad.yaml").write_text("kind: Pod\n")
    bench.with_limits()
    for name in ("tool", "none"):
        with pytest.raises(NotFoundError) as caught:
            bench.names(tree, name)
        assert caught.value.message == (
            'CMP processing failed for application "web": could not find cmp-server plugin with '
            f'name "{name}" supporting the given repository'
        )
        assert "plugins here: tool" in caught.value.hint
        assert "bad.yaml" in caught.value.hint
    with pytest.raises(NotFoundError, match="could not find plugin supporting the given"):
        bench.names(tree, {"env": [{"name": "A", "value": "b"}]})


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo no such thing >&2; exit 3", "failed exit status 3: no such thing"),
        ("no-such-program", "failed exit status 127: .*not found"),
        ("kill -9 $$", "failed exit status 137"),
    ],
)
def test_a_failed_command_is_told_with_what_it_said(bench: Any, script: str, message: str) -> None:
    bench.define("tool", script)
    with pytest.raises(CommandError, match=f"error generating manifests: `sh -c .*` {message}"):
        bench.names(bench.commit({"app/a": ""}), "tool")


@pytest.mark.parametrize("printed", ["this is no manifest", "kind: ConfigMap", "a: [", "- x"])
def test_output_that_is_no_manifest_is_an_error_and_not_nothing(bench: Any, printed: str) -> None:
    bench.define("tool", f"echo '{printed}'")
    with pytest.raises(InputError, match="output of tool"):
        bench.names(bench.commit({"app/a": ""}), "tool")


def test_nothing_at_all_is_no_manifests(bench: Any) -> None:
    bench.define("tool", "true")
    assert bench.names(bench.commit({"app/a": ""}), "tool") == []


NARROW = {"variables": "ARGOCD_APP_NAME"}


def test_r12_a_plugin_runs_again_when_something_that_it_may_have_read_has_changed(
    bench: Any,
) -> None:
    bench.define("tool", EACH, ours=NARROW)
    files = {"app/a.txt": "one", "app/sub/b": "x", "lib/c": "y"}
    assert bench.ran(bench.commit(files), "tool")
    assert not bench.ran(bench.commit(files), "tool")
    assert not bench.ran(bench.commit({**files, "lib/c": "changed", "lib/d": ""}), "tool")
    assert bench.ran(bench.commit({**files, "app/sub/b": "changed"}), "tool")
    assert bench.ran(bench.commit({**files, "app/sub/new": ""}), "tool")
    assert bench.ran(bench.commit(files), "tool", name="another")
    assert bench.ran(bench.commit(files), {"name": "tool", "env": [{"name": "A", "value": "b"}]})
    bench.define("tool", f"{EACH};true", ours=NARROW)
    assert bench.ran(bench.commit(files), "tool")
    bench.define("unrelated", "true")
    assert not bench.ran(bench.commit(files), "tool")


def test_r12_a_plugin_that_is_given_the_revision_runs_for_each_one(bench: Any) -> None:
    bench.define("tool", f"{CONFIG} c-$ARGOCD_APP_REVISION_SHORT")
    first, second = bench.commit({"app/a": ""}), bench.commit({"app/a": "", "else": ""})
    assert bench.names(first, "tool") == [f"c-{first.commit[:7]}"]
    assert bench.names(second, "tool") == [f"c-{second.commit[:7]}"]
    assert not bench.ran(first, "tool")


def test_r12_a_plugin_that_comes_to_fit_takes_over(bench: Any, config: Any) -> None:
    tree = bench.commit({"app/a.yaml": config("plain")})
    assert bench.names(tree) == ["plain"]
    bench.define("tool", f"{CONFIG} by-tool", discover={"fileName": "tool.toml"})
    assert bench.names(tree) == ["plain"]
    assert bench.names(bench.commit({"app/a.yaml": config("plain"), "app/tool.toml": ""})) == [
        "by-tool"
    ]
    assert not bench.ran(tree)
    bench.define("wider", f"{CONFIG} by-wider", discover={"fileName": "a.yaml"})
    assert bench.names(tree) == ["by-wider"]


def test_r12_what_a_link_leads_to_is_part_of_what_was_read(bench: Any) -> None:
    bench.define("tool", EACH, ours=NARROW)
    files = {"app/a.txt": ("link", "../shared/value"), "app/b.txt": "b", "shared/value": "one"}
    assert bench.names(bench.commit(files), "tool") == ["one", "b"]
    assert bench.names(bench.commit({**files, "shared/value": "two"}), "tool") == ["two", "b"]


def test_the_whole_repository_is_there_for_a_plugin_that_asks(bench: Any) -> None:
    bench.define("tool", f"{CONFIG} $(cat ../lib/c)", ours={**NARROW, "reads": "repository"})
    assert bench.names(bench.commit({"app/a": "", "lib/c": "deep"}), "tool") == ["deep"]
    assert bench.names(bench.commit({"app/a": "", "lib/c": "other"}), "tool") == ["other"]


def test_programs_stay_programs_when_the_plugin_says_so(bench: Any) -> None:
    files = {"app/run": ("program", f"#!/bin/sh\n{CONFIG} by-program\n")}
    bench.define("plain", "./run")
    with pytest.raises(CommandError, match="Permission denied"):
        bench.names(bench.commit(files), "plain")
    bench.define("keeps", "./run", preserveFileMode=True, ours=NARROW)
    assert bench.names(bench.commit(files), "keeps") == ["by-program"]
    unmarked = {"app/run": files["app/run"][1]}
    with pytest.raises(CommandError, match="Permission denied"):
        bench.names(bench.commit(unmarked), "keeps")


def test_without_confinement_nothing_runs_unless_it_was_turned_off(bench: Any, config: Any) -> None:
    from towline.errors import DeniedError

    bench.define("tool", f"{CONFIG} ran")
    bench.with_limits(confinement=Confinement([bench.data], path="/nonexistent"))
    tree = bench.commit({"app/a.yaml": config("plain")})
    with pytest.raises(DeniedError, match="plugins run confined"):
        bench.names(tree, "tool")
    assert bench.names(tree) == ["plain"]
    bench.with_limits(confinement=Confinement([], mode="off"), unconfined=True)
    assert bench.names(tree, "tool") == ["ran"]
