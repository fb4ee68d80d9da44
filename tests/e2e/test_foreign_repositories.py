"""Repositories that nobody prepared go the whole way; a broken pin is shown and cured."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from foreign import Pair
from harness import Towline, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(420)]


@pytest.fixture(scope="module")
def pair(towline: Towline, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    folder: Path = tmp_path_factory.mktemp("strangers")
    pair = Pair(towline, folder)
    pair.apply_objects(constraints=[])
    pair.first_commits()
    return pair


def test_the_broken_pin_is_shown_with_its_cause_and_cured_by_one_line(pair: Pair) -> None:
    towline = pair.towline
    pair.push_app("Hello from strangers")

    def crash() -> str | None:
        for pod in towline.objects("pods", "-l", "app=flaskdemo"):
            for status in pod["status"].get("containerStatuses", []):
                waiting = status["state"].get("waiting", {})
                tagged = status["image"].endswith("flaskapp:1")
                if tagged and waiting.get("reason") == "CrashLoopBackOff":
                    return str(pod["metadata"]["name"])
        return None

    name = eventually("a pod of build 1 crashes in a loop", crash, 240)
    assert "cannot import name 'url_quote'" in towline.kubectl("logs", name, "--previous")
    nodes = towline.api.get("/applications/flaskdemo/resource-tree")["nodes"]
    messages = [
        (node.get("health") or {}).get("message", "") for node in nodes if node["kind"] == "Pod"
    ]
    assert any("back-off" in message for message in messages)

    towline.kubectl(
        "-n", "argocd", "patch", "pipelines.towline.dev", "buildimage", "--type", "merge",
        "-p", json.dumps({"spec": {"build": {"constraints": ["Werkzeug<3"]}}}),
    )  # fmt: skip
    commit = pair.push_app("Hello again from strangers")

    def delivered() -> bool:
        return towline.page("lb-service") == "Hello again from strangers"

    eventually("the page answers", delivered, 240)
    delivery = eventually(
        "the delivery is complete",
        lambda: (
            found
            if (found := towline.api.get(f"/deliveries/{commit}"))["status"] == "delivered"
            else None
        ),
    )
    assert delivery["build_number"] == 2
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", delivery["image"]["digest"])


def test_one_manifest_commit_per_build_with_the_run_as_trailer(pair: Pair) -> None:
    pair.manifests.pull()
    log = pair.manifests.git("log", "--format=%s|%(trailers:key=Towline-Run,valueonly)")
    trailers = re.findall(r"updatemanifest/(\d+)", log)
    assert sorted(trailers) == ["1", "2"]


def test_the_work_of_a_build_stays_out_of_the_repositories(pair: Pair) -> None:
    pair.app.pull()
    assert (pair.app.folder / "requirements.txt").read_text() == "Flask==2.2.0\n"


def test_no_secret_is_in_any_log(pair: Pair) -> None:
    towline = pair.towline
    for run in towline.api.get("/runs", limit=100)["items"]:
        text, _ = towline.api.text(f"/runs/{run['id']}/log", offset=0)
        assert towline.token not in text
        assert "secret-of-docker-hub" not in text
    assert towline.token not in towline.log(100_000)
