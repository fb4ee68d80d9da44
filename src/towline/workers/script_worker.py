"""The script worker: reads jobs from its standard input, runs scripts, answers.

The sandbox counts instructions, but one call into the pattern library may take minutes and counts
as one. So the kernel watches the processor time too, and ends the whole worker.
"""

from __future__ import annotations

import datetime as dt
import os
import signal
import sys
from typing import Final

import orjson

from towline.errors import TowlineError
from towline.gitops.lua.actions import available_actions, run_action
from towline.gitops.lua.health import script_health
from towline.gitops.lua.script import ScriptLimitError
from towline.workers.messages import Frames
from towline.workers.script_messages import (
    JOBS,
    Changed,
    Judged,
    Offered,
    ScriptAnswer,
    ScriptFailed,
    ScriptJob,
    framed,
)

_CHUNK: Final = 1 << 20


def main() -> None:
    """Works until its standard input ends."""
    answers = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    frames = Frames()
    while chunk := os.read(0, _CHUNK):
        for body in frames.feed(chunk):
            data = memoryview(framed(answer(JOBS.decode(body))))
            while data:
                data = data[os.write(answers, data) :]


def answer(job: ScriptJob) -> ScriptAnswer:
    """Runs a script, and says how it went."""
    signal.setitimer(signal.ITIMER_PROF, job.cpu_seconds)
    try:
        return _answer(job)
    except ScriptLimitError as error:
        return ScriptFailed(str(error), limit=True)
    except MemoryError:
        return ScriptFailed(f"{job.script.name}: the script needs too much memory", limit=True)
    except TowlineError as error:
        return ScriptFailed(str(error))
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _answer(job: ScriptJob) -> ScriptAnswer:
    obj = orjson.loads(job.document)
    now = dt.datetime.fromtimestamp(job.now, dt.UTC)
    if job.task == "health":
        return Judged(script_health(job.script, obj, now))
    if job.task == "discovery":
        return Offered(tuple(available_actions(job.script, obj, now)))
    return Changed(tuple(run_action(job.script, obj, now, job.params)))


if __name__ == "__main__":
    main()
    sys.exit(0)
