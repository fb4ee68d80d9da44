"""`checkout` and `git`: what they say is read here, the work is a command. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from towline.pipeline.commands import CheckedOut, Checkout
from towline.pipeline.jenkins.arguments import StepCall
from towline.pipeline.jenkins.failures import abort
from towline.pipeline.jenkins.objects import ScmObject
from towline.pipeline.jenkins.paths import inside_workspace
from towline.pipeline.jenkins.session import Session
from towline.pipeline.jenkins.steps.table import Step, step
from towline.text.groovy import Site, to_text

_QUIET_EXTENSIONS = frozenset(
    {
        "CloneOption", "cloneOption", "CleanBeforeCheckout", "cleanBeforeCheckout",
        "CleanCheckout", "cleanAfterCheckout", "WipeWorkspace", "wipeWorkspace",
        "PruneStaleBranch", "pruneStaleBranch", "CheckoutOption", "checkoutOption",
        "SubmoduleOption", "submodule",
    }
)  # fmt: skip


class _Wanted(msgspec.Struct, frozen=True):
    """A checkout as the script asked for it."""

    command: Checkout
    directory: str = ""
    remarks: tuple[str, ...] = ()


async def _checkout(session: Session, call: StepCall) -> dict[str, str]:
    scm = call.value("scm")
    if isinstance(scm, ScmObject):
        return await checkout(session, call.site)
    if not isinstance(scm, dict):
        scm = {key: value for key, value in call.values.items() if key not in {"poll", "changelog"}}
    wanted = _git_scm(call, scm)
    for remark in wanted.remarks:
        session.log(f"checkout: {remark}", call.site)
    return await _run(session, call.site, wanted)


def _git_scm(call: StepCall, scm: dict[Any, Any]) -> _Wanted:
    """`[$class: 'GitSCM', ...]` and `scmGit(...)`."""
    kind = str(scm.get("$class", "GitSCM"))
    if kind not in {"GitSCM", "scmGit", "gitSCM"}:
        raise abort(f"checkout: '{kind}' is not supported, only GitSCM is")
    remotes = _maps(scm.get("userRemoteConfigs"))
    branches = _maps(scm.get("branches")) or [{"name": "*/master"}]
    if len(remotes) != 1 or "url" not in remotes[0]:
        raise abort("checkout: exactly one entry with 'url' in userRemoteConfigs is supported")
    remarks = []
    if len(branches) > 1:
        remarks.append("only the first entry of 'branches' is used")
    meter = call.site.interpreter.meter
    directory, local = "", ""
    for extension in _maps(scm.get("extensions")):
        name = str(extension.get("$class", ""))
        if name in {"RelativeTargetDirectory", "relativeTargetDirectory"}:
            directory = to_text(_first(extension, "relativeTargetDir"), meter)
        elif name in {"LocalBranch", "localBranch"}:
            local = to_text(_first(extension, "localBranch") or "**", meter)
        elif name not in _QUIET_EXTENSIONS:
            remarks.append(f"the extension '{name}' is ignored")
    revision = _revision(to_text(branches[0].get("name"), meter))
    command = Checkout(
        url=to_text(remotes[0]["url"], meter),
        revision=revision,
        credentials_id=str(remotes[0].get("credentialsId") or ""),
        local_branch=revision if local == "**" else local,
    )
    return _Wanted(command, directory, tuple(remarks))


def _first(described: dict[Any, Any], name: str) -> Any:
    """A named value of a describing map, or its unnamed one."""
    return described.get(name, described.get("$value"))


def _maps(value: Any) -> list[dict[Any, Any]]:
    items = value if isinstance(value, list) else []
    return [item for item in items if isinstance(item, dict)]


def _revision(name: str) -> str:
    """A branch specifier without its decoration."""
    for prefix in ("refs/heads/", "refs/remotes/origin/", "remotes/origin/", "origin/", "*/"):
        if name.startswith(prefix):
            return name[len(prefix) :]
    return name


async def _git(session: Session, call: StepCall) -> dict[str, str]:
    branch = _revision(call.text("branch", "master"))
    command = Checkout(
        url=call.text("url"),
        revision=branch,
        credentials_id=call.text("credentialsId"),
        local_branch=branch,
    )
    return await _run(session, call.site, _Wanted(command))


async def checkout(session: Session, site: Site) -> dict[str, str]:
    """`checkout scm`; returns the `GIT_*` map."""
    return await _run(session, site, _Wanted(Checkout()))


async def _run(session: Session, site: Site, wanted: _Wanted) -> dict[str, str]:
    if wanted.directory:
        state = site.state
        cwd = inside_workspace(wanted.directory, state.cwd, session.workspace)
        site = site.with_state(msgspec.structs.replace(state, cwd=cwd))
    done: CheckedOut = await session.execute(wanted.command, site)
    variables = _variables(done, wanted.command.local_branch)
    session.checkout = {**session.checkout, **variables}
    return {**variables, **_author(done)}


def _variables(done: CheckedOut, local_branch: str) -> dict[str, str]:
    variables = {"GIT_COMMIT": done.commit, "GIT_URL": done.url}
    if done.branch:
        variables["GIT_BRANCH"] = f"origin/{done.branch}"
    if local_branch:
        variables["GIT_LOCAL_BRANCH"] = local_branch
    return variables


def _author(done: CheckedOut) -> dict[str, str]:
    """For the script only: git would take these variables for the author of later commits."""
    variables = {"GIT_AUTHOR_NAME": done.author_name, "GIT_AUTHOR_EMAIL": done.author_email}
    return {name: value for name, value in variables.items() if value}


SCM: dict[str, Step] = {
    "checkout": step(_checkout, "scm", "poll", "changelog", lenient=True),
    "git": step(_git, "url", "branch", "credentialsId", "changelog", "poll", required=("url",)),
}
