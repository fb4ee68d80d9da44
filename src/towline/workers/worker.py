"""The worker: reads jobs from its standard input, renders, answers on its standard output.

It has no network (a namespace of its own where the kernel allows it) and the memory that its
starter gave it. A render's own limits are checked as it goes; what they miss, the starter kills.
"""

from __future__ import annotations

import ctypes
import logging
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import orjson

from towline.errors import LimitError, TowlineError, TransientError
from towline.render.gotemplate.engine import SHARED_UNITS
from towline.render.inputs import FileTree, Inputs
from towline.render.source import BUILT_IN, Renderer, render_source
from towline.workers.messages import (
    JOBS,
    TEMPLATES,
    Answer,
    Failed,
    Frames,
    Job,
    Rendered,
    failure,
    frame,
)
from towline.workers.templates import open_templates
from towline.workers.trees import Trees

_log = logging.getLogger("towline.workers")
_CHUNK: Final = 1 << 20
_CLONE_NEWNET: Final = 0x40000000
_CLONE_NEWUSER: Final = 0x10000000
_OUT_OF_MEMORY: Final = "rendering needs more memory than a worker may have"


def main() -> None:
    """Works until its standard input ends."""
    logging.basicConfig(level="INFO", format="%(levelname)s %(name)s %(message)s")
    answers = os.dup(1)
    os.dup2(2, 1)  # whatever is printed by mistake must not get between the answers
    leave_network()
    if folder := os.environ.get(TEMPLATES):
        SHARED_UNITS.keep_in(open_templates(Path(folder)))
    frames, trees = Frames(), Trees()
    while chunk := os.read(0, _CHUNK):
        for body in frames.feed(chunk):
            reply = answer(JOBS.decode(body), trees, BUILT_IN)
            _send(answers, reply)
            keep_templates(reply)


def answer(job: Job, trees: Trees, renderers: Mapping[str, Renderer]) -> Answer:
    """Renders, and says how it went."""
    damaged: list[str] = []
    try:
        inputs = Inputs(
            tree=_open(trees, job, "", damaged),
            refs={name: _open(trees, job, name, damaged) for name in job.refs},
            foreign={wanted: trees.open(address) for wanted, address in job.foreign},
            age_keys=job.age_keys,
        )
        result = render_source(inputs, job.request, renderers)
        manifests = tuple(
            (item.file, item.line, orjson.dumps(item.object)) for item in result.manifests
        )
    except TowlineError as error:
        return failure(job.number, error, tuple(damaged))
    except MemoryError:
        return failure(job.number, LimitError(_OUT_OF_MEMORY))
    except RecursionError:
        return failure(job.number, LimitError("the source is nested too deeply"))
    except Exception as error:  # noqa: BLE001  # a job must not take the worker down
        _log.exception("render failed app=%s", job.request.app_name)
        text = f"rendering failed unexpectedly: {type(error).__name__}: {error}"
        return Failed(number=job.number, kind="other", message=text)
    return Rendered(job.number, result.source_type, result.read, manifests, result.decrypted)


def keep_templates(reply: Answer) -> None:
    """Stores what was compiled for a render; nothing of one that read encrypted files."""
    if isinstance(reply, Rendered) and not reply.decrypted:
        SHARED_UNITS.save()
    else:
        SHARED_UNITS.skip()


def leave_network() -> bool:
    """Moves this process to an empty network namespace; false where the kernel refuses."""
    libc = ctypes.CDLL(None, use_errno=True)
    for flags in (_CLONE_NEWNET, _CLONE_NEWUSER | _CLONE_NEWNET):
        if libc.unshare(flags) == 0:
            return True
    reason = os.strerror(ctypes.get_errno())
    _log.warning("a worker keeps the network: no namespace of its own error=%s", reason)
    return False


def _open(trees: Trees, job: Job, name: str, damaged: list[str]) -> FileTree:
    address = job.refs[name] if name else job.tree
    label = f"${name}" if name else ""
    try:
        return trees.open(address, lambda: damaged.append(label))
    except TransientError:
        damaged.append(label)
        raise


def _send(descriptor: int, message: Answer) -> None:
    try:
        data = memoryview(frame(message))
    except LimitError as error:
        data = memoryview(frame(failure(message.number, error)))
    while data:
        data = data[os.write(descriptor, data) :]


if __name__ == "__main__":
    main()
    sys.exit(0)
