"""Steps that are accepted without effect, and functions that only describe values. Pure."""

from __future__ import annotations

from typing import Any

from towline.pipeline.jenkins.arguments import StepCall
from towline.pipeline.jenkins.session import Session
from towline.pipeline.jenkins.steps.table import Step, step
from towline.text.groovy import Arguments

# Functions whose call is a value: `string(name: 'A', value: 'b')` and the like.
DESCRIBING = frozenset(
    {
        "string", "text", "booleanParam", "choice", "password", "credentials", "run", "file",
        "usernamePassword", "usernameColonPassword", "sshUserPrivateKey", "gitUsernamePassword",
        "certificate", "zip", "scmGit", "gitSCM", "cloneOption", "localBranch",
        "cleanBeforeCheckout", "cleanAfterCheckout", "submodule", "pruneStaleBranch",
        "wipeWorkspace", "relativeTargetDirectory", "checkoutOption", "logRotator",
        "buildDiscarder", "disableConcurrentBuilds", "parameters", "pipelineTriggers", "cron",
        "pollSCM", "upstream", "githubPush", "disableResume", "durabilityHint", "rateLimitBuilds",
        "overrideIndexTriggers", "preserveStashes", "quietPeriod", "gitLabConnection",
        "githubProjectProperty", "githubProject", "agent", "nonresumable", "kubernetesAgent",
        "abortPrevious", "extendedChoice",
    }
)  # fmt: skip


def describe_value(name: str, arguments: Arguments) -> dict[str, Any]:
    """The map that a describing function returns."""
    value: dict[str, Any] = {"$class": name, **arguments.named}
    if len(arguments.positional) == 1:
        only = arguments.positional[0]
        if isinstance(only, dict):
            value |= {str(key): item for key, item in only.items()}
        else:
            value["$value"] = only
    return value


async def _nothing(session: Session, call: StepCall) -> None:
    return None


async def _properties(session: Session, call: StepCall) -> None:
    """Parameters that the file declares get their defaults; the rest belongs to the Pipeline."""
    items = call.value("properties", [])
    for item in items if isinstance(items, list) else []:
        if isinstance(item, dict) and item.get("$class") == "parameters":
            declare_parameters(session, item.get("$value") or [])


def declare_parameters(session: Session, declared: Any) -> None:
    """Defaults for parameters that the run did not give."""
    for parameter in declared if isinstance(declared, list) else []:
        if not isinstance(parameter, dict) or not isinstance(parameter.get("name"), str):
            continue
        session.extra_parameters.setdefault(parameter["name"], _default(parameter))


def _default(parameter: dict[str, Any]) -> str | bool:
    default = parameter.get("defaultValue")
    match parameter.get("$class"):
        case "booleanParam":
            return default in {True, "true"}
        case "choice":
            choices = parameter.get("choices")
            lines = choices.split("\n") if isinstance(choices, str) else choices
            return str(lines[0]) if isinstance(lines, list) and lines else ""
    return "" if default is None else str(default)


async def _not_sent(session: Session, call: StepCall) -> None:
    session.log(f"{call.name}: not sent, notifications are set up outside of the file", call.site)


ACCEPTED: dict[str, Step] = {
    "properties": step(_properties, "properties"),
    "milestone": step(_nothing, "ordinal", "label"),
    "mail": step(_not_sent, "body", "subject", "to", lenient=True),
    "emailext": step(_not_sent, "body", "subject", "to", lenient=True),
    "slackSend": step(_not_sent, "message", lenient=True),
    "githubNotify": step(_not_sent, "status", lenient=True),
}
