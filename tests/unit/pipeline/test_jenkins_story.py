"""The reference story's two files, and the variants and mistakes of their public copies."""

from __future__ import annotations

import pytest
from pipeline_recorder import Recorder, run

from towline.pipeline import commands as c
from towline.pipeline.lint import lint

BUILD = """node {
    def app

    stage('Clone') {
        checkout scm
    }

    stage('Build Image') {
       app = docker.build("example/flask-app")
    }

    stage('Test Image') {
        app.inside {
            sh 'echo "Tests passed"'
        }
    }

    stage('Push Image') {
        docker.withRegistry('https://registry.hub.docker.com', 'dockerhub') {
            app.push("${env.BUILD_NUMBER}")
        }
    }

    stage('Trigger ManifestUpdate') {
        echo "triggering"
        build job: 'Updating-manifest', parameters: [string(name: 'DOCKERTAG', value: env.BUILD_NUMBER)]
    }
}
"""  # noqa: E501  # lines as people write them

UPDATE = """node {
    def app
    stage('Clone') {
        checkout scm
    }
    stage('Update') {
        script {
            catchError(buildResult: 'SUCCESS', stageResult: 'FAILURE') {
                withCredentials([usernamePassword(credentialsId: 'github', passwordVariable: 'GIT_PASSWORD', usernameVariable: 'GIT_USERNAME')]) {
                    sh "git config user.name robot"
                    sh "sed -i 's+example/flask-app.*+example/flask-app:${DOCKERTAG}+g' deployment.yaml"
                    sh "git commit -m 'Build: ${env.BUILD_NUMBER}'"
                    sh "git push https://${GIT_USERNAME}:${GIT_PASSWORD}@forge/${GIT_USERNAME}/manifests.git HEAD:main"
                }
            }
        }
    }
}
"""  # noqa: E501  # lines as people write them

JOBS = {"Updating-manifest": ("DOCKERTAG",), "Building-image": ()}


@pytest.mark.asyncio
async def test_build_file_builds_tests_pushes_and_starts_the_update() -> None:
    outcome, done = await run(BUILD, job="Building-image", number=3, jobs=JOBS)
    assert outcome.result == "SUCCESS"
    assert done.commands == [
        c.Checkout(),
        c.DockerBuild(image="example/flask-app", arguments=(".",)),
        c.ContainerStart(image="example/flask-app"),
        c.Sh(script='echo "Tests passed"'),
        c.ContainerStop(container="container-3"),
        c.DockerPush(
            image="example/flask-app",
            target="registry.hub.docker.com/example/flask-app:3",
            registry="https://registry.hub.docker.com",
            credentials_id="dockerhub",
        ),
        c.BuildJob(job="Updating-manifest", parameters={"DOCKERTAG": "3"}),
    ]
    assert [context.stage for context in done.contexts] == [
        "Clone",
        "Build Image",
        "Test Image",
        "Test Image",
        "Test Image",
        "Push Image",
        "Trigger ManifestUpdate",
    ]
    assert done.contexts[3].container == "container-3"
    assert done.contexts[4].container is None
    assert {stage.status for stage in outcome.stages} == {"success"}


@pytest.mark.asyncio
async def test_update_file_edits_commits_and_pushes_with_the_secret_masked() -> None:
    outcome, done = await run(UPDATE, number=9, params={"DOCKERTAG": "3"})
    assert outcome.result == "SUCCESS"
    assert done.scripts[1:] == [
        "sed -i 's+example/flask-app.*+example/flask-app:3+g' deployment.yaml",
        "git commit -m 'Build: 9'",
        "git push https://robot:s3cr3t-pass@forge/robot/manifests.git HEAD:main",
    ]
    push = done.contexts[-1]
    assert "s3cr3t-pass" in push.secrets
    assert "robot" not in push.secrets
    assert push.env["GIT_PASSWORD"] == "s3cr3t-pass"
    assert any("interpolation: GIT_PASSWORD" in line for line in done.lines)


@pytest.mark.asyncio
async def test_same_tag_again_gives_a_red_stage_in_a_green_build() -> None:
    outcome, done = await run(UPDATE, Recorder({"git commit": 1}), params={"DOCKERTAG": "3"})
    assert outcome.result == "SUCCESS"
    assert [stage.status for stage in outcome.stages] == ["success", "failure"]
    assert outcome.stages[1].message == "script returned exit code 1"
    assert not any("git push" in script for script in done.scripts)


@pytest.mark.asyncio
async def test_failing_build_stops_before_push_and_update() -> None:
    failing = Recorder(DockerBuild=c.StepFailed("docker build returned exit code 1"))
    outcome, done = await run(BUILD, failing, jobs=JOBS)
    assert outcome.result == "FAILURE"
    assert "docker build returned" in outcome.error
    assert not done.of(c.DockerPush)
    assert not done.of(c.BuildJob)
    assert [stage.status for stage in outcome.stages] == ["success", "failure"]


@pytest.mark.asyncio
async def test_failing_update_fails_the_build_with_its_result() -> None:
    failing = Recorder(BuildJob=c.JobResult(job="Updating-manifest", number=4, result="UNSTABLE"))
    outcome, _ = await run(BUILD, failing, jobs=JOBS)
    assert outcome.result == "UNSTABLE"


@pytest.mark.asyncio
async def test_step_ids_are_the_same_when_the_run_is_repeated() -> None:
    first = (await run(BUILD, jobs=JOBS))[1]
    second = (await run(BUILD, jobs=JOBS))[1]
    ids = [context.step_id for context in first.contexts]
    assert ids == [context.step_id for context in second.contexts]
    assert len(set(ids)) == len(ids)


def test_story_files_have_no_findings() -> None:
    assert lint(BUILD, "Jenkinsfile", jobs=JOBS) == []
    assert lint(UPDATE, "Jenkinsfile", jobs=JOBS) == []


VARIANTS = [
    ("node { app = docker.build('a/b', './backend'); app.push(); app.push('latest') }",
     [c.DockerBuild(image="a/b", arguments=("./backend",)),
      c.DockerPush(image="a/b", target="a/b:latest"),
      c.DockerPush(image="a/b", target="a/b:latest")]),
    ("node { def i = docker.build(\"my-image:${env.BUILD_ID}\"); i.push() }",
     [c.DockerBuild(image="my-image:7"),
      c.DockerPush(image="my-image:7", target="my-image:7")]),
    (("docker.withRegistry('https://index.docker.io/v1/', '1b2-uuid') {\n"
     "def i = docker.build('u/a')\n"
     "i.push(\"v${BUILD_NUMBER}\") }"),
     [c.DockerBuild(image="u/a"),
      c.DockerPush(image="u/a", target="index.docker.io/u/a:v7",
                   registry="https://index.docker.io/v1/", credentials_id="1b2-uuid")]),
    ("docker.withRegistry('', 'hub') { docker.image('u/a:2').push('3') }",
     [c.DockerPush(image="u/a:2", target="u/a:3", credentials_id="hub")]),
    ("container('docker') { script { appImage = docker.build('u/a') } }\n appImage.push('x')",
     [c.DockerBuild(image="u/a"), c.DockerPush(image="u/a", target="u/a:x")]),
    ("docker.withRegistry('http://localhost:5000') { docker.image('localhost:5000/a').push('1') }",
     [c.DockerPush(image="localhost:5000/a", target="localhost:5000/a:1",
                   registry="http://localhost:5000")]),
    ("docker.build('a:1', '-f x/Dockerfile --build-arg \"A=b c\" .').tag('2')",
     [c.DockerBuild(image="a:1", arguments=("-f", "x/Dockerfile", "--build-arg", "A=b c", ".")),
      c.DockerTag(image="a:1", target="a:2")]),
    ("docker.image('redis:7').withRun('-e A=1') { r -> sh \"ping ${r.id}\" }",
     [c.ContainerStart(image="redis:7", arguments=("-e", "A=1"), keep_alive=False),
      c.Sh(script="ping container-1"), c.ContainerStop(container="container-1")]),
]  # fmt: skip


@pytest.mark.parametrize(("source", "commands"), VARIANTS)
@pytest.mark.asyncio
async def test_variants_of_the_story_run_as_they_are(source: str, commands: list[object]) -> None:
    outcome, done = await run(source)
    assert outcome.error == ""
    assert done.commands == commands


MISTAKES = [
    ("node { environment { A = 'x' } }", "'environment' belongs into pipeline", "withEnv"),
    ("node { tools { maven 'm' } }", "'tools' belongs into pipeline", "docker.image"),
    ("node { stage('x') { when { branch 'main' }\n steps { echo 'x' } } }",
     "'steps' belongs into pipeline", "directly"),
    ("pipeline { agent any\n stages { stage('x') { steps { app = docker.build('a') } } } }",
     "an assignment is not a step", "script {"),
    ("pipeline { agent any\n stages { stage('x') { steps { app.inside { sh 'x' } } } } }",
     "a method call is not a step", "script {"),
    ("pipeline { agent any\n def app\n stages { stage('x') { steps { echo 'x' } } } }",
     "cannot be declared inside 'pipeline'", "before `pipeline {`"),
    ("node { app = docker.build('user/app:${env.BUILD_TAG}') }", "not interpolated",
     "double quotes"),
    ("docker.withRegistry('https://hub.docker.com/repository/docker/u/a') { }",
     "web page address", "index.docker.io"),
    ("pipeline { agent any\n stages { stage('a') { steps { echo 'x'\n stage('b') { } } } } }",
     "a stage cannot be inside the steps", "brace"),
    ("build job: 'Updating-manifests'", "no job named 'Updating-manifests'", "Updating-manifest"),
]  # fmt: skip


@pytest.mark.parametrize(("source", "message", "hint"), MISTAKES)
def test_mistakes_of_the_family_are_errors_that_say_why(
    source: str, message: str, hint: str
) -> None:
    found = [item for item in lint(source, "Jenkinsfile", jobs=JOBS) if item.severity == "error"]
    assert any(message in item.message and hint in item.hint for item in found), found


REMARKS = [
    ("sh 'docker push a:${env.BUILD_NUMBER}'", "not replaced in single quotes"),
    ("sh \"docker login -u ${U} -p ${P}\"", "other processes can read it"),
    ("build job: 'Building-image', parameters: [string(name: 'X', value: '1')]",
     "declares no parameter 'X'"),
]  # fmt: skip


@pytest.mark.parametrize(("source", "message"), REMARKS)
def test_doubtful_lines_are_warnings(source: str, message: str) -> None:
    found = lint(source, "Jenkinsfile", jobs=JOBS)
    assert [item.severity for item in found] == ["warning"]
    assert message in found[0].message
