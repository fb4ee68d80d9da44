"""Checks of the language: what it leaves out, what would reach into the host. Pure."""

from __future__ import annotations

from towline.pipeline.checks.walk import Place
from towline.pipeline.findings import Findings
from towline.pipeline.jenkins.docker import DOCKER_METHODS, IMAGE_METHODS
from towline.text.groovy import tree
from towline.text.groovy.methods import BOOLEAN, LIST, MAP, NUMBER, STATIC, STRING
from towline.text.groovy.values import EXCEPTION_NAMES

_HARMLESS_IMPORTS = (
    "java.lang.",
    "java.text.",
    "java.time.",
    "java.util.",
    "groovy.json.",
    "groovy.transform.",
    "com.cloudbees.groovy.cps.",
    "hudson.AbortException",
    "org.jenkinsci.plugins.workflow.steps.FlowInterruptedException",
)
_INTERNALS = frozenset(
    {"Jenkins", "hudson", "jenkins", "Hudson", "org", "java", "groovy", "Thread"}
)
_REFLECTION = frozenset(
    {"class", "getClass", "metaClass", "getMetaClass", "classLoader", "getClassLoader", "forName"}
)
_TYPES = EXCEPTION_NAMES | {
    "ArrayList",
    "LinkedList",
    "HashSet",
    "LinkedHashSet",
    "HashMap",
    "LinkedHashMap",
    "TreeMap",
    "Date",
    "JsonSlurper",
    "JsonSlurperClassic",
    "JsonOutput",
}
_OBJECT_METHODS = frozenset(
    {
        "call", "doCall", "getMessage", "getLocalizedMessage", "getCause", "toString",
        "printStackTrace", "getStackTrace", "getKey", "getValue", "matcher", "pattern", "group",
        "groupCount", "hasGroup", "start", "end", "getCount", "getEnvironment", "getTime",
        "currentTimeMillis", "randomUUID", "parseText", "toJson", "prettyPrint", "getBuildCauses",
        "resultIsBetterOrEqualTo", "resultIsWorseOrEqualTo", "getResult", "setResult", "getNumber",
        "getUserRemoteConfigs", "getBranches", "getUrl", "getName", "stop", "port", "getId",
        "getDisplayName", "setDisplayName", "setDescription", "getDescription", "getCurrentResult",
        "getPreviousBuild", "getAbsoluteUrl", "getProjectName", "getFullProjectName",
        "getDurationString", "getChangeSets", "getPreviousSuccessfulBuild",
        "getPreviousCompletedBuild", "getPreviousFailedBuild", "getStartTimeInMillis",
        "getTimeInMillis", "getDuration", "getBuildVariables", "getItems", "getCommitId", "getMsg",
        "getAuthor", "getTimestamp", "getAffectedFiles", "getPath", "getEditType",
    }
)  # fmt: skip
_METHODS = frozenset().union(
    STRING,
    LIST,
    MAP,
    NUMBER,
    BOOLEAN,
    *STATIC.values(),
    _OBJECT_METHODS,
    DOCKER_METHODS,
    IMAGE_METHODS,
)


def check_language(place: Place, names: frozenset[str], found: Findings) -> None:
    """Looks at one node for what the language does not have."""
    node = place.node
    match node:
        case tree.Unsupported():
            found.error(node.at, f"{node.construct} is not supported", node.hint)
        case tree.Annotation():
            hint = "copy the functions of the library into the file"
            found.error(node.at, "shared libraries (@Library) are not supported", hint)
        case tree.Import() if node.name and not node.name.startswith(_HARMLESS_IMPORTS):
            found.error(node.at, f"import {node.name} is not available", "use steps instead")
        case tree.New():
            _check_new(place, node, found)
        case tree.Name():
            if node.name in _INTERNALS and node.name not in names:
                hint = "use steps instead"
                found.error(node.at, f"'{node.name}' is not available to pipelines", hint)
        case tree.Property():
            _check_property(place, node, names, found)


def _check_new(place: Place, node: tree.New, found: Findings) -> None:
    name = node.type.rsplit(".", 1)[-1]
    if name not in _TYPES:
        severity = found.warning if place.guarded else found.error
        severity(node.at, f"new {node.type}(...) is not available", "use steps, lists and maps")


def _check_property(
    place: Place, node: tree.Property, names: frozenset[str], found: Findings
) -> None:
    name = node.name
    if not isinstance(name, str):
        return
    if name == "rawBuild":
        found.error(node.at, "currentBuild.rawBuild is not available", "use currentBuild itself")
    elif name == "execute":
        found.error(node.at, "programs are not started from Groovy", "use sh")
    elif name in _REFLECTION and not _own(node, names):
        found.error(node.at, f"'{name}': reflection is not available")
    elif place.callee and name not in _METHODS and not _own(node, names):
        message = f"no value here has a method named '{name}'"
        found.warning(node.at, message, "this fails when it is reached")


def _own(node: tree.Property, names: frozenset[str]) -> bool:
    """Whether a member belongs to something that the file made: its maps may have any key."""
    return isinstance(node.target, tree.Name) and node.target.name in {*names, "this"}
