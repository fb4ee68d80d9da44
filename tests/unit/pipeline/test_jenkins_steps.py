"""Steps of scripted pipelines: arguments, environment, errors, results."""

from __future__ import annotations

from typing import Any

import pytest
from pipeline_recorder import Recorder, run

from towline.pipeline import commands as c
from towline.pipeline.jenkins.context import Change, PreviousRun


def _abort() -> c.StepFailed:
    return c.StepFailed("Aborted by admin", result="ABORTED", interruption=True)


ECHOES: list[tuple[str, dict[str, Any], list[str]]] = [
    ("echo \"${env.BUILD_NUMBER} ${JOB_NAME} ${BUILD_TAG}\"", {}, ["7 job jenkins-job-7"]),
    ("echo \"${env.NOPE}\"", {}, ["null"]),
    ("env.A = 1\necho A\nenv.A = null\necho \"${env.A}\"", {}, ["1", "null"]),
    ("withEnv(['A=1', 'B=x=y']) { echo \"$A $B\" }\necho \"${env.A}\"", {}, ["1 x=y", "null"]),
    ("withEnv(['PATH+X=/x']) { echo PATH }", {}, ["/x:/bin"]),
    ("withEnv(['HOME=']) { echo \"${env.HOME}\" }", {}, ["null"]),
    ("withEnv(['A=1']) { env.A = '2'; echo A }\necho A", {}, ["1", "2"]),
    ("echo \"${params.B} ${params.S} ${B} ${params.NOPE}\"",
     {"params": {"B": True, "S": "s"}}, ["true s true null"]),
    ("if (!params.B) echo 'off'", {"params": {"B": False}}, ["off"]),
    (("properties([parameters([string(name: 'S', defaultValue: 'd'), booleanParam(name: 'B',"
     " defaultValue: true), choice(name: 'C', choices: ['x', 'y'])])])\n"
     "echo \"${params.S} ${params.B} ${C}\""), {}, ["d true x"]),
    ("stage('S') { echo STAGE_NAME }", {}, ["S"]),
    ("stage 'Old'\necho STAGE_NAME", {}, ["Old"]),
    ("dir('a/b') { echo pwd(); dir('..') { echo pwd() } }\necho pwd()", {},
     ["/ws/a/b", "/ws/a", "/ws"]),
    ("echo currentBuild.currentResult + ' ' + currentBuild.number + ' ' + currentBuild.result", {},
     ["SUCCESS 7 null"]),
    ("currentBuild.result = 'UNSTABLE'\ncurrentBuild.result = 'SUCCESS'\necho currentBuild.result",
     {}, ["UNSTABLE"]),
    ("echo currentBuild.previousBuild?.result",
     {"previous": PreviousRun(number=6, result="FAILURE")}, ["FAILURE"]),
    ("echo \"${currentBuild.previousBuild}\"", {}, ["null"]),
    ("for (s in currentBuild.changeSets) { for (i in s.items) { echo i.commitId + ' ' + i.msg } }",
     {"changes": (Change(commit="abc", message="fix"),)}, ["abc fix"]),
    ("def s = checkout scm\necho \"${s.GIT_BRANCH} ${env.GIT_COMMIT.take(3)}\"", {},
     ["origin/main ccc"]),
    ("echo scm.userRemoteConfigs[0].url + scm.branches[0].name", {}, ["http://forge/app.gitmain"]),
    ("echo new Date().format('yyyy-MM-dd HH:mm')", {}, ["2023-11-14 22:13"]),
    ("echo \"${System.currentTimeMillis()}\"", {}, ["1700000000000"]),
    ("echo \"${UUID.randomUUID()}\".length().toString()", {}, ["36"]),
    ("def j = readJSON text: '{\"a\": [1, {\"b\": null}]}'\necho \"${j.a[0]} ${j.a[1].b}\"", {},
     ["1 null"]),
    ("echo new groovy.json.JsonSlurper().parseText('{\"v\": \"x\"}').v", {}, ["x"]),
    ("echo groovy\n", {}, []),
    ("def p = readProperties text: 'a=1\\n# c\\nb: 2'\necho p.a + p.b", {}, ["12"]),
    ("writeFile file: 'x.txt', text: 'hi'\necho readFile('x.txt') + fileExists('nope')", {},
     ["hifalse"]),
    ("writeJSON file: 'o.json', json: [a: 1]\necho readFile('o.json')", {}, ['{"a": 1}']),
    ("println 'a'\nprint 'b'", {}, ["a", "b"]),
    ("echo isUnix() ? 'unix' : 'win'", {}, ["unix"]),
    ("timestamps { ansiColor('xterm') { lock('x') { echo 'in' } } }", {},
     ["lock: runs of one pipeline wait for each other; other locks do nothing", "in"]),
]  # fmt: skip


@pytest.mark.parametrize(("source", "context", "lines"), [row for row in ECHOES if row[2]])
@pytest.mark.asyncio
async def test_echoes(source: str, context: dict[str, Any], lines: list[str]) -> None:
    outcome, done = await run(source, **context)
    assert outcome.error == ""
    assert done.echoes == lines


RESULTS: list[tuple[str, str, str]] = [
    ("sh 'boom'", "FAILURE", "script returned exit code 3"),
    ("error 'no way'", "FAILURE", "no way"),
    ("unstable 'hm'", "UNSTABLE", ""),
    ("try { sh 'boom' } catch (e) { echo e.message }", "SUCCESS", ""),
    ("try { sh 'boom' } catch (e) { currentBuild.result = 'FAILURE'; throw e }", "FAILURE",
     "script returned exit code 3"),
    ("catchError { sh 'boom' }\necho 'on'", "FAILURE", ""),
    ("catchError(buildResult: 'UNSTABLE') { error 'x' }", "UNSTABLE", ""),
    ("catchError(buildResult: null, stageResult: 'FAILURE') { error 'x' }", "SUCCESS", ""),
    ("warnError('careful') { sh 'boom' }", "UNSTABLE", ""),
    ("catchError(buildResult: 'SUCCESS') { build 'bad' }", "FAILURE", ""),
    ("build job: 'bad'", "FAILURE", "bad #5 completed with status FAILURE"),
    ("def r = build(job: 'bad', propagate: false)\necho r.result", "SUCCESS", ""),
    ("def r = build(job: 'bad', wait: false)\nassert r == null", "SUCCESS", ""),
    ("retry(3) { sh 'boom' }", "FAILURE", "script returned exit code 3"),
    ("sh 'abort'", "ABORTED", "Aborted by admin"),
    ("catchError { sh 'abort' }", "ABORTED", ""),
    ("catchError(catchInterruptions: false) { sh 'abort' }\necho 'never'", "ABORTED",
     "Aborted by admin"),
    ("try { sh 'abort' } finally { sh 'clean' }", "ABORTED", "Aborted by admin"),
    ("currentBuild.result = 'FAILED'", "FAILURE", ""),
    ("sh(script: 'boom', returnStatus: true)", "SUCCESS", ""),
    ("sh(script: 'x', returnStatus: true, returnStdout: true)", "FAILURE", "not both"),
    ("foo 'x'", "FAILURE", "no step or function is named 'foo'"),
    ("try { foo() } catch (e) { }", "FAILURE", "no step or function"),
    ("ech 'x'", "FAILURE", "did you mean 'echo'"),
    ("sh()", "FAILURE", "missing required parameter 'script'"),
    ("dir('x')", "FAILURE", "needs a block"),
    ("withCredentials([string(credentialsId: 'x')]) { }", "FAILURE", "needs variable"),
    ("while (true) { }", "FAILURE", "evaluation steps"),
    ("parallel a: { error 'a' }, b: { sh 'abort' }", "FAILURE", "a"),
    ("docker.image('a b')", "FAILURE", "not an image name"),
    ("docker.withServer('tcp://x') { }", "FAILURE", "not supported"),
    ("currentBuild.rawBuild.delete()", "FAILURE", "rawBuild is not available"),
]  # fmt: skip


@pytest.mark.parametrize(("source", "result", "error"), RESULTS)
@pytest.mark.asyncio
async def test_result_and_error(source: str, result: str, error: str) -> None:
    world = Recorder(
        {"boom": 3, "abort": _abort()},
        BuildJob=lambda command, context: c.JobResult(
            job=command.job, number=5, result="" if not command.wait else "FAILURE"
        ),
    )
    outcome, _ = await run(source, world)
    assert outcome.result == result
    assert (error in outcome.error) if error else outcome.error == ""


@pytest.mark.asyncio
async def test_uncaught_errors_are_logged_with_file_and_line() -> None:
    outcome, done = await run(
        "node {\n  stage('a') {\n    sh 'boom'\n  }\n}", Recorder({"boom": 2})
    )
    assert done.lines[-1] == "ERROR: Jenkinsfile:3: script returned exit code 2"
    assert outcome.stages[0].status == "failure"


@pytest.mark.parametrize("source", ["stage('Clone') { sh 'x' }", "stage 'Clone'\nsh 'x'"])
@pytest.mark.asyncio
async def test_the_log_tells_the_name_of_a_stage(source: str) -> None:
    _, done = await run(source)
    assert done.lines[:3] == ["[Pipeline] stage", "[Pipeline] { (Clone)", "[Pipeline] sh"]


@pytest.mark.asyncio
async def test_the_author_of_the_checkout_is_not_the_author_of_later_commits() -> None:
    facts = c.CheckedOut(
        url="http://x", commit="c" * 40, branch="main", author_name="Ann", author_email="ann@x"
    )
    source = """
        def facts = checkout scm
        echo facts.GIT_AUTHOR_NAME + ' ' + facts.GIT_AUTHOR_EMAIL
        sh 'git commit'
    """
    _, done = await run(source, Recorder(Checkout=facts))
    assert done.echoes == ["Ann ann@x"]
    seen = done.contexts[-1].env
    assert seen["GIT_COMMIT"] == "c" * 40
    assert not [name for name in seen if name.startswith(("GIT_AUTHOR_", "GIT_COMMITTER_"))]


@pytest.mark.asyncio
async def test_shell_output_and_status_come_back() -> None:
    world = Recorder({"version": (0, "1.2\n"), "check": 4})
    source = """
        def v = sh(script: 'version', returnStdout: true).trim()
        def s = sh script: 'check', returnStatus: true
        echo "$v $s"
    """
    _, done = await run(source, world)
    assert done.echoes == ["1.2 4"]
    assert done.of(c.Sh)[0].capture


@pytest.mark.asyncio
async def test_retry_runs_until_it_works_with_distinct_step_ids() -> None:
    tries = iter([1, 1, 0])
    world = Recorder(Sh=lambda command, context: c.ShResult(exit_code=next(tries)))
    outcome, done = await run("retry(5) { sh 'flaky' }", world)
    assert outcome.result == "SUCCESS"
    assert len({context.step_id for context in done.contexts}) == 3


@pytest.mark.asyncio
async def test_retry_ends_at_an_abort_but_not_at_a_timeout_inside() -> None:
    world = Recorder({"abort": _abort()})
    outcome, done = await run("retry(3) { sh 'abort' }", world)
    assert (outcome.result, len(done.scripts)) == ("ABORTED", 1)
    world = Recorder(hang="x")
    outcome, done = await run("retry(2) { timeout(time: 5, unit: 'SECONDS') { sh 'x' } }", world)
    assert (outcome.result, len(done.scripts)) == ("ABORTED", 2)
    assert outcome.error == "Timeout has been exceeded"


@pytest.mark.asyncio
async def test_finally_runs_when_a_timeout_expires_inside_it() -> None:
    world = Recorder(hang="long")
    outcome, done = await run("timeout(1) { try { sh 'long' } finally { sh 'clean' } }", world)
    assert outcome.result == "ABORTED"
    assert done.scripts == ["long", "clean"]


@pytest.mark.asyncio
async def test_parallel_branches_have_ids_of_their_own_and_return_values() -> None:
    source = """
        def r = parallel(a: { sh 'one'; 1 }, b: { sh 'two'; 2 }, failFast: true)
        echo "$r"
        def branches = [:]
        ['x', 'y'].each { n -> branches[n] = { sh "do $n" } }
        parallel branches
    """
    outcome, done = await run(source)
    assert outcome.error == ""
    assert done.echoes == ["[a:1, b:2]"]
    ids = {context.step_id for context in done.contexts}
    assert len(ids) == 4
    assert sorted(done.scripts) == ["do x", "do y", "one", "two"]


@pytest.mark.parametrize(
    ("binding", "env", "secrets"),
    [
        ("string(credentialsId: 'i', variable: 'T')", {"T": "t0ken-value"}, {"t0ken-value"}),
        ("usernamePassword(credentialsId: 'i', usernameVariable: 'U', passwordVariable: 'P')",
         {"U": "robot", "P": "s3cr3t-pass"}, {"s3cr3t-pass", "robot:s3cr3t-pass"}),
        ("usernameColonPassword(credentialsId: 'i', variable: 'UP')",
         {"UP": "robot:s3cr3t-pass"}, {"s3cr3t-pass", "robot:s3cr3t-pass"}),
        ("file(credentialsId: 'i', variable: 'F')", {"F": "/ws@tmp/secret"}, set()),
        (("[$class: 'UsernamePasswordMultiBinding', credentialsId: 'i', usernameVariable: 'U',"
         " passwordVariable: 'P']"), {"P": "s3cr3t-pass"}, {"s3cr3t-pass", "robot:s3cr3t-pass"}),
    ],
)  # fmt: skip
@pytest.mark.asyncio
async def test_credentials_are_bound_for_the_block_only(
    binding: str, env: dict[str, str], secrets: set[str]
) -> None:
    outcome, done = await run(f"withCredentials([{binding}]) {{ sh 'in' }}\nsh 'out'")
    assert outcome.error == ""
    inside, outside = (
        context
        for context, command in zip(done.contexts, done.commands, strict=True)
        if isinstance(command, c.Sh)
    )
    assert env.items() <= inside.env.items()
    assert not env.keys() & outside.env.keys()
    assert inside.secrets == secrets
    assert outside.secrets == secrets  # still masked, should it be printed later


@pytest.mark.asyncio
async def test_credential_files_are_released_when_the_block_fails() -> None:
    source = "withCredentials([file(credentialsId: 'i', variable: 'F')]) { error 'x' }"
    _, done = await run(source)
    assert done.commands[-1] == c.ReleaseCredentials(path="/ws@tmp/secret")


@pytest.mark.asyncio
async def test_missing_credentials_fail_before_the_block() -> None:
    world = Recorder(BindCredentials=c.StepFailed("Could not find credentials entry with ID 'i'"))
    outcome, done = await run(
        "withCredentials([string(credentialsId: 'i', variable: 'T')]) { sh 'x' }", world
    )
    assert outcome.result == "FAILURE"
    assert done.scripts == []


@pytest.mark.asyncio
async def test_secrets_are_masked_in_the_error_of_the_run() -> None:
    source = "withCredentials([string(credentialsId: 'i', variable: 'T')]) { error \"bad $T\" }"
    outcome, done = await run(source)
    assert outcome.error == "bad ****"
    assert "t0ken-value" not in "\n".join(done.lines)


CHECKOUTS = [
    ("git 'http://x/y.git'",
     c.Checkout(url="http://x/y.git", revision="master", local_branch="master")),
    ("git url: 'http://x/y.git', branch: 'main', credentialsId: 'c'",
     c.Checkout(url="http://x/y.git", revision="main", local_branch="main", credentials_id="c")),
    (("checkout([$class: 'GitSCM', branches: [[name: '*/main']], userRemoteConfigs:"
     " [[url: 'http://x/y.git', credentialsId: 'c']], extensions: [[$class: 'CloneOption',"
     " depth: 1]]])"),
     c.Checkout(url="http://x/y.git", revision="main", credentials_id="c")),
    ("checkout scmGit(branches: [[name: 'origin/dev']], userRemoteConfigs: [[url: 'http://x']])",
     c.Checkout(url="http://x", revision="dev")),
    (("checkout scm: [$class: 'GitSCM', branches: [[name: 'v1']], extensions: [[$class:"
     " 'LocalBranch', localBranch: 'w']], userRemoteConfigs: [[url: 'http://x']]]"),
     c.Checkout(url="http://x", revision="v1", local_branch="w")),
]  # fmt: skip


@pytest.mark.parametrize(("source", "command"), CHECKOUTS)
@pytest.mark.asyncio
async def test_checkout_forms(source: str, command: c.Checkout) -> None:
    outcome, done = await run(source)
    assert outcome.error == ""
    assert done.commands == [command]


@pytest.mark.parametrize("path", ["/", "/etc", "..", "a/../../b", "/ws/../x", "../ws2"])
@pytest.mark.asyncio
async def test_s15_directories_stay_inside_the_workspace(path: str) -> None:
    outcome, done = await run(f"dir('{path}') {{ sh 'x' }}")
    assert "outside of the workspace" in outcome.error
    assert done.commands == []
    for step in (f"readFile '{path}/f'", f"writeFile file: '{path}/f', text: ''"):
        outcome, done = await run(step)
        assert "outside of the workspace" in outcome.error
        assert done.commands == []


@pytest.mark.asyncio
async def test_old_form_of_stages_is_reported_one_after_the_other() -> None:
    _, done = await run("stage 'a'\necho '1'\nstage 'b'\nerror 'x'")
    assert done.stages == [("a", "running"), ("a", "success"), ("b", "running"), ("b", "failure")]


@pytest.mark.asyncio
async def test_run_takes_over_name_description_and_variables() -> None:
    outcome, _ = await run(
        "currentBuild.displayName = '#7-x'\ncurrentBuild.description = 'd'\nenv.OUT = 'o'"
    )
    assert (outcome.display_name, outcome.description) == ("#7-x", "d")
    assert outcome.variables == {"OUT": "o"}


@pytest.mark.asyncio
async def test_parameters_that_the_other_job_lacks_are_dropped_with_a_remark() -> None:
    source = """
        build job: 'other',
              parameters: [string(name: 'A', value: '1'), booleanParam(name: 'B', value: true)]
    """
    _, done = await run(source, jobs={"other": ("B",)})
    assert done.of(c.BuildJob) == [c.BuildJob(job="other", parameters={"B": "true"})]
    assert any("no parameter 'A'" in line for line in done.lines)


@pytest.mark.asyncio
async def test_jobs_are_found_relative_to_the_folder() -> None:
    jobs = {"team/deploy": None, "top": None}
    _, done = await run("build 'deploy'\nbuild '../top'\nbuild '/top'", job="team/app", jobs=jobs)
    assert [command.job for command in done.of(c.BuildJob)] == ["team/deploy", "top", "top"]


@pytest.mark.asyncio
async def test_test_reports_are_kept() -> None:
    outcome, done = await run("def r = junit 'target/*.xml'\necho \"${r.failCount}\"")
    assert outcome.error == ""
    assert done.commands == [c.Archive(includes=("target/*.xml",))]
    outcome, _ = await run("junit 'x.xml'", Recorder(Archive=lambda *_: 0))
    assert outcome.result == "FAILURE"


@pytest.mark.asyncio
async def test_archive_without_a_match_fails_unless_allowed() -> None:
    outcome, done = await run(
        "archiveArtifacts artifacts: 'a/*.txt, b'", Recorder(Archive=lambda *_: 0)
    )
    assert "No artifacts found" in outcome.error
    assert done.of(c.Archive) == [c.Archive(includes=("a/*.txt", "b"))]
    outcome, _ = await run(
        "archiveArtifacts artifacts: 'a', allowEmptyArchive: true", Recorder(Archive=lambda *_: 0)
    )
    assert outcome.result == "SUCCESS"
