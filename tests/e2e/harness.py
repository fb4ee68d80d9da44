"""Drives a real `towline up` as a user would: CLI, git, kubectl, HTTP. Nothing is faked."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from towline.cli.client import Client
from towline.demo.instance import _family

T = TypeVar("T")

KUBECTL = str(Path(sys.executable).with_name("kubectl"))


def eventually(what: str, check: Callable[[], T | None], seconds: float = 60) -> T:
    """Asks until the answer is neither None nor False; the last complaint is shown on failure."""
    deadline = time.monotonic() + seconds
    complaint = ""
    while True:
        try:
            found = check()
            if found is not None and found is not False:
                return found
        except (AssertionError, OSError, LookupError, ValueError, RuntimeError) as error:
            complaint = f" ({error})"
        if time.monotonic() > deadline:
            raise AssertionError(f"did not happen in {seconds:.0f} s: {what}{complaint}")
        time.sleep(0.05)


class Towline:
    """A data folder and the `towline up` that runs on it."""

    def __init__(self, data: Path, **environment: str) -> None:
        self.data = data
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None

    # --- life ----------------------------------------------------------------------------------

    def up(self, seconds: float = 90) -> None:
        self.data.mkdir(parents=True, exist_ok=True)
        (self.data / "endpoints.json").unlink(missing_ok=True)
        with (self.data / "up.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "towline.cli.main", "up", "--data", str(self.data)],
                env=os.environ | self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

        def ready() -> bool | None:
            assert self._process is not None
            if self._process.poll() is not None:
                raise SystemExit(f"towline up ended:\n{self.log()}")
            return (self.data / "endpoints.json").exists() or None

        eventually("towline up is ready", ready, seconds)

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(90)

    def kill(self) -> None:
        """kill -9 of the whole tree; containers and their monitors are not part of it."""
        assert self._process is not None
        for pid in _family(self._process.pid, str(self.data)):
            if b"conmon" not in _cmdline(pid).partition(b"\0")[0]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self._process.wait(10)

    def log(self, lines: int = 60) -> str:
        path = self.data / "up.log"
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])

    def left_behind(self) -> list[str]:
        """Processes and mounts that still mention the data folder."""
        found = [
            f"process {entry.name}: {_cmdline(int(entry.name))!r}"
            for entry in Path("/proc").iterdir()
            if entry.name.isdigit()
            and int(entry.name) != os.getpid()
            and str(self.data).encode() in _cmdline(int(entry.name))
        ]
        mounts = Path("/proc/self/mounts").read_text().splitlines()
        return found + [f"mount {line}" for line in mounts if str(self.data) in line]

    # --- addresses -----------------------------------------------------------------------------

    @property
    def endpoints(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.data / "endpoints.json").read_text())
        return found

    @property
    def forge(self) -> str:
        return str(self.endpoints["forge"]).rstrip("/")

    @property
    def token(self) -> str:
        return Path(self.endpoints["forge_token_file"]).read_text().strip()

    @property
    def api(self) -> Client:
        return Client(self.data)

    # --- kubectl -------------------------------------------------------------------------------

    def kubectl(self, *arguments: str, stdin: str = "", check: bool = True) -> str:
        done = subprocess.run(
            [KUBECTL, "--kubeconfig", self.endpoints["kubeconfig"], *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if check and done.returncode:
            raise RuntimeError(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def objects(self, *arguments: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = json.loads(self.kubectl("get", *arguments, "-o", "json"))[
            "items"
        ]
        return items

    def basic_auth(self, name: str, username: str, password: str) -> None:
        manifest = self.kubectl(
            "-n", "argocd", "create", "secret", "generic", name,
            "--type", "kubernetes.io/basic-auth",
            f"--from-literal=username={username}", f"--from-literal=password={password}",
            "--dry-run=client", "-o", "json",
        )  # fmt: skip
        self.kubectl("apply", "-f", "-", stdin=manifest)

    def page(self, service: str) -> str:
        """The body that the LoadBalancer of a Service answers."""
        found = json.loads(self.kubectl("get", "service", service, "-o", "json"))
        address = found["status"]["loadBalancer"]["ingress"][0]["ip"]
        url = f"http://{address}:{found['spec']['ports'][0]['port']}/"
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return str(answer.read().decode())
        except urllib.error.URLError as error:
            raise OSError(str(error)) from error


class Work:
    """A work tree with a remote on the local forge."""

    def __init__(self, towline: Towline, folder: Path, name: str) -> None:
        self.folder = folder
        self.remote = f"{towline.forge}/{name}.git"
        self._token = towline.token
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
        self.git("init", "-q", "-b", "main")
        self.git("remote", "add", "origin", self.remote)

    def write(self, **files: str) -> None:
        for name, text in files.items():
            (self.folder / name.replace("__", ".")).write_text(text)

    def commit(self, message: str) -> str:
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD").strip()

    def push(self) -> None:
        self.git("push", "-q", "origin", "main")

    def pull(self) -> None:
        self.git("fetch", "-q", "origin")
        self.git("reset", "-q", "--hard", "origin/main")

    def git(self, *arguments: str) -> str:
        basic = base64.b64encode(f"admin:{self._token}".encode()).decode()
        origin = self.remote.split("/", 3)
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"http.{origin[0]}//{origin[2]}/.extraHeader",
            "GIT_CONFIG_VALUE_0": f"Authorization: Basic {basic}",
        }
        for role in ("AUTHOR", "COMMITTER"):
            environment[f"GIT_{role}_NAME"] = "Dana"
            environment[f"GIT_{role}_EMAIL"] = "dana@example.com"
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"git {arguments[0]}: {done.stderr}")
        return done.stdout


def _cmdline(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


@contextlib.contextmanager
def running(data: Path, **environment: str) -> Iterator[Towline]:
    """A running instance; afterwards nothing of it may be left."""
    towline = Towline(data, **environment)
    try:
        towline.up()
        yield towline
    finally:
        towline.stop()
    if left := towline.left_behind():
        raise AssertionError("left behind:\n" + "\n".join(left))
