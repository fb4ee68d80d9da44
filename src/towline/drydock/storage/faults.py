"""What a failed write means: try again later, or never write to this file again.

The classes follow SQLite's result codes. A full disk undoes the transaction and leaves the file
whole. After a failed flush nobody knows what reached the disk, and the kernel reports it once
only: a later flush that succeeds proves nothing about the pages of the failed one.
"""

from __future__ import annotations

import sqlite3
from enum import Enum

from towline.kube.status import ApiError

_PRIMARY = 0xFF
# No promise depends on these: the shared index, memory, the size of a file whose content is safe.
_HARMLESS = {
    sqlite3.SQLITE_IOERR_SHMSIZE,
    sqlite3.SQLITE_IOERR_NOMEM,
    sqlite3.SQLITE_IOERR_TRUNCATE,
}
_LASTING = {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_FULL = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE}


class Fault(Enum):
    """How bad a failed write is."""

    FULL = "no space left for the cluster's state"
    PASSING = "the cluster's state could not be written"
    BROKEN = "an I/O error or damage in the cluster's state"


def fault_of(error: BaseException) -> Fault:
    """Classifies an error of the journal."""
    code = getattr(error, "sqlite_errorcode", 0)
    if code in _FULL or code & _PRIMARY == sqlite3.SQLITE_FULL:
        return Fault.FULL
    if code & _PRIMARY in _LASTING and code not in _HARMLESS:
        return Fault.BROKEN
    return Fault.PASSING


def refusal(error: BaseException) -> ApiError:
    """The answer to a write that failed."""
    fault = fault_of(error)
    outcome = "it is not known whether the write was stored"
    if fault is not Fault.BROKEN:
        outcome = "the write was not stored"
    text = f"Internal error occurred: {fault.value}: {outcome}: {error}"
    return ApiError(text, reason="InternalError")


def read_only(cause: str) -> ApiError:
    """The answer to every write after one that broke the journal."""
    return ApiError(
        f"the cluster's state takes no writes since an I/O error ({cause}): check the disk, then"
        " restart the cluster",
        reason="ServiceUnavailable",
    )
