from __future__ import annotations
from towline.pipeline.commands import Executor
from towline.pipeline.jenkins.context import RunContext, RunOutcome
from towline.text.groovy.tree import Script

async def run_jenkinsfile(script: Script, context: RunContext, executor: Executor) -> RunOutcome:
    """Runs a pipeline file (parsed with `towline.text.groovy.parse(source, file)`)."""
    raise NotImplementedError
