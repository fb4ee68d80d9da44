"""A strict HTTP/1.1 server protocol: what two readers could read differently is refused.

On top of the parser's own strictness it bounds the head of a request in size, number of fields and
time, and refuses ambiguous framing (RFC 9112, sections 3.2 and 6.3).
"""

from __future__ import annotations

import asyncio
from typing import cast

import httptools
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

_BAD = 400
_LATE = 408
_LONG_URL = 414
_FLOOD = 431


class StrictHttp(HttpToolsProtocol):
    """One connection.

    Attributes:
        max_head: Bytes of a request line with all header fields.
        max_url: Bytes of a request target.
        max_fields: Number of header fields.
        head_seconds: From a connection's start, or a later request's first byte, to the end of the
            head.
    """

    max_head = 256 * 1024
    max_url = 128 * 1024
    max_fields = 128
    head_seconds = 30.0

    _begun = False
    _ended = False
    _head_bytes = 0
    _refusal = _BAD
    _head_timer: asyncio.TimerHandle | None = None

    # The connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The time for the first head begins."""
        super().connection_made(transport)
        self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing more is awaited."""
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parses; a head that goes on counts against its limits."""
        goes_on, self._ended = self._begun, False
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._begun and goes_on:
            self._head_bytes += len(data)
        if self._head_bytes > self.max_head:
            self._refusal = _FLOOD
            self.send_400_response("The head of the request is too large.")
        elif self._head_timer is None and self._awaits_head():
            self._start_timer()

    def _awaits_head(self) -> bool:
        """Whether a head is being sent, or what came is no part of a request."""
        cycle = self._current()
        idle = cycle is None or not cycle.more_body
        return self._begun or (idle and not self._ended)

    def handle_websocket_upgrade(self) -> None:
        """Another protocol takes over."""
        self._stop_timer()
        super().handle_websocket_upgrade()

    # The parser's events

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._begun, self._head_bytes = True, 0

    def on_headers_complete(self) -> None:
        """The head is complete: its fields must mean one thing only."""
        self._begun, self._head_bytes = False, 0
        self._stop_timer()
        self._check_head()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The next head may come."""
        super().on_message_complete()
        self._ended = True

    def _check_head(self) -> None:
        if len(self.url) > self.max_url:
            self._refuse(_LONG_URL, "the request target is too long")
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if len(self.headers) > self.max_fields or size > self.max_head:
            self._refuse(_FLOOD, "too many or too long header fields")
        version = self.parser.get_http_version()
        if version not in ("1.0", "1.1"):
            self._refuse(_BAD, "unknown version")
        names = [name for name, _ in self.headers]
        hosts = names.count(b"host")
        if hosts > 1 or (hosts == 0 and version == "1.1"):
            self._refuse(_BAD, "there must be one Host")
        self._check_framing(names, version)

    def _check_framing(self, names: list[bytes], version: str) -> None:
        """How long the body is must be said once and clearly."""
        lengths, codings = names.count(b"content-length"), names.count(b"transfer-encoding")
        if lengths > 1 or codings > 1 or (lengths and codings):
            self._refuse(_BAD, "the length of the body is said more than once")
        if codings:
            coding = next(value for name, value in self.headers if name == b"transfer-encoding")
            if version == "1.0" or coding.strip().lower() != b"chunked":
                self._refuse(_BAD, "unknown transfer encoding")
        elif lengths:
            length = next(value for name, value in self.headers if name == b"content-length")
            if not length.isdigit():
                self._refuse(_BAD, "the length of the body is no number")

    def _refuse(self, status: int, why: str) -> None:
        self._refusal = status
        raise httptools.HttpParserError(why)

    # Refusals

    def send_400_response(self, msg: str) -> None:
        """Answers with what is wrong and closes; an answer in progress is cut off instead."""
        self._stop_timer()
        if self.transport.is_closing():
            return
        if self._may_answer():
            self.transport.write(
                b"%scontent-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\n"
                b"connection: close\r\n\r\n%s"
                % (STATUS_LINE[self._refusal], len(msg), msg.encode("ascii"))
            )
        self.transport.close()

    def _may_answer(self) -> bool:
        """Whether no answer to an earlier request is due or begun."""
        cycle = self._current()
        if cycle is None or cycle.response_complete:
            return True
        own = cycle.more_body and not cycle.response_started and not self.pipeline
        # The application still works on the request whose body broke off: it is not heard any more.
        cycle.disconnected = cycle.disconnected or own
        return own

    def _current(self) -> RequestResponseCycle | None:
        # It is declared without the None that it starts with.
        return cast("RequestResponseCycle | None", self.cycle)

    def _start_timer(self) -> None:
        self._head_timer = self.loop.call_later(self.head_seconds, self._late)

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _late(self) -> None:
        self._head_timer = None
        if self._begun:
            self._refusal = _LATE
            self.send_400_response("The head of the request took too long.")
        else:
            self.transport.close()
