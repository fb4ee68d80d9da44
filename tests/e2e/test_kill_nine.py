"""kill -9 of the whole tree at any stage: the story completes, with one manifest commit per build.

R01 an accepted push is not lost, R02 nothing is started twice, R06 one manifest commit per build.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from foreign import Pair
from harness import Towline, eventually, running

from towline.errors import TowlineError

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(420)]

LONG = os.environ.get("TOWLINE_CHAOS") == "long"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    data = tmp_path_factory.mktemp("kill") / "data"
    with running(data, TOWLINE_GIT_ALIASES="github.com=embedded") as towline:
        pair = Pair(towline, tmp_path_factory.mktemp("kill-repositories"))
        pair.apply_objects(constraints=["Werkzeug<3"])
        pair.first_commits()
        pair.push_app("version 0")
        eventually("version 0 runs", lambda: page_is(pair, "version 0"), 240)
        yield pair


def page_is(pair: Pair, text: str) -> bool:
    return pair.towline.page("lb-service") == text


def runs(towline: Towline) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = towline.api.get("/runs", limit=200)["items"]
    return found


def run_of(pair: Pair, commit: str, job: str) -> dict[str, Any] | None:
    by_id = {run["id"]: run for run in runs(pair.towline)}
    for run in by_id.values():
        origin = by_id.get(run["parent_run"], run)
        if run["job"] == job and origin["commit"] == commit:
            return run
    return None


def at_once(_pair: Pair, _commit: str) -> bool:
    return True


def building(pair: Pair, commit: str) -> bool:
    run = run_of(pair, commit, "buildimage")
    if run is None or run["state"] != "running":
        return False
    text, _ = pair.towline.api.text(f"/runs/{run['id']}/log", offset=0)
    return "STEP " in text


def reached(stage: str) -> Callable[[Pair, str], bool]:
    def check(pair: Pair, commit: str) -> bool:
        delivery = pair.towline.api.get(f"/deliveries/{commit}")
        return stage in {mark["name"] for mark in delivery["stages"]}

    return check


def updating(pair: Pair, commit: str) -> bool:
    run = run_of(pair, commit, "updatemanifest")
    return run is not None and run["state"] != "queued"


def manifest_moved(pair: Pair, commit: str) -> bool:
    before = pair.manifests.git("rev-parse", "refs/remotes/origin/main").strip()
    return before not in pair.manifests.git("ls-remote", "origin", "refs/heads/main")


MOMENTS: dict[str, Callable[[Pair, str], bool]] = {
    "push-accepted": at_once,
    "image-building": building,
    "image-built": reached("build"),
    "image-pushed": reached("image"),
    "manifest-job": updating,
    "manifest-pushed": manifest_moved,
    "refreshed": reached("refresh"),
    "synced": reached("sync"),
}
SHORT = ("push-accepted", "image-building", "manifest-job", "manifest-pushed", "synced")


@pytest.mark.parametrize("moment", list(MOMENTS) if LONG else SHORT)
def test_r01_r06_kill_minus_nine_then_up_again_completes_the_story(pair: Pair, moment: str) -> None:
    pair.manifests.pull()
    text = f"killed at {moment}"
    commit = pair.push_app(text)

    def now() -> bool:
        try:
            return MOMENTS[moment](pair, commit)
        except TowlineError:
            return False

    eventually(f"{moment} of {commit[:8]}", now, 120)
    pair.towline.kill()
    pair.towline.up()
    eventually(f"{text} runs", lambda: page_is(pair, text), 240)
    build = run_of(pair, commit, "buildimage")
    assert build is not None
    same = [run for run in runs(pair.towline) if run["commit"] == commit]
    assert len([run for run in same if run["job"] == "buildimage"]) == 1
    update = run_of(pair, commit, "updatemanifest")
    assert update is not None
    eventually("both runs ended well", lambda: ended_well(pair, build["id"], update["id"]), 60)
    pair.manifests.pull()
    log = pair.manifests.git("log", "--format=%(trailers:key=Towline-Run,valueonly)")
    trailers = re.findall(r"updatemanifest/(\d+)", log)
    assert trailers.count(str(update["number"])) == 1
    assert len(trailers) == len(set(trailers))


def ended_well(pair: Pair, *ids: str) -> bool:
    return all(
        pair.towline.api.get(f"/runs/{run_id}")["run"]["result"] == "SUCCESS" for run_id in ids
    )


def test_every_build_has_one_commit_and_every_commit_a_build(pair: Pair) -> None:
    pair.manifests.pull()
    log = pair.manifests.git("log", "--format=%(trailers:key=Towline-Run,valueonly)")
    committed = sorted(int(number) for number in re.findall(r"updatemanifest/(\d+)", log))
    built = sorted(run["number"] for run in runs(pair.towline) if run["job"] == "updatemanifest")
    assert committed == built


def containers(pair: Pair) -> dict[str, str]:
    """Container ids of the pods that are not on their way out."""
    return {
        pod["metadata"]["uid"]: pod["status"]["containerStatuses"][0]["containerID"]
        for pod in pair.towline.objects("pods", "-l", "app=flaskdemo")
        if "deletionTimestamp" not in pod["metadata"]
    }


def test_containers_are_adopted_not_started_again(pair: Pair) -> None:
    before = containers(pair)
    assert len(before) == 2
    pair.towline.kill()
    pair.towline.up()
    eventually("the page answers", lambda: pair.towline.page("lb-service") is not None, 30)
    assert containers(pair) == before
