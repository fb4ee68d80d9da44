import datetime as dt
import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towline.aio.clock import SystemClock
from towline.drydock.node.logs import NodeLogs, Wanted, render, tail_offset
from towline.drydock.node.model import ContainerSeen
from towline.drydock.node.pod_folder import PodFolder
from towline.kube.status import ApiError

ALL = Wanted(follow=False, tail_lines=None, since=None, timestamps=False, limit_bytes=None)
LINE = b"2026-01-01T12:00:00.123456789+00:00 stdout F hello world"


@pytest.mark.parametrize(
    ("line", "wanted", "expected"),
    [
        (LINE, ALL, b"hello world\n"),
        (LINE.replace(b" F ", b" P "), ALL, b"hello world"),
        (
            LINE,
            ALL._replace(timestamps=True),
            b"2026-01-01T12:00:00.123456789Z hello world\n",
        ),
        (LINE, ALL._replace(since=dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)), b"hello world\n"),
        (LINE, ALL._replace(since=dt.datetime(2026, 1, 1, 13, tzinfo=dt.UTC)), b""),
        (b"2026-01-01T12:00:00+00:00 stdout F ", ALL, b"\n"),
        (b"junk", ALL, b""),
        (b"not-a-time stdout F x", ALL._replace(since=dt.datetime.now(dt.UTC)), b""),
    ],
)
def test_lines_are_shown_as_wanted(line: bytes, wanted: Wanted, expected: bytes) -> None:
    assert render(line, wanted) == expected


@given(st.lists(st.binary(max_size=8).filter(lambda b: b"\n" not in b)), st.integers(0, 12))
def test_the_tail_is_the_last_lines(lines: list[bytes], count: int) -> None:
    content = b"".join(line + b"\n" for line in lines)
    stream = io.BytesIO(content)
    stream.seek(tail_offset(stream, count))
    expected = lines[-count:] if count else []
    assert stream.read() == b"".join(line + b"\n" for line in expected)


class _Pods:
    """A cluster that knows one pod."""

    def __init__(self, pod: dict[str, Any] | None) -> None:
        self._pod = pod

    def get(self, *_: Any) -> dict[str, Any] | None:
        return self._pod


class _Book:
    def __init__(self, *seen: ContainerSeen) -> None:
        self.seen = list(seen)

    def of_pod(self, _: str) -> list[ContainerSeen]:
        return self.seen

    def get(self, container: str) -> ContainerSeen | None:
        return next((seen for seen in self.seen if seen.id == container), None)


def _seen(attempt: int, state: str) -> ContainerSeen:
    return ContainerSeen(
        id=f"c{attempt}",
        pod_uid="u",
        namespace="ns",
        pod="p",
        name="a",
        attempt=attempt,
        state=state,
    )


def _pod(*names: str, state: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "metadata": {"name": "p", "namespace": "ns", "uid": "u"},
        "spec": {"containers": [{"name": name} for name in names or ("a",)]},
        "status": {"containerStatuses": [{"name": "a", "state": state or {}}]},
    }


def _logs(tmp_path: Path, pod: dict[str, Any] | None, *seen: ContainerSeen) -> NodeLogs:
    book: Any = _Book(*seen)
    cluster: Any = _Pods(pod)
    for entry in seen:
        file = PodFolder(tmp_path, "u").log("a", entry.attempt)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"".join(LINE + b" %d\n" % n for n in range(3)) + b"cut sh")
    return NodeLogs(cluster, tmp_path, book, SystemClock())


async def _text(logs: NodeLogs, **options: Any) -> bytes:
    return b"".join([chunk async for chunk in logs.stream("ns", "p", "a", **options)])


@pytest.mark.asyncio
async def test_output_is_read_up_to_the_last_whole_line(tmp_path: Path) -> None:
    logs = _logs(tmp_path, _pod(), _seen(0, "running"))
    assert await _text(logs) == b"hello world 0\nhello world 1\nhello world 2\n"
    assert await _text(logs, limit_bytes=5) == b"hello"


@pytest.mark.asyncio
async def test_the_attempt_before_is_previous(tmp_path: Path) -> None:
    logs = _logs(tmp_path, _pod(), _seen(0, "exited"), _seen(1, "running"))
    PodFolder(tmp_path, "u").log("a", 0).write_bytes(LINE.replace(b"hello", b"older") + b"\n")
    assert await _text(logs, previous=True) == b"older world\n"


@pytest.mark.asyncio
async def test_in_back_off_the_last_attempt_is_previous_too(tmp_path: Path) -> None:
    waiting = _pod(state={"waiting": {"reason": "CrashLoopBackOff"}})
    logs = _logs(tmp_path, waiting, _seen(0, "exited"))
    assert await _text(logs, previous=True) == await _text(logs)


@pytest.mark.asyncio
async def test_following_ends_with_the_container(tmp_path: Path) -> None:
    book = _Book(_seen(0, "running"))
    logs = _logs(tmp_path, _pod(), *book.seen)
    logs._book = book  # type: ignore[assignment]
    stream = logs.stream("ns", "p", "a", follow=True)
    first = await anext(stream)
    with PodFolder(tmp_path, "u").log("a", 0).open("ab") as file:
        file.write(b"\n" + LINE + b" more\n")
    book.seen = [_seen(0, "exited")]
    rest = b"".join([chunk async for chunk in stream])
    assert first.endswith(b"world 2\n")
    assert rest == b"hello world more\n"


@pytest.mark.parametrize(
    ("pod", "seen", "container", "options", "code", "message"),
    [
        (None, [], "a", {}, 404, 'pods "p" not found'),
        (
            _pod("a", "b"),
            [],
            "",
            {},
            400,
            "a container name must be specified for pod p, choose one of: [a b]",
        ),
        (_pod(), [], "z", {}, 400, "container z is not valid for pod p"),
        (
            _pod(),
            [],
            "a",
            {},
            400,
            'container "a" in pod "p" is waiting to start: ContainerCreating',
        ),
        (
            _pod(state={"waiting": {"reason": "ImagePullBackOff"}}),
            [],
            "a",
            {},
            400,
            'container "a" in pod "p" is waiting to start: trying and failing to pull image',
        ),
        (
            _pod(),
            [_seen(0, "running")],
            "a",
            {"previous": True},
            400,
            'previous terminated container "a" in pod "p" not found',
        ),
    ],
)
def test_refusals_have_the_kubelets_texts(
    tmp_path: Path,
    pod: dict[str, Any] | None,
    seen: list[ContainerSeen],
    container: str,
    options: dict[str, Any],
    code: int,
    message: str,
) -> None:
    logs = _logs(tmp_path, pod, *seen)
    with pytest.raises(ApiError) as caught:
        logs.stream("ns", "p", container, **options)
    assert (caught.value.code, caught.value.message) == (code, message)
