"""What a script on the host reaches when it is confined, with the real bwrap."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from towline.controllers.run.workspace import Workspace
from towline.sandbox import leftovers, process
from towline.sandbox.confinement import Confinement, View

COOKIE = f"confined-{os.getpid()}"


class Place:
    """A data folder with a secret, another run, and the workspace of ours."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.workspace = Workspace(data / "workspaces" / "r1", "job")
        self.workspace.create()
        self.workspace.install_git(job="job", number=1, key="r1", aliases={})
        (data / "forge-token").write_text("canary-token")
        other = data / "workspaces" / "r2" / "job"
        other.mkdir(parents=True)
        (other / "file").write_text("canary-other")
        self.confinement = Confinement([data])

    async def sh(self, script: str, **options: Any) -> process.Completed:
        file = self.workspace.put("script.sh", script, mode=0o755)
        env: Mapping[str, str] = {
            "PATH": f"{self.workspace.programs}:{process.DEFAULT_PATH}",
            "HOME": str(self.workspace.script_home),
            "DATA": str(self.data),
        }
        argv, env = self.confinement.wrap(
            ["/bin/sh", "-e", str(file)], env, self.workspace.view, self.workspace.root
        )
        return await process.run(argv, env=env, cwd=self.workspace.root, instance=COOKIE, **options)


@pytest.fixture(params=["below /tmp", "elsewhere"])
def data(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    if request.param == "below /tmp":
        yield tmp_path / "data"
        return
    made = Path(f"/var/lib/towline-test-{os.getpid()}")
    made.mkdir(mode=0o700)
    try:
        yield made
    finally:
        subprocess.run(["rm", "-rf", str(made)], check=True)


@pytest_asyncio.fixture
async def place(data: Path) -> Place:
    made = Place(data)
    await made.confinement.prepare()
    assert made.confinement.refusal == ""
    return made


ESCAPES = {
    "token": 'cat "$DATA/forge-token"',
    "listing": 'ls "$DATA" | grep -v workspaces',
    "another run": 'cat "$DATA"/workspaces/r2/job/file',
    "other runs": 'ls "$DATA/workspaces" | grep -v "^r1$"',
    "writing into the data folder": 'echo x > "$DATA/planted"',
    "umount": 'umount "$DATA" || umount -l "$DATA"',
    "umount in a namespace of its own": 'unshare -Um sh -c "umount $DATA"',
    "making the machine writable": "mount -o remount,rw / && touch /usr/planted",
    "making it writable in a namespace of its own": (
        "unshare -Um sh -c 'mount -o remount,bind,rw / && touch /usr/planted'"
    ),
    "writing to /usr": "touch /usr/bin/towline-planted",
    "writing to /etc": "touch /etc/towline-planted",
    "settings of the kernel": "cat /proc/sys/kernel/core_pattern > /proc/sys/kernel/core_pattern",
    "settings of the kernel by another proc": (
        "unshare -Umpf sh -ec 'mount -t proc proc /proc; "
        "cat /proc/sys/kernel/core_pattern > /proc/sys/kernel/core_pattern'"
    ),
    "any writable setting": "find /proc/sys /sys -writable | grep .",
    "another process": "cat /proc/[0-9]*/root/$DATA/forge-token",
    "sockets of daemons": "find /run /var/run/ -type s | grep .",
    "disks": "find /dev -type b | grep .",
    "making disks": "mknod disk b 254 0",
    "passwords of the machine": "head -1 /etc/shadow",
    "replacing a folder of the run": 'mv "$PWD" "$PWD.old"',
    "replacing the programs of the run": 'echo > "$(command -v git)"',
    "our own program": f"touch {Path(process.__file__).parent}/planted.py",
}


@pytest.mark.asyncio
@pytest.mark.parametrize("script", ESCAPES.values(), ids=ESCAPES.keys())
async def test_s14_a_script_reaches_nothing_of_ours(place: Place, script: str) -> None:
    done = await place.sh(script)
    assert done.exit_code != 0, done
    assert b"canary" not in done.stdout + done.stderr


@pytest.mark.asyncio
async def test_s32_logins_of_our_user_are_not_there(
    tmp_path: Path, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Path(f"/var/lib/towline-home-{os.getpid()}")
    monkeypatch.setenv("HOME", str(home))
    try:
        for name in (".ssh/id_ed25519", ".kube/config", ".aws/credentials", ".netrc", "plain"):
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            (home / name).write_text("canary-login")
        done = await place.sh(f"cat {home}/plain; grep -rs canary {home}/.[a-z]* && exit 7; true")
    finally:
        subprocess.run(["rm", "-rf", str(home)], check=True)
    assert (done.exit_code, done.stdout) == (0, b"canary-login"), done


@pytest.mark.asyncio
async def test_s32_nothing_of_our_environment_enters(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOWLINE_CANARY", "secret-canary")
    done = await place.sh("env; cat /proc/1/environ")
    assert b"canary" not in done.stdout


@pytest.mark.asyncio
async def test_s15_links_that_a_script_plants_are_not_followed(place: Place) -> None:
    target = place.data / "victim"
    target.write_text("untouched")
    temporary = place.workspace.temporary
    done = await place.sh(
        f"ln -sf {target} {temporary}/next.sh; ln -s {target} {place.workspace.pushes}"
    )
    assert done.exit_code == 0
    place.workspace.put("next.sh", "changed", mode=0o755)
    assert place.workspace.take_pushes() == ""
    assert target.read_text() == "untouched"
    assert (temporary / "next.sh").read_text() == "changed"


@pytest.mark.asyncio
async def test_s14_what_scripts_configure_for_git_does_not_act_on_our_git(place: Place) -> None:
    await place.sh("git config --global core.fsmonitor /bin/evil")
    assert not (place.workspace.home / ".gitconfig").exists()
    assert (place.workspace.script_home / ".gitconfig").exists()


WORKS = {
    "files": 'echo x > a && cat a && mktemp && mktemp -p /var/tmp && test -w "$HOME"',
    "python": "python3 -c 'import ssl, tempfile; tempfile.mkstemp()'",
    "our python": f"{sys.executable} -c 'import msgspec'",
    "commit": (
        "git init -q . && git config user.email a@b && git config user.name A && echo x > f && "
        "git add f && git commit -qm first && git log -1 --format=%B | grep -q Towline-Run && "
        "git init -q --bare ../job@tmp/r.git && git push -q ../job@tmp/r.git HEAD:refs/heads/main"
    ),
    "a read-only file of ours": "echo x > ro && chmod 0444 ro && echo y > ro",
    "an archive of another user": (
        "mkdir d && touch d/f && tar -c --owner=1234 --group=1234 -f a.tar d && tar -xf a.tar"
    ),
    "devices": "echo x > /dev/null && head -c 4 /dev/urandom > r && test -w /dev/shm",
    "a shell with job output": "bash -c 'echo x | tee y >/dev/null'",
    "user": "test $(id -u) = " + str(os.getuid()) + " && whoami",
}


@pytest.mark.asyncio
@pytest.mark.parametrize("script", WORKS.values(), ids=WORKS.keys())
async def test_ordinary_steps_work(place: Place, script: str) -> None:
    done = await place.sh(script)
    assert done.exit_code == 0, done.stderr.decode()


@pytest.mark.asyncio
async def test_names_are_looked_up_and_the_network_is_shared(place: Place) -> None:
    server = await asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    code = f"import socket; socket.create_connection(('localhost', {port}))"
    async with server:
        done = await place.sh(f'cat /etc/resolv.conf >/dev/null && python3 -c "{code}"')
    assert done.exit_code == 0, done.stderr.decode()


@pytest.mark.asyncio
async def test_temporary_files_last_for_the_run_and_are_its_own(place: Place) -> None:
    await place.sh("echo one > /tmp/towline-test-file")
    done = await place.sh("cat /tmp/towline-test-file")
    assert done.stdout == b"one\n"
    assert not Path("/tmp/towline-test-file").exists()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("script", "code"), [("exit 3", 3), ("exit 255", 255), ("no-such-program", 127)]
)
async def test_exit_codes_pass(place: Place, script: str, code: int) -> None:
    assert (await place.sh(script)).exit_code == code


@pytest.mark.asyncio
async def test_a_killed_script_ends_as_a_shell_tells_it(place: Place) -> None:
    assert (await place.sh("kill -9 $$")).exit_code == 128 + signal.SIGKILL


@pytest.mark.asyncio
async def test_output_of_what_outlives_the_script_is_read(place: Place) -> None:
    done = await place.sh("bash -c 'exec > >(sleep 0.2; cat); seq 20000'")
    assert done.stdout.splitlines()[-1:] == [b"20000"]


@pytest.mark.asyncio
async def test_streams_stay_apart_and_large_output_is_whole(place: Place) -> None:
    sizes = {"stdout": 0, "stderr": 0}

    def count(name: process.Stream, chunk: bytes) -> None:
        sizes[name] += len(chunk)

    await place.sh("head -c 70000000 /dev/zero; echo x >&2", on_output=count)
    assert sizes == {"stdout": 70000000, "stderr": 2}


@pytest.mark.asyncio
async def test_cancellation_lets_the_script_clean_up(place: Place) -> None:
    started = asyncio.Event()
    script = "trap 'echo cleaned > mark; exit 0' INT; echo started; while :; do sleep 0.05; done"
    task = asyncio.create_task(place.sh(script, on_output=lambda *_: started.set()))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (place.workspace.root / "mark").read_text() == "cleaned\n"


@pytest.mark.asyncio
@pytest.mark.parametrize("script", ["sleep 617", "trap '' INT TERM; setsid sleep 617; sleep 617"])
async def test_a_cancelled_step_leaves_nothing(place: Place, script: str) -> None:
    started = asyncio.Event()
    grace = process.Grace(interrupt=0.3, terminate=0.3)
    task = asyncio.create_task(
        place.sh(f"echo x; {script}", on_output=lambda *_: started.set(), grace=grace)
    )
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await nothing_carries_the_cookie()


@pytest.mark.asyncio
async def test_r05_a_daemon_of_a_step_ends_with_it(place: Place) -> None:
    await place.sh("setsid sleep 617 >/dev/null 2>&1 & true")
    await nothing_carries_the_cookie()


@pytest.mark.asyncio
async def test_r05_confined_processes_are_found_by_their_cookie(place: Place) -> None:
    started = asyncio.Event()
    task = asyncio.create_task(
        place.sh("echo x; setsid sleep 617", on_output=lambda *_: started.set())
    )
    await started.wait()
    assert len(leftovers.reap(f"{process.COOKIE}={COOKIE}")) >= 2
    assert (await task).exit_code != 0
    await nothing_carries_the_cookie()


def test_r05_everything_dies_with_its_parent(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from towline.sandbox import process\n"
        "from towline.sandbox.confinement import Confinement, View\n"
        "async def main():\n"
        "    folder = Path(sys.argv[1])\n"
        "    confinement = Confinement([folder])\n"
        "    await confinement.prepare()\n"
        "    argv, env = confinement.wrap(['sh', '-c', 'echo x; setsid sleep 617'], {},\n"
        "        View(scratch=folder), Path('/'))\n"
        "    await process.run(argv, env=env, instance=sys.argv[2],\n"
        "        on_output=lambda *_: print('started', flush=True))\n"
        "asyncio.run(main())\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path), COOKIE], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    assert parent.stdout.readline() == "started\n"
    parent.kill()
    parent.wait()
    parent.stdout.close()
    asyncio.run(nothing_carries_the_cookie())


@pytest.mark.parametrize("inside", ["", "data/"], ids=["below /tmp", "in the data folder"])
def test_our_own_programs_run_wherever_they_are_and_stay_as_they_are(
    tmp_path: Path, inside: str
) -> None:
    venv = tmp_path / f"{inside}venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    program = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from towline.sandbox import process\n"
        "from towline.sandbox.confinement import Confinement, View\n"
        "async def main():\n"
        "    folder = Path(sys.argv[1])\n"
        "    confinement = Confinement([folder / 'data'])\n"
        "    await confinement.prepare()\n"
        '    script = \'"$0" -IS -c pass && ! touch "${0%/*}/planted"\'\n'
        "    argv, env = confinement.wrap(['sh', '-c', script, sys.executable], {},\n"
        "        View(scratch=folder), Path('/'))\n"
        "    done = await process.run(argv, env=env)\n"
        "    sys.exit(confinement.refusal or done.stderr.decode() if done.exit_code else 0)\n"
        "asyncio.run(main())\n"
    )
    (tmp_path / "data").mkdir(exist_ok=True)
    packages = os.pathsep.join(path for path in sys.path if path)
    done = subprocess.run(
        [str(venv / "bin" / "python"), "-c", program, str(tmp_path)],
        check=False,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": packages, "PATH": process.DEFAULT_PATH},
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.asyncio
async def test_where_it_does_not_work_scripts_run_as_they_are(tmp_path: Path) -> None:
    off = Confinement([tmp_path], mode="off")
    await off.prepare()
    assert off.refusal == "turned off by build.confine"
    view = View(scratch=tmp_path)
    assert off.wrap(["x"], {"A": "b"}, view, tmp_path) == (["x"], {"A": "b"})
    absent = Confinement([tmp_path], path=str(tmp_path))
    await absent.prepare()
    assert "not installed" in absent.refusal
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\necho 'No permissions to create namespace' >&2\nexit 1\n")
    fake.chmod(0o755)
    broken = Confinement([tmp_path], path=str(tmp_path))
    await broken.prepare()
    assert broken.refusal == "No permissions to create namespace"


@pytest.mark.asyncio
async def test_a_step_costs_little(place: Place) -> None:
    times = []
    limit = 0.1  # alone on a machine it is a sixth of that
    for _ in range(9):
        started = time.perf_counter()
        await place.sh("true")
        times.append(time.perf_counter() - started)
    assert sorted(times)[4] < limit


async def nothing_carries_the_cookie() -> None:
    """Waits until the kernel has ended all that the step left."""
    text = f"{process.COOKIE}={COOKIE}".encode()

    def carriers() -> list[str]:
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    environment = (entry / "environ").read_bytes()
                except OSError:
                    continue
                if text in environment:
                    found.append(entry.name)
        return found

    async with asyncio.timeout(5):
        while carriers():
            await asyncio.sleep(0.02)
