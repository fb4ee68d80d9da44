"""`python -m towline.demo`: starts Towline, plays the story, reports, stops."""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import signal
import sys
import time
from pathlib import Path

from towline.app.purge import purge
from towline.demo.api import TowlineApi
from towline.demo.instance import Instance
from towline.demo.report import Report
from towline.demo.story import Story
from towline.errors import TowlineError
from towline.kubeclient.client import KubeClient
from towline.kubeclient.kubeconfig import load_kubeconfig


def say(line: str = "") -> None:
    """Prints a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """Parses the command line and runs; returns the exit status."""
    parser = argparse.ArgumentParser(prog="towline demo", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(".towline/demo"))
    parser.add_argument("--examples", type=Path, default=Path("examples"))
    parser.add_argument("--report", type=Path, help="write the report as JSON to this file")
    parser.add_argument("--keep-data", action="store_true", help="start from what is there")
    arguments = parser.parse_args()
    report = Report(setup_seconds=_setup_seconds())
    try:
        if arguments.data.exists() and not arguments.keep_data:
            # An earlier demo may have been killed: its containers and mounts go first.
            purge(arguments.data.absolute())
        asyncio.run(_run(arguments, report))
    except KeyboardInterrupt:
        report.error = report.error or "interrupted"
    except TowlineError as error:
        report.error = str(error)
    for problem in _conclude(arguments, report):
        say(f"demo: problem: {problem}")
    return 0 if report.ok else 1


def _conclude(arguments: argparse.Namespace, report: Report) -> list[str]:
    """Judges, and writes the report where it is wanted; returns what is wrong."""
    problems = report.judge()
    report.ok = not problems
    if arguments.report:
        arguments.report.write_bytes(report.json() + b"\n")
    return problems


async def _run(arguments: argparse.Namespace, report: Report) -> None:
    data = arguments.data.absolute()
    instance = Instance(data)
    say(f"starting towline up --data {data}")
    began = time.monotonic()
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    try:
        await instance.start()
        say(f"  ready after {time.monotonic() - began:.1f} s")
        async with asyncio.TaskGroup() as group:
            playing = group.create_task(_play(instance, arguments.examples.absolute(), report))
            interrupt = group.create_task(_cancel_on(stopped, playing))
            await asyncio.wait([playing])
            interrupt.cancel()
        if playing.cancelled():
            report.error = "interrupted"
        elif not report.error and sys.stdout.isatty() and not os.environ.get("CI"):
            _conclude(arguments, report)
            say("\nTowline stays up: press Ctrl-C to stop it and everything it started.")
            await stopped.wait()
    except TowlineError as error:
        report.error = str(error)
    finally:
        say("stopping")
        await instance.stop()


async def _cancel_on(stopped: asyncio.Event, task: asyncio.Task[None]) -> None:
    await stopped.wait()
    task.cancel()


async def _play(instance: Instance, examples: Path, report: Report) -> None:
    endpoints = instance.endpoints
    user = endpoints["admin"]["user"]
    access = load_kubeconfig(Path(endpoints["kubeconfig"]))
    try:
        async with (
            KubeClient(access, user_agent="towline-demo") as client,
            TowlineApi(endpoints["api"], user, instance.secret("admin")) as api,
        ):
            story = Story(
                instance, client, api, examples=examples, say=say, kubectl=_kubectl_path()
            )
            await story.play(report)
    except TowlineError as error:
        report.error = str(error)
        say(f"demo: {error}")
        say(instance.log_tail())
        return
    say(f"\n{report.table()}\n")
    memory = ", ".join(f"{name} {value:.0f}" for name, value in report.memory_mb.items())
    say(f"memory (MB): {memory}")
    say(f"page:        {story.page}")
    say(f"Towline:     {endpoints['ui']}")
    say(f"log in:      user {user}, password in {endpoints['admin']['password_file']}")
    say(f"kubectl:     kubectl --kubeconfig {endpoints['kubeconfig']} get pods")


def _kubectl_path() -> str:
    beside = Path(sys.executable).with_name("kubectl")
    found = str(beside) if beside.exists() else shutil.which("kubectl")
    if found is None:
        raise TowlineError(
            "kubectl was not found", hint="`make setup` brings one; the comparison needs it"
        )
    return found


def _setup_seconds() -> float:
    started = os.environ.get("TOWLINE_SETUP_STARTED")
    return round(time.time() - float(started), 1) if started else 0.0


if __name__ == "__main__":
    sys.exit(main())
