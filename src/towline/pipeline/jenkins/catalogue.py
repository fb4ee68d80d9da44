"""Every step and global that a pipeline file may use, and what others should become. Pure."""

from __future__ import annotations

import difflib

from towline.pipeline.jenkins.steps.accepted import ACCEPTED, DESCRIBING
from towline.pipeline.jenkins.steps.basic import BASIC
from towline.pipeline.jenkins.steps.credentials import CREDENTIALS
from towline.pipeline.jenkins.steps.flow import FLOW
from towline.pipeline.jenkins.steps.jobs import JOBS
from towline.pipeline.jenkins.steps.scm import SCM
from towline.pipeline.jenkins.steps.structured import STRUCTURED
from towline.pipeline.jenkins.steps.table import Step

STEPS: dict[str, Step] = {
    **BASIC,
    **FLOW,
    **SCM,
    **CREDENTIALS,
    **JOBS,
    **STRUCTURED,
    **ACCEPTED,
}

GLOBALS = frozenset({"env", "params", "currentBuild", "scm", "docker", "this"})

# Steps that other systems have, and what to write here.
UNSUPPORTED: dict[str, str] = {
    "bat": "there is no Windows agent; use sh",
    "powershell": "there is no Windows agent; use sh",
    "pwsh": "there is no Windows agent; use sh",
    "input": "runs do not wait for people; start another pipeline by hand with `build job:`",
    "stash": "stages of a run share one workspace: leave the files where they are",
    "unstash": "stages of a run share one workspace: leave the files where they are",
    "sshagent": "use withCredentials([sshUserPrivateKey(...)]) and GIT_SSH_COMMAND",
    "library": "copy the functions into the file",
    "load": "copy the functions into the file",
    "evaluate": "write the code into the file",
    "step": "use the step's own name",
    "tool": "use an image with the tool: docker.image('...').inside { }",
    "findFiles": "use sh(script: 'ls ...', returnStdout: true).readLines()",
    "readYaml": "use sh with a tool that reads YAML, and returnStdout: true",
    "writeYaml": "use writeFile",
    "readMavenPom": "use sh with a tool that reads XML, and returnStdout: true",
    "httpRequest": "use sh with curl",
    "withSonarQubeEnv": "use withCredentials and sh",
    "waitForQualityGate": "use sh with curl",
    "publishHTML": "use archiveArtifacts",
    "recordIssues": "use archiveArtifacts",
    "ansiblePlaybook": "use sh with ansible-playbook",
    "kubernetesDeploy": "let the GitOps engine deploy: commit the new tag to the manifests",
    "withKubeConfig": "use withCredentials([file(...)]) and KUBECONFIG",
    "nodesByLabel": "there is one node",
    "podTemplate": "use docker.image('...').inside { }",
}


def nearest(name: str) -> str:
    """The known step whose name is most like another, or an empty string."""
    found = difflib.get_close_matches(name[:60], STEPS, n=1, cutoff=0.75)
    return found[0] if found else ""


def unknown_step(name: str) -> tuple[str, str]:
    """Message and hint for a step that does not exist."""
    if name in UNSUPPORTED:
        return f"the step '{name}' is not supported", UNSUPPORTED[name]
    guess = nearest(name)
    return f"no step or function is named '{name}'", f"did you mean '{guess}'?" if guess else ""


__all__ = ["DESCRIBING", "GLOBALS", "STEPS", "UNSUPPORTED", "nearest", "unknown_step"]
