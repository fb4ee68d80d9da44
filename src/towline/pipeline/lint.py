"""Finds what a Jenkinsfile does that cannot work, all at once, before anything runs. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from towline.errors import InputError
from towline.pipeline.checks.docker import check_docker
from towline.pipeline.checks.language import check_language
from towline.pipeline.checks.steps import check_steps
from towline.pipeline.checks.walk import called_name, declared_names, walk
from towline.pipeline.findings import Finding, Findings, Severity
from towline.pipeline.jenkins.declarative.load import load_pipeline
from towline.pipeline.jenkins.declarative.sections import block_of
from towline.text.groovy import Script, parse, tree
from towline.text.groovy.tree import Position

MAX_FINDINGS = 200

__all__ = ["MAX_FINDINGS", "Finding", "Severity", "lint"]


def lint(
    source: str, file: str, *, jobs: Mapping[str, Sequence[str] | None] | None = None
) -> list[Finding]:
    """Checks a pipeline file.

    Args:
        source: The text of the file.
        file: Path for messages.
        jobs: Jobs that `build job:` may name, to the names of their parameters (None: any). Without
            it, jobs are not checked.

    Returns:
        Findings in the order of the file, at most 200. A file that has an error never starts. A
        file that cannot be parsed has one finding.
    """
    found = Findings()
    try:
        script = parse(source, file)
    except InputError as error:
        at = Position(max(1, error.line), max(1, error.column))
        found.error(at, error.message, error.hint)
        return found.sorted()
    names = declared_names(script.body)
    for place in walk(script.body):
        check_language(place, names, found)
        check_steps(place, names, jobs, found)
        check_docker(place, found)
    _check_pipelines(script, found)
    return found.sorted()[:MAX_FINDINGS]


def _check_pipelines(script: Script, found: Findings) -> None:
    """Declarative blocks: one per file, at the top, and valid."""
    blocks = 0
    for statement in script.body.statements:
        node = statement.expression if isinstance(statement, tree.ExpressionStatement) else None
        if not isinstance(node, tree.Call) or called_name(node) != "pipeline":
            continue
        blocks += 1
        if blocks > 1:
            found.error(node.at, "a file has only one pipeline { }")
        block = block_of(node)
        if block is None:
            found.error(node.at, "pipeline needs a block: pipeline { ... }")
            continue
        for problem in load_pipeline(block)[1]:
            found.error(problem.at, problem.message, problem.hint)
