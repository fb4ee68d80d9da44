"""Steps for the log, the shell, files and time. Pure: all effects are commands."""

from __future__ import annotations

import posixpath
from typing import Any

from towline.pipeline.commands import (
    Archive,
    DeleteDir,
    FileExists,
    ReadFile,
    Sh,
    ShResult,
    Sleep,
    WriteFile,
)
from towline.pipeline.durations import jenkins_seconds
from towline.pipeline.jenkins.arguments import StepCall
from towline.pipeline.jenkins.failures import abort
from towline.pipeline.jenkins.paths import absolute, inside_workspace
from towline.pipeline.jenkins.session import Session
from towline.pipeline.jenkins.steps.table import Step, step
from towline.pipeline.masking import MIN_LENGTH

_MAX_SCRIPT = 256 * 1024


async def _echo(session: Session, call: StepCall) -> None:
    session.log(call.text("message", "null" if "message" in call.values else ""), call.site)


async def _error(session: Session, call: StepCall) -> None:
    raise abort(call.text("message"))


async def _unstable(session: Session, call: StepCall) -> None:
    message = call.text("message")
    session.log(f"WARNING: {message}", call.site)
    session.worsen("UNSTABLE")
    stage = call.site.state.stage or session.flat_stage
    if stage is not None:
        stage.worsen("UNSTABLE", message)


async def _sh(session: Session, call: StepCall) -> Any:
    """Runs a shell script; returns None, its output or its status as asked."""
    script = call.text("script")
    stdout, status = call.flag("returnStdout"), call.flag("returnStatus")
    if stdout and status:
        raise abort("sh: use returnStdout or returnStatus, not both")
    if len(script) > _MAX_SCRIPT or "\0" in script:
        raise abort("sh: the script is too long or holds a NUL character")
    _warn_of_secrets(session, script, call)
    command = Sh(script=script, capture=stdout, label=call.text("label"))
    result: ShResult = await session.execute(command, call.site)
    if status:
        return result.exit_code
    if result.exit_code != 0:
        if stdout and result.stdout:
            session.log(result.stdout.rstrip("\n"), call.site)
        raise abort(f"script returned exit code {result.exit_code}")
    return call.site.interpreter.meter.text(result.stdout) if stdout else None


def _warn_of_secrets(session: Session, script: str, call: StepCall) -> None:
    secrets = call.site.state.secrets
    names = [
        name for name, value in secrets.items() if len(value) >= MIN_LENGTH and value in script
    ]
    if names:
        session.log(
            "Warning: a secret was put into the shell text by Groovy interpolation:"
            f" {', '.join(sorted(names))}. In single quotes the shell reads it from its"
            " environment instead.",
            call.site,
        )


async def _sleep(session: Session, call: StepCall) -> None:
    try:
        seconds = jenkins_seconds(call.number("time"), call.text("unit", "SECONDS"))
    except ValueError as error:
        raise abort(f"sleep: {error}") from error
    await session.execute(Sleep(seconds=max(0.0, seconds)), call.site)


def workspace_path(session: Session, call: StepCall, parameter: str = "file") -> str:
    """A path argument, relative to the present directory as commands expect it."""
    state = call.site.state
    relative = inside_workspace(call.text(parameter), state.cwd, session.workspace)
    return posixpath.relpath(relative, state.cwd)


async def _read_file(session: Session, call: StepCall) -> str:
    text: str = await session.execute(ReadFile(path=workspace_path(session, call)), call.site)
    return call.site.interpreter.meter.text(text)


async def _write_file(session: Session, call: StepCall) -> None:
    command = WriteFile(path=workspace_path(session, call), text=call.text("text"))
    await session.execute(command, call.site)


async def _touch(session: Session, call: StepCall) -> None:
    path = workspace_path(session, call)
    if not await session.execute(FileExists(path=path), call.site):
        await session.execute(WriteFile(path=path, text=""), call.site)


async def _file_exists(session: Session, call: StepCall) -> bool:
    found: bool = await session.execute(FileExists(path=workspace_path(session, call)), call.site)
    return found


async def _delete_dir(session: Session, call: StepCall) -> None:
    await session.execute(DeleteDir(), call.site)


async def _archive(session: Session, call: StepCall) -> None:
    if call.flag("onlyIfSuccessful") and session.current_result != "SUCCESS":
        return
    includes = _globs(call.text("artifacts"))
    command = Archive(includes=includes, excludes=_globs(call.text("excludes")))
    kept: int = await session.execute(command, call.site)
    if not kept and not call.flag("allowEmptyArchive"):
        raise abort(f"No artifacts found that match the file pattern '{', '.join(includes)}'")


async def _junit(session: Session, call: StepCall) -> dict[str, int]:
    """Keeps test reports with the run; the test command's exit status is what decides."""
    includes = _globs(call.text("testResults"))
    kept: int = await session.execute(Archive(includes=includes), call.site)
    if not kept and not call.flag("allowEmptyResults"):
        raise abort("No test report files were found. Configuration error?")
    session.log(f"junit: {kept} report files are kept, not read", call.site)
    return {"totalCount": 0, "failCount": 0, "skipCount": 0, "passCount": 0}


def _globs(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


async def _pwd(session: Session, call: StepCall) -> str:
    if call.flag("tmp"):
        return session.variable("WORKSPACE_TMP", call.site.state) or f"{session.workspace}@tmp"
    return absolute(call.site.state.cwd, session.workspace)


async def _is_unix(session: Session, call: StepCall) -> bool:
    return True


BASIC: dict[str, Step] = {
    "echo": step(_echo, "message"),
    "print": step(_echo, "message", quiet=True),
    "println": step(_echo, "message", quiet=True),
    "error": step(_error, "message"),
    "unstable": step(_unstable, "message", required=("message",)),
    "sh": step(
        _sh,
        "script",
        "label",
        "returnStdout",
        "returnStatus",
        "encoding",
        required=("script",),
    ),
    "sleep": step(_sleep, "time", "unit", required=("time",)),
    "readFile": step(_read_file, "file", "encoding", required=("file",)),
    "writeFile": step(_write_file, "file", "text", "encoding", required=("file", "text")),
    "touch": step(_touch, "file", "timestamp", required=("file",)),
    "fileExists": step(_file_exists, "file", required=("file",)),
    "deleteDir": step(_delete_dir),
    "cleanWs": step(_delete_dir, lenient=True),
    "archiveArtifacts": step(
        _archive,
        "artifacts",
        "excludes",
        "allowEmptyArchive",
        "fingerprint",
        "onlyIfSuccessful",
        "caseSensitive",
        "defaultExcludes",
        "followSymlinks",
        required=("artifacts",),
    ),
    "archive": step(_archive, "artifacts", "excludes", required=("artifacts",)),
    "junit": step(
        _junit, "testResults", "allowEmptyResults", required=("testResults",), lenient=True
    ),
    "pwd": step(_pwd, "tmp"),
    "isUnix": step(_is_unix),
}
