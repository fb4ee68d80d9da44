"""The log of one run: masked, in order, bounded."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable

from towline.pipeline.masking import Masker
from towline.store.logs import Logs


class RunLog:
    """Appends to a run's log; every secret that the run has opened is masked from then on.

    Args:
        logs: The store's logs.
        run: Id of the run.
    """

    def __init__(self, logs: Logs, run: str) -> None:
        self._logs = logs
        self._run = run
        self._secrets: set[str] = set()
        self._masker = Masker()

    def add_secrets(self, secrets: Iterable[str]) -> None:
        """Masks these from now on."""
        self._secrets.update(filter(None, secrets))
        self._masker.add(self._secrets)

    def mask(self, text: str) -> str:
        """The text without secrets."""
        return self._masker.mask(text)

    def line(self, text: str) -> None:
        """Appends whole lines."""
        masked = self.mask(text)
        self._append(masked if masked.endswith("\n") else f"{masked}\n")

    def stream(self) -> LogStream:
        """A place for the output of one process."""
        return LogStream(self._append, Masker(self._secrets))

    def _append(self, text: str) -> None:
        if text:
            self._logs.append(self._run, text.encode("utf-8", "replace"))


class LogStream:
    """Takes bytes as they come, decodes and masks them line by line. Close it at the end."""

    def __init__(self, append: Callable[[str], None], masker: Masker) -> None:
        self._append = append
        self._masker = masker
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode

    def take(self, chunk: bytes) -> None:
        """The next bytes."""
        self._append(self._masker.feed(self._decode(chunk)))

    def close(self) -> None:
        """Writes what is held back, with a line end."""
        rest = self._masker.feed(self._decode(b"", final=True)) + self._masker.flush()
        if rest:
            self._append(rest if rest.endswith("\n") else f"{rest}\n")
