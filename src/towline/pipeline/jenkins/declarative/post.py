"""`post { }`: which actions run after a stage or a pipeline, and what their errors do. Pure."""

from __future__ import annotations

from towline.pipeline.jenkins.declarative.model import POST_CONDITIONS
from towline.pipeline.jenkins.declarative.surround import Blocks
from towline.pipeline.jenkins.failures import describe, failure_of
from towline.pipeline.jenkins.results import Result, is_worse_or_equal
from towline.pipeline.jenkins.session import Session
from towline.text.groovy import Site, Thrown
from towline.text.groovy.tree import Closure


async def run_post(
    session: Session, blocks: Blocks, post: dict[str, Closure], result: Result, site: Site
) -> Thrown | None:
    """Runs the conditions that fit, in their fixed order.

    Args:
        session: The run.
        blocks: Evaluates blocks.
        post: Blocks by condition.
        result: Status of what the actions come after.
        site: Where they run.

    Returns:
        The first error of a condition; the others run all the same.
    """
    previous = None if session.context.previous is None else session.context.previous.result
    session.worsen(result)
    error: Thrown | None = None
    for condition in POST_CONDITIONS:
        if condition not in post or not fits(condition, result, previous):
            continue
        try:
            await blocks.run(post[condition], site)
        except Thrown as thrown:
            session.log(f"Error when executing {condition} post condition:", site)
            session.log(describe(thrown.value), site)
            session.worsen(failure_of(thrown.value).result)
            error = error or thrown
    return error


def fits(condition: str, result: Result, previous: Result | None) -> bool:
    """Whether a post condition applies to a status, given that of the run before."""
    match condition:
        case "always" | "cleanup":
            return True
        case "changed":
            return previous != result
        case "fixed":
            return result == "SUCCESS" and previous in {"FAILURE", "UNSTABLE"}
        case "regression":
            worse = previous is not None and is_worse_or_equal(result, previous)
            return worse and result != previous
        case "unsuccessful":
            return result != "SUCCESS"
    return {
        "aborted": "ABORTED",
        "success": "SUCCESS",
        "unstable": "UNSTABLE",
        "failure": "FAILURE",
        "notBuilt": "NOT_BUILT",
    }.get(condition) == result
