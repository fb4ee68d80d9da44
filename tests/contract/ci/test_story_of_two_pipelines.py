"""Push, build, image, manifest commit: with real git, builds and a real registry."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from towline.oci import Location

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(120)]

BUILD = """\
node {
    def app
    stage('Clone repository') { checkout scm }
    stage('Build image') { app = docker.build("user/flask-app") }
    stage('Test image') { app.inside {
        sh 'echo "inside $(python3 -c "import app; print(app.x)")"'
    } }
    stage('Push image') {
        docker.withRegistry('https://registry.hub.docker.com', 'dockerhub') {
            app.push("${env.BUILD_NUMBER}")
        }
    }
    stage('Trigger') {
        build job: 'Updating-manifest',
            parameters: [string(name: 'DOCKERTAG', value: env.BUILD_NUMBER)]
    }
}
"""

UPDATE = """\
node {
    stage('Clone repository') { checkout scm }
    stage('Update') {
        script {
            catchError(buildResult: 'SUCCESS', stageResult: 'FAILURE') {
                withCredentials([usernamePassword(credentialsId: 'forge',
                        passwordVariable: 'GIT_PASSWORD', usernameVariable: 'GIT_USERNAME')]) {
                    sh "git config user.email ci@example.com"
                    sh "git config user.name CI"
                    sh "sed -i 's+user/flask-app.*+user/flask-app:${DOCKERTAG}+g' deployment.yaml"
                    sh "git add ."
                    sh "git commit -m 'Done by Jenkins Job changemanifest: ${env.BUILD_NUMBER}'"
                    sh "git push https://${GIT_USERNAME}:${GIT_PASSWORD}@REPOSITORY HEAD:main"
                }
            }
        }
    }
}
""".replace("REPOSITORY", "git.example.com/user/manifests.git")


def specs(town: Any) -> None:
    town.cluster.secret("forge", username="towline", password=town.token)
    town.cluster.secret("dockerhub", username="someone", password="hub-password-canary")
    town.cluster.put(
        "building-image",
        {
            "jobName": "Building-image",
            "source": {"repoURL": town.url("user/app")},
            "credentials": [{"id": "dockerhub", "secretRef": {"name": "dockerhub"}}],
        },
    )
    town.cluster.put(
        "updating-manifest",
        {
            "jobName": "Updating-manifest",
            "source": {"repoURL": town.url("user/manifests")},
            "triggers": {"push": False},
            "parameters": [{"name": "DOCKERTAG"}],
            "credentials": [{"id": "forge", "secretRef": {"name": "forge"}}],
        },
    )


async def repositories(town: Any) -> str:
    await town.commit(
        "user/manifests",
        "first",
        Jenkinsfile=UPDATE,
        deployment__yaml="image: user/flask-app:0\n",
    )
    return await town.commit(
        "user/app",
        "first",
        Jenkinsfile=BUILD,
        Dockerfile="FROM python:3.11-slim\nWORKDIR /app\nCOPY . .\n",
        app__py="x = 'canary-of-the-app'\n",
    )


async def test_the_story(town: Any) -> None:
    commit = await repositories(town)
    specs(town)
    await town.deliver("user/app", commit, "d1")
    run = await town.finished("building-image", 1)
    log = await town.log(run)
    assert run.result == "SUCCESS", log
    assert "inside canary-of-the-app" in log
    assert "STAND-IN" in log or "docker.io" in log
    update = await town.finished("updating-manifest", 1)
    assert update.result == "SUCCESS"
    assert update.parent_run == run.id
    assert town.subjects("user/manifests") == ["Done by Jenkins Job changemanifest: 1", "first"]
    (image,) = await town.store.images.of(run.id)
    assert image.reference == "registry.hub.docker.com/user/flask-app:1"
    place = Location(location=f"{town.registry.address}/user/flask-app:1", insecure=True)
    assert await town.client.verify(place) == image.digest
    (made,) = await town.store.commits.of(update.id)
    assert made.repository == town.url("user/manifests")
    origin = await town.store.runs.origin_of_commit(made.commit)
    assert origin == run
    row = await town.store.lineage.of(commit)
    times = [row.marks[name].at for name in ("push", "webhook", "build", "image", "manifest")]
    assert times == sorted(times)
    assert row.marks["manifest"].detail == made.commit
    stages = [(stage.name, stage.status) for stage in await town.store.stages.of(run.id)]
    assert stages[:2] == [("Clone repository", "success"), ("Build image", "success")]


async def test_s27_no_secret_reaches_the_log(town: Any) -> None:
    await repositories(town)
    specs(town)
    await town.runs.request("updating-manifest", {"DOCKERTAG": "5"}, user="ann")
    run = await town.finished("updating-manifest", 1)
    log = await town.log(run)
    assert run.result == "SUCCESS"
    assert "git push https://" in log
    assert "****@git.example.com" in log
    assert town.token not in log
    assert town.subjects("user/manifests")[0] == "Done by Jenkins Job changemanifest: 1"


async def test_r02_replayed_deliveries_start_one_run(town: Any) -> None:
    commit = await repositories(town)
    source = {"repoURL": town.url("user/app"), "file": "Missing"}
    # Without polling: it would tell of the push once more.
    town.cluster.put("p", {"source": source, "jobName": "P", "triggers": {"poll": ""}})
    for number in range(20):
        await town.deliver("user/app", commit, f"d{number % 7}")
    run = await town.finished("p", 1)
    assert run.result == "FAILURE"
    assert "Missing" in run.error
    async with asyncio.timeout(20):
        while await town.store.deliveries.pending():
            await asyncio.sleep(0.02)
    assert await town.store.runs.by_number("ci/p", 2) is None
    assert len(town.pushes.events) == 7


async def test_r06_a_crash_at_any_moment_leaves_one_manifest_commit(town: Any) -> None:
    commit = await repositories(town)
    specs(town)
    await town.deliver("user/app", commit, "d1")
    waits = [
        lambda: _seen(town, commit, "build"),
        lambda: _seen(town, commit, "image"),
        lambda: _pushed(town),
    ]
    for wait in waits:
        async with asyncio.timeout(60):
            while not await wait():
                await asyncio.sleep(0.005)
        await town.crash()
        await town.start()
    run = await town.finished("building-image", 1)
    log = await town.log(run)
    assert run.result == "SUCCESS", log
    update = await town.finished("updating-manifest", 1)
    assert update.result == "SUCCESS"
    assert await town.store.runs.by_number("ci/building-image", 2) is None
    assert await town.store.runs.by_number("ci/updating-manifest", 2) is None
    assert town.subjects("user/manifests") == ["Done by Jenkins Job changemanifest: 1", "first"]
    assert (await town.store.commits.of(update.id)) != []


async def test_a_failing_build_leaves_the_manifests_untouched(town: Any) -> None:
    await repositories(town)
    commit = await town.commit(
        "user/app", "broken", Dockerfile="FROM python:3.11-slim\nRUN false\n"
    )
    specs(town)
    await town.deliver("user/app", commit, "d1")
    run = await town.finished("building-image", 1)
    assert run.result == "FAILURE"
    assert "build of user/flask-app failed" in run.error
    assert town.subjects("user/manifests") == ["first"]
    assert await town.store.runs.by_number("ci/updating-manifest", 1) is None


async def test_a_broken_pipeline_file_names_its_line(town: Any) -> None:
    await repositories(town)
    commit = await town.commit("user/app", "bad", Jenkinsfile="node {\n  stage('x') {\n    sh 'a\n")
    specs(town)
    await town.deliver("user/app", commit, "d1")
    run = await town.finished("building-image", 1)
    assert run.result == "FAILURE"
    assert "Jenkinsfile:3" in run.error
    status = town.cluster.statuses["building-image"]
    assert status["conditions"][0]["status"] == "True"


async def test_a_run_is_stopped_by_request_and_cleans_up(town: Any) -> None:
    await repositories(town)
    script = "node { try { sh 'echo begun; sleep 60' } finally { echo 'cleaned up' } }\n"
    await town.commit("user/app", "slow", Jenkinsfile=script)
    specs(town)
    run = await town.runs.request("building-image", {}, user="ann")
    async with asyncio.timeout(30):
        while "begun" not in await town.log(run):
            await asyncio.sleep(0.02)
    await town.store.runs.request_cancel(run.id)
    run = await town.finished("building-image", run.number)
    log = await town.log(run)
    assert (run.result, "cleaned up" in log) == ("ABORTED", True), log


async def test_polling_finds_what_no_webhook_told(town: Any) -> None:
    commit = await repositories(town)
    town.cluster.put("p", {"source": {"repoURL": town.url("user/app"), "file": "None"}})
    run = await town.finished("p", 1)
    assert (run.trigger, run.commit) == ("poll", commit)


async def _seen(town: Any, commit: str, name: str) -> bool:
    return name in (await town.store.lineage.of(commit)).marks


async def _pushed(town: Any) -> bool:
    return len(town.subjects("user/manifests")) > 1
