"""The CLI's client says what is wrong and what to do."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from towline.cli.client import Client
from towline.errors import DeniedError, NotFoundError, SettingsError, TransientError


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        good = body == {"username": "admin", "password": "secret"}
        self._answer(200 if good else 401, {"token": "t"} if good else {"error": "wrong"})

    def do_GET(self) -> None:
        if self.headers.get("Authorization") != "Bearer t":
            self._answer(401, {"error": "not logged in"})
        elif self.path == "/api/v1/runs?pipeline=a&limit=3":
            self._answer(200, {"items": []})
        else:
            self._answer(404, {"error": "there is no such thing"})

    def _answer(self, status: int, body: object) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    (tmp_path / "password").write_text("secret\n")
    endpoints = {
        "api": f"http://127.0.0.1:{server.server_port}/api/v1",
        "admin": {"user": "admin", "password_file": str(tmp_path / "password")},
    }
    (tmp_path / "endpoints.json").write_text(json.dumps(endpoints))
    yield tmp_path
    server.shutdown()
    server.server_close()
    thread.join()


def test_logs_in_once_and_leaves_empty_parameters_out(data: Path) -> None:
    client = Client(data)
    assert client.get("/runs", pipeline="a", limit=3, other="") == {"items": []}


def test_errors_of_the_server_keep_their_meaning(data: Path) -> None:
    with pytest.raises(NotFoundError, match="no such thing"):
        Client(data).get("/nothing")
    (data / "password").write_text("old")
    with pytest.raises(DeniedError, match="wrong"):
        Client(data).get("/runs")


def test_nothing_started_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="towline up"):
        Client(tmp_path)


def test_started_but_gone(data: Path) -> None:
    endpoints = json.loads((data / "endpoints.json").read_text())
    endpoints["api"] = "http://127.0.0.1:1/api/v1"
    (data / "endpoints.json").write_text(json.dumps(endpoints))
    with pytest.raises(TransientError, match="does not answer"):
        Client(data).get("/runs")


def test_a_password_file_that_may_not_be_read(data: Path) -> None:
    (data / "password").unlink()
    with pytest.raises(DeniedError, match="cannot read"):
        Client(data).get("/runs")
