"""Lint: everything that cannot work, at once, with what to write instead."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pipeline_recorder import run

from towline.pipeline.lint import MAX_FINDINGS, lint

ERRORS = [
    ("class A { }", "class A is not supported"),
    ("@Library('x') _", "shared libraries"),
    ("@Grab('a:b:1') import x.Y", "@Grab"),
    ("import hudson.model.*", "import hudson.model.*"),
    ("new File('/etc/passwd').text", "new File"),
    ("Jenkins.instance.items", "'Jenkins' is not available"),
    ("currentBuild.rawBuild", "rawBuild"),
    ("'ls'.execute()", "not started from Groovy"),
    ("x.getClass()", "reflection"),
    ("''.metaClass.foo = 1", "reflection"),
    ("bat 'dir'", "'bat' is not supported"),
    ("input 'go?'", "'input' is not supported"),
    ("stash name: 'a'", "'stash' is not supported"),
    ("ech 'x'", "no step or function is named 'ech'"),
    ("sh()", "missing required parameter 'script'"),
    ("dir('x')", "dir needs a block"),
    ("withCredentials([certificate(credentialsId: 'x')]) { }", "'certificate' is not supported"),
    ("withCredentials([string(variable: 'x')]) { }", "needs 'credentialsId'"),
    ("docker.withServer('x') { }", "withServer"),
    ("docker.build('a b')", "not an image name"),
    ("docker.withRegistry('https://u:p@host') { }", "not the URL of a registry"),
    (("pipeline { agent any\n stages { stage('a') { steps { echo 'x' } } } }\n"
     "pipeline { agent any\n stages { stage('a') { steps { echo 'x' } } } }"), "only one pipeline"),
]  # fmt: skip


@pytest.mark.parametrize(("source", "message"), ERRORS)
def test_error(source: str, message: str) -> None:
    found = [item for item in lint(source, "Jenkinsfile") if item.severity == "error"]
    assert any(message in item.message for item in found), lint(source, "Jenkinsfile")


FINE = [
    "import groovy.json.JsonSlurper\ndef x = new JsonSlurper().parseText('{}')",
    "def call() { echo 'x' }\ncall()",
    "def steps = [:]\nsteps['a'] = { echo 'x' }\nparallel steps",
    "def deploy = { env -> echo env }\ndeploy('prod')",
    "properties([parameters([string(name: 'A')]), pipelineTriggers([cron('@daily')])])",
    "timeout(time: 5, unit: 'MINUTES') { retry(3) { sh 'x' } }",
    "timeout(5) { sh 'x' }",
    "def args = [script: 'x']\nsh(args)",
    "def body = { echo 'x' }\nstage('a', body)",
    "catchError { sh 'x' }",
    "cleanWs deleteDirs: true, notFailBuild: true",
    "emailext to: 'a@b', subject: 's', body: 'b', attachLog: true",
    "checkout([$class: 'GitSCM', branches: [[name: '*/main']], userRemoteConfigs: [[url: 'u']]])",
    "node('linux') { ws('x') { checkout scm } }",
    'echo "${currentBuild.getPreviousBuild()?.getResult()}"',
    "def m = [run: { it }]\nm.run(1)",
    "sh 'echo ${HOME} $PATH'",
]


@pytest.mark.parametrize("source", FINE)
def test_good_files_have_no_findings(source: str) -> None:
    assert lint(source, "Jenkinsfile") == []


def test_parse_errors_are_the_only_finding() -> None:
    found = lint("node {\n  sh 'x\n}", "Jenkinsfile")
    assert [(item.line, item.severity) for item in found] == [(2, "error")]


def test_all_findings_come_at_once_in_order() -> None:
    found = lint("foo()\nbar()\nclass X { }\nsh()", "Jenkinsfile")
    assert [item.line for item in found] == [1, 2, 3, 4]


def test_unknown_steps_that_may_not_run_are_warnings() -> None:
    source = "if (params.X) { foo() }\ntry { bar() } catch (e) { }"
    assert [item.severity for item in lint(source, "f")] == ["warning", "warning"]


def test_findings_are_bounded() -> None:
    assert len(lint("foo()\n" * 1000, "f")) == MAX_FINDINGS


PRIVILEGES = [
    "docker.image('a').inside('--privileged') { sh 'x' }",
    "docker.image('a').inside('-v /var/run/docker.sock:/var/run/docker.sock') { sh 'x' }",
    "docker.image('a').run('--pid=host')",
    "docker.image('a').withRun('--cap-add SYS_ADMIN') { c -> }",
    "docker.image('a').withRun(\"--device ${X}\") { c -> }",
    "docker.build('a', '--security-opt seccomp=unconfined .')",
    "docker.build('a', '--ssh default .')",
    "docker.image('a').inside('-u root -v /run/podman/podman.sock:/s') { sh 'x' }",
]


@pytest.mark.parametrize("source", PRIVILEGES)
def test_s19_privileges_and_daemon_sockets_are_refused_at_parse(source: str) -> None:
    found = [item for item in lint(source, "Jenkinsfile") if item.severity == "error"]
    assert found


CHECKED = ["node", "{", "}", "(", ")", "docker", ".", "build", "'x'", '"${y}"', "\n", "sh", "=",
           "pipeline", "agent any", "stages", "stage('a')", "steps", "[", "]", ":", ",", "env",
           "withCredentials", "parallel", "when", "def ", "x"]  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(words=st.lists(st.sampled_from(CHECKED), max_size=30))
def test_lint_never_crashes(words: list[str]) -> None:
    for finding in lint(" ".join(words), "f", jobs={"a": ("b",)}):
        assert finding.line >= 1


@pytest.mark.parametrize("source", FINE[:6])
@pytest.mark.asyncio
async def test_good_files_run(source: str) -> None:
    outcome, _ = await run(source)
    assert outcome.error == ""
