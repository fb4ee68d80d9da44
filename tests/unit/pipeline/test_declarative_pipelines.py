"""Declarative pipelines: order, conditions, agents, environment, options, post."""

from __future__ import annotations

from typing import Any

import pytest
from pipeline_recorder import Recorder, run

from towline.pipeline import commands as c
from towline.pipeline.jenkins.context import Change, PreviousRun, ScmFacts
from towline.pipeline.jenkins.declarative.post import fits
from towline.pipeline.jenkins.declarative.when import ant_regex
from towline.pipeline.lint import lint
from towline.text.groovy import Limits, Meter
from towline.text.groovy.regex import full_match


def pipeline(body: str, top: str = "agent any") -> str:
    return f"pipeline {{\n{top}\nstages {{\n{body}\n}}\n}}"


def stage(name: str, steps: str = "echo 'x'", more: str = "") -> str:
    return f"stage('{name}') {{\n{more}\nsteps {{\n{steps}\n}}\n}}\n"


@pytest.mark.asyncio
async def test_stages_run_in_order_after_the_checkout() -> None:
    source = pipeline(stage("A", "echo 'a'") + stage("B", 'script { def x = 1; echo "b$x" }'))
    outcome, done = await run(source)
    assert outcome.error == ""
    assert [item.name for item in outcome.stages] == ["Declarative: Checkout SCM", "A", "B"]
    assert done.commands == [c.Checkout()]
    assert done.echoes == ["a", "b1"]
    begun = [line for line in done.lines if line.startswith("[Pipeline] {")]
    assert begun == [f"[Pipeline] {{ ({item.name})" for item in outcome.stages]


@pytest.mark.asyncio
async def test_checkout_is_left_out_on_request_and_without_an_agent() -> None:
    top = "agent any\noptions { skipDefaultCheckout() }"
    assert (await run(pipeline(stage("A"), top)))[1].commands == []
    assert (await run(pipeline(stage("A"), "agent none")))[1].commands == []


@pytest.mark.asyncio
async def test_after_a_failure_later_stages_are_skipped_and_post_runs() -> None:
    source = pipeline(
        stage("A", "sh 'boom'", "post {\nfailure { echo 'A failed' }\nsuccess { echo 'never' }\n}")
        + stage("B", "echo 'b'"),
        "agent any\npost {\ncleanup { echo 'cleanup' }\nfailure { echo 'failed' }\n"
        "always { echo \"always ${currentBuild.currentResult}\" }\nsuccess { echo 'never' }\n}",
    )
    outcome, done = await run(source, Recorder({"boom": 1}))
    assert outcome.result == "FAILURE"
    assert [(item.name, item.status) for item in outcome.stages[1:]] == [
        ("A", "failure"),
        ("B", "skipped"),
        ("Declarative: Post Actions", "success"),
    ]
    said = [line for line in done.echoes if not line.startswith(("ERROR", "Stage"))]
    assert said == ["A failed", "always FAILURE", "failed", "cleanup"]


@pytest.mark.asyncio
async def test_unstable_goes_on_unless_the_option_says_otherwise() -> None:
    body = stage("A", "unstable 'hm'") + stage("B", "echo 'b'")
    outcome, done = await run(pipeline(body))
    assert (outcome.result, done.echoes[-1]) == ("UNSTABLE", "b")
    outcome, _ = await run(pipeline(body, "agent any\noptions { skipStagesAfterUnstable() }"))
    assert [item.status for item in outcome.stages] == ["success", "unstable", "skipped"]


@pytest.mark.asyncio
async def test_environment_is_built_in_order_and_with_credentials() -> None:
    top = (
        "agent any\nenvironment {\nA = 'x'\n"
        "B = \"${A}-${BUILD_NUMBER}\"\nCRED = credentials('id')\n"
        'C = "${CRED_USR}"\n}'
    )
    body = stage("A", "sh 'x'", "environment { A = 'inner' }") + stage("B", "sh 'y'")
    _, done = await run(pipeline(body, top))
    first, second = (
        context.env
        for context, command in zip(done.contexts, done.commands, strict=True)
        if isinstance(command, c.Sh)
    )
    assert (first["A"], second["A"], second["B"], second["C"]) == ("inner", "x", "x-7", "robot")
    assert second["CRED"] == "robot:s3cr3t-pass"
    assert "s3cr3t-pass" in done.contexts[-1].secrets


@pytest.mark.asyncio
async def test_credentials_of_an_unsaid_kind_are_the_first_that_fits() -> None:
    def bind(command: c.BindCredentials, context: c.StepContext) -> c.BoundCredentials:
        if command.kind != "string":
            raise c.StepFailed(f"no {command.kind}")
        return c.BoundCredentials(text="tok-123")

    top = "agent any\nenvironment { T = credentials('id') }"
    _, done = await run(pipeline(stage("A", "sh 'x'"), top), Recorder(BindCredentials=bind))
    assert done.contexts[-1].env["T"] == "tok-123"


AGENTS = [
    ("agent { docker 'alpine:3' }", c.ContainerStart(image="alpine:3")),
    (("agent { docker { image 'a:1'\nargs '-e A=1'\nregistryUrl 'https://r'\n"
     "registryCredentialsId 'k' } }"),
     c.ContainerStart(image="a:1", arguments=("-e", "A=1"), registry="https://r",
                      credentials_id="k")),
    ("agent { docker image: 'a:2', reuseNode: true }", c.ContainerStart(image="a:2")),
]  # fmt: skip


@pytest.mark.parametrize(("agent", "start"), AGENTS)
@pytest.mark.asyncio
async def test_docker_agents_run_steps_in_a_container(agent: str, start: c.ContainerStart) -> None:
    _, done = await run(pipeline(stage("A", "sh 'x'"), agent))
    name = f"container-{done.commands.index(start) + 1}"
    assert done.contexts[done.commands.index(c.Sh(script="x"))].container == name
    assert done.commands[-1] == c.ContainerStop(container=name)


@pytest.mark.asyncio
async def test_dockerfile_agents_build_their_image() -> None:
    agent = "agent { dockerfile { filename 'Dockerfile.ci'\ndir 'build' } }"
    _, done = await run(pipeline(stage("A", "sh 'x'"), agent))
    built = done.of(c.DockerBuild)[0]
    assert built.arguments == ("-f", "build/Dockerfile.ci", "build")
    assert done.of(c.ContainerStart)[0].image == built.image


WHEN: list[tuple[str, dict[str, Any], bool]] = [
    ("branch 'main'", {}, True),
    ("branch 'MAIN'", {}, True),
    ("branch 'dev'", {}, False),
    ("branch pattern: 'ma.*', comparator: 'REGEXP'", {}, True),
    ("branch 'release/*'", {"scm": ScmFacts(url="u", branch="release/1/x")}, False),
    ("branch 'release/**'", {"scm": ScmFacts(url="u", branch="release/1/x")}, True),
    ("not { branch 'main' }", {}, False),
    ("anyOf {\nbranch 'dev'\nbranch 'main'\n}", {}, True),
    ("allOf {\nbranch 'main'\nexpression { false }\n}", {}, False),
    ("expression { return params.GO }", {"params": {"GO": True}}, True),
    ("expression { 'false' }", {}, True),
    ("environment name: 'BUILD_NUMBER', value: '7'", {}, True),
    ("equals expected: 7, actual: currentBuild.number", {}, True),
    ("buildingTag()", {}, False),
    ("changeRequest()", {}, False),
    ("tag 'v*'", {"env": {"TAG_NAME": "v1"}}, True),
    ("changeset 'src/**/*.py'", {"changes": (Change(commit="a", message="", paths=("src/b.py",)),)},
     True),
    ("changeset 'src/**'", {}, False),
    ("changelog '.*fix.*'", {"changes": (Change(commit="a", message="a fix\nmore"),)}, True),
    ("triggeredBy 'UserIdCause'", {"causes": ("UserIdCause",)}, True),
    ("triggeredBy 'TimerTrigger'", {"causes": ("UserIdCause",)}, False),
    ("branch 'main'\nexpression { false }", {}, False),
    ("beforeAgent true\nbranch 'dev'", {}, False),
]  # fmt: skip


@pytest.mark.parametrize(("condition", "context", "runs"), WHEN)
@pytest.mark.asyncio
async def test_when(condition: str, context: dict[str, Any], runs: bool) -> None:
    source = pipeline(stage("A", "echo 'ran'", f"when {{\n{condition}\n}}"))
    outcome, done = await run(source, **context)
    assert outcome.result == "SUCCESS"
    assert ("ran" in done.echoes) is runs
    assert outcome.stages[-1].status == ("success" if runs else "skipped")


@pytest.mark.asyncio
async def test_parallel_stages_run_and_the_worst_counts() -> None:
    body = (
        "stage('P') {\nparallel {\n"
        + stage("one", "sh 'a'")
        + stage("two", "sh 'boom'", "agent { docker 'alpine' }")
        + "}\npost {\nalways { echo 'joined' }\n}\n}\n"
        + stage("after")
    )
    outcome, done = await run(pipeline(body), Recorder({"boom": 1}))
    assert outcome.result == "FAILURE"
    assert {item.name: item.status for item in outcome.stages} == {
        "Declarative: Checkout SCM": "success",
        "P": "failure",
        "one": "success",
        "two": "failure",
        "after": "skipped",
    }
    assert "joined" in done.echoes


@pytest.mark.asyncio
async def test_matrix_runs_each_combination_that_is_not_excluded() -> None:
    body = (
        "stage('M') {\nmatrix {\naxes {\naxis { name 'OS'; values 'linux', 'mac' }\n"
        "axis { name 'V'; values '1', '2' }\n}\nexcludes {\nexclude {\n"
        "axis { name 'OS'; values 'mac' }\naxis { name 'V'; notValues '2' }\n}\n}\nstages {\n"
        + stage("t", 'echo "$OS$V"')
        + "}\n}\n}\n"
    )
    outcome, done = await run(pipeline(body))
    assert outcome.error == ""
    assert sorted(done.echoes) == ["linux1", "linux2", "mac2"]


@pytest.mark.asyncio
async def test_post_runs_after_the_pipelines_timeout() -> None:
    top = (
        "agent any\noptions { timeout(time: 1, unit: 'SECONDS') }\n"
        "post {\naborted { echo 'aborted' }\n}"
    )
    body = stage("A", "sh 'long'", "post {\nalways { echo 'after A' }\n}")
    outcome, done = await run(pipeline(body, top), Recorder(hang="long"))
    assert outcome.result == "ABORTED"
    assert [line for line in done.echoes if "after A" in line or line == "aborted"] == [
        "after A",
        "aborted",
    ]
    assert outcome.stages[1].status == "aborted"


@pytest.mark.asyncio
async def test_retry_of_a_stage_repeats_its_steps() -> None:
    tries = iter([1, 0])
    world = Recorder(Sh=lambda command, context: c.ShResult(exit_code=next(tries)))
    outcome, done = await run(pipeline(stage("A", "sh 'x'", "options { retry(3) }")), world)
    assert (outcome.result, len(done.scripts)) == ("SUCCESS", 2)


@pytest.mark.asyncio
async def test_errors_in_post_fail_the_build_and_the_other_conditions_still_run() -> None:
    top = "agent any\npost {\nalways { error 'in post' }\ncleanup { echo 'cleaned' }\n}"
    outcome, done = await run(pipeline(stage("A"), top))
    assert (outcome.result, outcome.error) == ("FAILURE", "in post")
    assert "cleaned" in done.echoes


@pytest.mark.asyncio
async def test_definitions_before_the_pipeline_are_visible() -> None:
    source = "def tag = '1'\ndef hello(x) { \"hi $x\" }\n" + pipeline(
        stage("A", "echo \"${tag} ${hello('you')}\"")
    )
    assert (await run(source))[1].echoes == ["1 hi you"]


@pytest.mark.asyncio
async def test_declared_parameters_have_their_defaults() -> None:
    top = (
        "agent any\nparameters {\nstring(name: 'S', defaultValue: 'd')\n"
        "booleanParam(name: 'B', defaultValue: true)\n}"
    )
    _, done = await run(pipeline(stage("A", 'echo "${params.S} ${params.B}"'), top))
    assert done.echoes == ["d true"]


POST = [
    ("always", "SUCCESS", None, True),
    ("changed", "SUCCESS", None, True),
    ("changed", "SUCCESS", "SUCCESS", False),
    ("fixed", "SUCCESS", "FAILURE", True),
    ("fixed", "SUCCESS", None, False),
    ("regression", "FAILURE", "SUCCESS", True),
    ("regression", "FAILURE", "FAILURE", False),
    ("regression", "FAILURE", None, False),
    ("unsuccessful", "UNSTABLE", None, True),
    ("aborted", "ABORTED", None, True),
    ("notBuilt", "NOT_BUILT", None, True),
    ("failure", "UNSTABLE", None, False),
]


@pytest.mark.parametrize(("condition", "result", "previous", "runs"), POST)
def test_post_condition_fits(condition: str, result: Any, previous: Any, runs: bool) -> None:
    assert fits(condition, result, previous) is runs


@pytest.mark.asyncio
async def test_previous_run_decides_about_fixed() -> None:
    top = "agent any\npost {\nfixed { echo 'fixed' }\nchanged { echo 'changed' }\n}"
    previous = PreviousRun(number=6, result="FAILURE")
    _, done = await run(pipeline(stage("A"), top), previous=previous)
    assert done.echoes[-2:] == ["changed", "fixed"]


GLOBS = [
    ("main", "main", True),
    ("*", "a/b", False),
    ("**", "a/b", True),
    ("feature/*", "feature/x", True),
    ("**/x", "x", True),
    ("a.c", "abc", False),
    ("rel-?", "rel-1", True),
    ("a(b", "a(b", True),
]


@pytest.mark.parametrize(("glob", "text", "matches"), GLOBS)
def test_ant_globs(glob: str, text: str, matches: bool) -> None:
    assert (full_match(ant_regex(glob), text, Meter(Limits())) is not None) is matches


INVALID = [
    ("pipeline { stages { stage('a') { steps { echo 'x' } } } }", 1, "needs the section 'agent'"),
    ("pipeline { agent any }", 1, "needs the section 'stages'"),
    (pipeline(stage("A") + stage("A")), 10, "is there twice"),
    (pipeline("stage('A') { }"), 4, "'stage' is empty"),
    (pipeline("stage { steps { echo 'x' } }"), 4, "a stage needs a name"),
    (pipeline("stage('A') { steps { }\n }"), 4, "'steps' is empty"),
    (pipeline("stage('A') { agent any\n }"), 4, "a stage needs one of"),
    (pipeline("stage('A') { steps { echo 'x' }\n parallel { stage('b') { steps { echo 'y' } } } }"),
     5, "not both"),
    (pipeline(stage("A", "foo()")), 7, "no step or function is named 'foo'"),
    (pipeline(stage("A", "def x = 1")), 7, "a declaration is not a step"),
    (pipeline(stage("A", "if (a) { }")), 7, "is not a step"),
    (pipeline(stage("A", more="when { foo 'x' }")), 5, "unknown condition 'foo'"),
    (pipeline(stage("A", more="options { foo() }")), 5, "unknown option 'foo'"),
    (pipeline(stage("A"), "agent { kubernetes { yaml 'x' } }"), 2, "not supported"),
    (pipeline(stage("A"), "agent any\nagent any"), 3, "is there twice"),
    (pipeline(stage("A"), "agent any\nfoo { }"), 3, "not a section of 'pipeline'"),
    (pipeline(stage("A"), "agent any\nenvironment { foo() }"), 3, "NAME = 'value'"),
    (pipeline(stage("A"), "agent any\nenvironment { A = 1\nA = 2 }"), 4, "is there twice"),
    (pipeline(stage("A"), "agent any\ntools { maven 'm' }"), 3, "'tools' is not supported"),
    (pipeline(stage("A"), "agent any\npost { foo { echo 'x' } }"), 3, "not a section of 'post'"),
    (pipeline("sh 'x'"), 4, "only stage"),
]  # fmt: skip


@pytest.mark.parametrize(("source", "line", "message"), INVALID)
@pytest.mark.asyncio
async def test_invalid_pipelines_are_reported_with_their_line(
    source: str, line: int, message: str
) -> None:
    found = [item for item in lint(source, "Jenkinsfile") if item.severity == "error"]
    assert any(item.line == line and message in item.message for item in found), found
