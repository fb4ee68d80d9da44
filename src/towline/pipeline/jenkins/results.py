"""Build results and their order. Pure."""

from __future__ import annotations

from typing import Literal

Result = Literal["SUCCESS", "UNSTABLE", "FAILURE", "NOT_BUILT", "ABORTED"]

ORDER: tuple[Result, ...] = ("SUCCESS", "UNSTABLE", "FAILURE", "NOT_BUILT", "ABORTED")
_RANK: dict[str, int] = {name: rank for rank, name in enumerate(ORDER)}

_STAGE_STATUS = {
    "SUCCESS": "success",
    "UNSTABLE": "unstable",
    "FAILURE": "failure",
    "NOT_BUILT": "skipped",
    "ABORTED": "aborted",
}


def parse_result(text: object) -> Result | None:
    """The result of that name in any case, `FAILED` included, or None."""
    name = str(text).upper()
    name = "FAILURE" if name == "FAILED" else name
    rank = _RANK.get(name)
    return None if rank is None else ORDER[rank]


def worst(first: Result, second: Result) -> Result:
    """The worse of two results."""
    return first if _RANK[first] >= _RANK[second] else second


def is_worse_or_equal(result: Result, than: Result) -> bool:
    """Whether `result` is as bad as `than` or worse."""
    return _RANK[result] >= _RANK[than]


def stage_status(result: Result) -> str:
    """The status word that a stage of this result is shown with."""
    return _STAGE_STATUS[result]
