"""A pipeline that wants more than its workspace, and one whose machine cannot confine it."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(60)]

GREEDY = """\
node {
    checkout scm
    sh 'ls -A ROOT | grep -v workspaces && exit 7; true'
    sh 'cat ROOT/token && exit 8; true'
    sh 'ln -sf ROOT/token "$WORKSPACE_TMP/script-4.sh"; git config --global core.fsmonitor evil'
    sh 'echo still works'
    checkout scm
    withCredentials([file(credentialsId: 'file', variable: 'FILE')]) {
        sh 'test "$(cat "$FILE")" = content-of-a-file && echo more >> "$FILE"'
    }
    writeFile file: 'a.txt', text: 'from the step'
    sh 'grep -q step a.txt && echo x > b.txt'
    echo readFile('b.txt')
}
"""


async def run_of(town: Any, script: str) -> tuple[Any, str]:
    await town.commit("user/greedy", "first", Jenkinsfile=script.replace("ROOT", str(town.root)))
    town.cluster.secret("file", file="content-of-a-file")
    town.cluster.put(
        "greedy",
        {
            "source": {"repoURL": town.url("user/greedy")},
            "credentials": [{"id": "file", "secretRef": {"name": "file"}}],
        },
    )
    run = await town.runs.request("greedy", {}, user="ann")
    run = await town.finished("greedy", run.number)
    return run, await town.log(run)


async def test_s14_a_pipeline_does_not_reach_the_data_folder(town: Any) -> None:
    token = (town.root / "token").read_bytes()
    run, log = await run_of(town, GREEDY)
    assert run.result == "SUCCESS", log
    assert town.token not in log
    assert "still works" in log
    assert "not confined" not in log
    assert (town.root / "token").read_bytes() == token


async def test_an_unconfined_run_says_so_first(town: Any) -> None:
    await town.crash()
    await town.start(confine="off")
    run, log = await run_of(town, "node { checkout scm\n sh 'test -e ROOT/token' }")
    assert run.result == "SUCCESS", log
    assert log.startswith("steps are not confined: turned off by build.confine\n")
