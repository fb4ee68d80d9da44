"""The CLI's HTTP client: standard library only, so that short commands start fast."""

from __future__ import annotations

import http.client
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from towline.errors import DeniedError, NotFoundError, SettingsError, TowlineError, TransientError


class Client:
    """Talks to the running instance whose data folder is given.

    Args:
        data: Data folder of `towline up`.
    """

    def __init__(self, data: Path) -> None:
        self._data = data
        self.endpoints = read_endpoints(data)
        self._url = urlsplit(str(self.endpoints["api"]))
        self._token = ""

    def get(self, path: str, **query: str | int) -> Any:
        """GET, JSON back."""
        text = urlencode({key: value for key, value in query.items() if value != ""})
        return json.loads(self._call("GET", f"{path}?{text}" if text else path)[0])

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """POST, JSON back."""
        return json.loads(self._call("POST", path, body)[0])

    def delete(self, path: str) -> None:
        """DELETE."""
        self._call("DELETE", path)

    def text(self, path: str, **query: str | int) -> tuple[str, str]:
        """GET of a log: text and the offset to go on from."""
        body, headers = self._call("GET", f"{path}?{urlencode(query)}")
        return body.decode(errors="replace"), headers.get("X-Next-Offset", "0")

    def _call(
        self, method: str, path: str, body: dict[str, Any] | None = None
    ) -> tuple[bytes, http.client.HTTPMessage]:
        if not self._token:
            self._token = self._log_in()
        return self._request(method, path, body)

    def _log_in(self) -> str:
        admin = self.endpoints["admin"]
        try:
            password = Path(admin["password_file"]).read_text().strip()
        except OSError as error:
            raise DeniedError(
                f"cannot read {admin['password_file']}: {error.strerror}",
                hint="run as the user that runs towline up",
            ) from error
        answer, _ = self._request(
            "POST", "/session", {"username": admin["user"], "password": password}
        )
        return str(json.loads(answer)["token"])

    def _request(
        self, method: str, path: str, body: dict[str, Any] | None
    ) -> tuple[bytes, http.client.HTTPMessage]:
        connection = http.client.HTTPConnection(
            self._url.hostname or "127.0.0.1", self._url.port, timeout=30
        )
        headers = {"Accept": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        data = None
        if body is not None:
            data = json.dumps(body)
            headers["Content-Type"] = "application/json"
        try:
            connection.request(method, self._url.path + path, body=data, headers=headers)
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise TransientError(
                f"towline does not answer at {self._url.geturl()}: {error}",
                hint=f"start it: towline up --data {self._data}",
            ) from error
        finally:
            connection.close()
        if answer.status >= 400:
            raise _error(answer.status, content)
        return content, answer.headers


def read_endpoints(data: Path) -> dict[str, Any]:
    """Reads `endpoints.json` of a data folder.

    Raises:
        SettingsError: When nothing has been started there.
    """
    path = data / "endpoints.json"
    try:
        found: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise SettingsError(
            f"there is no running towline with data folder {data}",
            hint="start one with `towline up`, or name the folder with --data",
        ) from error
    return found


def _error(status: int, content: bytes) -> TowlineError:
    try:
        text = str(json.loads(content)["error"])
    except (ValueError, KeyError, TypeError):
        text = f"HTTP {status}"
    if status == 404:
        return NotFoundError(text)
    return DeniedError(text) if status in {401, 403} else TowlineError(text)
