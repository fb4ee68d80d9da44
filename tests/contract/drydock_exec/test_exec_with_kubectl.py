"""exec, attach and cp of a real kubectl, in real containers."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest


def test_output_errors_and_exit_codes_come_back(machine: Any) -> None:
    assert machine("exec", "box", "--", "echo", "hello") == "hello\n"
    done = machine.run("exec", "box", "--", "sh", "-c", "echo out; echo err >&2; exit 7")
    assert (done.returncode, done.stdout) == (7, b"out\n")
    assert done.stderr == b"err\ncommand terminated with exit code 7\n"


def test_a_command_that_is_not_there_is_named(machine: Any) -> None:
    done = machine.run("exec", "box", "--", "nope")
    assert done.returncode == 1
    assert done.stdout == b""
    said = done.stderr.decode()
    assert said.startswith("error: Internal error occurred: error executing command in container:")
    assert 'exec: "nope": executable file not found in $PATH' in said


def test_words_reach_the_command_as_they_are(machine: Any) -> None:
    said = machine("exec", "box", "--", "sh", "-c", 'printf "%s|" "$@"', "-", "--tty", "a b", "ü&=")
    assert said == "--tty|a b|ü&=|"


def test_input_is_piped_and_ends(machine: Any) -> None:
    blob = os.urandom(3_000_000)
    done = machine.run("exec", "-i", "box", "--", "cat", data=blob)
    assert done.returncode == 0
    assert done.stdout == blob


def test_a_command_may_leave_its_input_unread(machine: Any) -> None:
    done = machine.run("exec", "-i", "box", "--", "head", "-c", "5", data=b"x" * 2_000_000)
    assert (done.returncode, done.stdout) == (0, b"xxxxx")


def test_the_container_is_chosen_or_must_be_named(machine: Any) -> None:
    assert machine("exec", "echo", "-c", "side", "--", "id", "-u") == "0\n"
    assert machine.run("exec", "echo", "-c", "other", "--", "id").returncode == 1


def test_a_terminal_has_size_and_exit_code(machine: Any) -> None:
    command = "sleep 0.2; stty size; tty; exit 5"
    inner = f"stty rows 33 cols 91; {machine.binary} exec -it box -- sh -c '{command}'"
    done = subprocess.run(
        ["script", "-qec", inner, "/dev/null"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=30,
        check=False,
        env=machine.environment,
    )
    said = done.stdout.decode()
    assert "33 91" in said
    assert "/dev/pts/" in said
    assert done.returncode == 5


def test_files_are_copied_both_ways(machine: Any, tmp_path: Path) -> None:
    source = tmp_path / "there"
    source.mkdir()
    (source / "big").write_bytes(os.urandom(2_000_000))
    (source / "small").write_text("small")
    machine("cp", str(source), "box:/tmp/copied")
    assert machine("exec", "box", "--", "cat", "/tmp/copied/small") == "small"
    machine("cp", "box:/tmp/copied", str(tmp_path / "back"))
    assert (tmp_path / "back/big").read_bytes() == (source / "big").read_bytes()


def test_attach_speaks_with_the_containers_own_process(machine: Any) -> None:
    attached = subprocess.Popen(
        [machine.binary, "attach", "-i", "echo", "-c", "main"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=machine.environment,
    )
    assert attached.stdin is not None
    assert attached.stdout is not None
    attached.stdin.write(b"one\n")
    attached.stdin.flush()
    assert attached.stdout.readline() == b"got one\n"
    attached.stdin.write(b"two\n")
    attached.stdin.flush()
    assert attached.stdout.readline() == b"got two\n"
    attached.kill()
    attached.communicate()


def test_run_with_input_gives_the_pods_answer(machine: Any) -> None:
    overrides = '{"spec":{"terminationGracePeriodSeconds":0}}'
    done = machine.run(
        "run",
        "counter",
        "-i",
        "--rm",
        "--quiet",
        "--restart=Never",
        "--image=localhost/box:1",
        f"--overrides={overrides}",
        "--",
        "sh",
        "-c",
        "wc -c; exit 4",
        data=b"12345",
    )
    assert (done.returncode, done.stdout.split()[:1]) == (4, [b"5"])


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize("flags", [(), ("-i",)])
def test_a_command_ends_when_its_client_goes(machine: Any, number: int, flags: tuple[str]) -> None:
    words = ("sleep", f"4{number}7{len(flags)}")
    client = subprocess.Popen(
        [machine.binary, "exec", *flags, "box", "--", *words],
        stdin=subprocess.PIPE,
        env=machine.environment,
    )
    machine.until(lambda: machine.inside(*words))
    client.send_signal(number)
    client.communicate()
    machine.until(lambda: not machine.inside(*words))


def test_a_slow_client_slows_the_command_and_costs_no_memory(machine: Any) -> None:
    client = subprocess.Popen(
        [machine.binary, "exec", "box", "--", "yes", "0123456789012345678901234567890123456789"],
        stdout=subprocess.PIPE,
        env=machine.environment,
    )
    assert client.stdout is not None
    client.stdout.read(100_000)
    before = _resident(machine.process.pid)
    time.sleep(1)
    assert _resident(machine.process.pid) - before < 8_000_000
    client.stdout.read(2_000_000)
    client.kill()
    client.communicate()
    machine.until(lambda: not machine.inside("yes", "0123456789012345678901234567890123456789"))


@pytest.mark.slow
def test_input_that_is_not_read_costs_no_memory(machine: Any) -> None:
    client = subprocess.Popen(
        [machine.binary, "exec", "-i", "box", "--", "sleep", "4321"],
        stdin=subprocess.PIPE,
        env=machine.environment,
    )
    assert client.stdin is not None
    stdin = client.stdin
    machine.until(lambda: machine.inside("sleep", "4321"))
    before = _resident(machine.process.pid)

    def flood() -> None:
        try:
            while True:
                os.write(stdin.fileno(), b"x" * 65536)
        except OSError:
            return

    flooding = threading.Thread(target=flood, daemon=True)
    flooding.start()
    time.sleep(1)
    assert _resident(machine.process.pid) - before < 8_000_000
    # The client's connection is not read any more, and still its end is noticed by our pings.
    client.kill()
    client.wait()
    flooding.join()
    stdin.close()
    machine.until(lambda: not machine.inside("sleep", "4321"), seconds=40)


def test_refusals_come_in_the_servers_words(machine: Any) -> None:
    done = machine.run("exec", "missing", "--", "id")
    assert done.stderr == b'Error from server (NotFound): pods "missing" not found\n'
    spdy = {"KUBECTL_REMOTE_COMMAND_WEBSOCKETS": "false"}
    done = machine.run("exec", "box", "--", "id", **spdy)
    assert done.returncode == 1
    assert b"SPDY/3.1 is not served here, only WebSockets are" in done.stderr


def _resident(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
