from __future__ import annotations

from pathlib import Path

import pytest

from towline.aio.broadcast import Broadcast
from towline.controllers.run.log import RunLog
from towline.controllers.run.parameters import complete, secret_values, typed
from towline.errors import InputError
from towline.pipeline.model import Parameter, PipelineSpec, Source
from towline.store.logs import Logs

SPEC = PipelineSpec(
    name="p",
    source=Source(repo_url="https://example.com/a.git"),
    parameters=(
        Parameter(name="TAG", default="latest"),
        Parameter(name="DRY", type="boolean", default=True),
        Parameter(name="WHERE", type="choice", choices=("dev", "prod")),
        Parameter(name="KEY", type="password"),
    ),
)


def test_defaults_are_filled_in_and_unknown_names_told() -> None:
    values, unknown = complete(SPEC, {"TAG": "7", "OTHER": "x"})
    assert values == {"TAG": "7", "DRY": "true", "WHERE": "dev", "KEY": ""}
    assert unknown == ("OTHER",)


@pytest.mark.parametrize("given", [{"WHERE": "mars"}, {"DRY": "maybe"}])
def test_values_are_checked(given: dict[str, str]) -> None:
    with pytest.raises(InputError, match=f"parameters.{next(iter(given))}"):
        complete(SPEC, given)


def test_booleans_are_typed_and_passwords_known() -> None:
    assert typed(SPEC, {"DRY": "false", "TAG": "true"}) == {"DRY": False, "TAG": "true"}
    assert secret_values(SPEC, {"KEY": "canary", "TAG": "x"}) == {"canary"}


@pytest.fixture
def log(tmp_path: Path) -> RunLog:
    return RunLog(Logs(tmp_path, Broadcast()), "run")


def text(tmp_path: Path) -> str:
    return (tmp_path / "run.log").read_text()


def test_s27_lines_and_streams_are_masked(log: RunLog, tmp_path: Path) -> None:
    log.add_secrets({"canary-4711"})
    log.line("password is canary-4711")
    stream = log.stream()
    for chunk in (b"+ git push https://u:can", b"ary-4711@h\n", b"rest \xf0\x9f", b"\x90\xb1"):
        stream.take(chunk)
    stream.close()
    assert text(tmp_path) == "password is ****\n+ git push https://u:****@h\nrest \U0001f431\n"


def test_bytes_that_are_no_text_do_not_stop_the_log(log: RunLog, tmp_path: Path) -> None:
    stream = log.stream()
    stream.take(b"\xff\xfe\x00 ok\n")
    stream.close()
    assert "ok" in text(tmp_path)
