"""Builds, names, pushes and runs images with buildah, in a storage of our own.

The user's own image storage is never touched: every call names our root and runroot.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from towline.errors import CommandError, NotFoundError
from towline.sandbox import process
from towline.sandbox.build_request import BuildRequest, locate
from towline.sandbox.dockerfile import mark_stages
from towline.sandbox.leftovers import reap
from towline.sandbox.pip_settings import (
    IN_BUILD_CA,
    IN_BUILD_CONF,
    IN_BUILD_CONSTRAINTS,
    PipSettings,
)

SETTINGS_LABEL = "dev.towline.build-settings"
Say = Callable[[bytes], None]

_PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
_log = logging.getLogger("towline.sandbox")


class BuilderOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How images are built.

    Attributes:
        directory: Folder of storage, settings and temporary files.
        instance: Cookie of this Towline, for its children.
        pip: What builds see of the machine's pip settings.
        registries_conf: Text of registries.conf (mirrors); empty for none.
        isolation: `auto`, `oci` or `chroot`.
        proxies: Proxy variables of this machine, for downloads.
    """

    directory: Path
    instance: str
    pip: PipSettings
    registries_conf: str = ""
    isolation: str = "auto"
    proxies: dict[str, str] = {}

    @classmethod
    def proxies_of(cls, environment: Mapping[str, str]) -> dict[str, str]:
        """The proxy variables in an environment."""
        return {name: environment[name] for name in _PROXIES if name in environment}


class Builder:
    """Drives buildah. Call `prepare` once before anything else."""

    def __init__(self, options: BuilderOptions) -> None:
        self._options = options
        self._root = options.directory / "graph"
        self._runroot = options.directory / "run"
        self._scratch = options.directory / "tmp"
        self._isolation = "chroot"

    @property
    def storage(self) -> tuple[Path, ...]:
        """Folders in which containers of ours have their roots."""
        return (self._root, self._runroot)

    @property
    def scratch(self) -> Path:
        """Folder of temporary files."""
        return self._scratch

    @property
    def isolation(self) -> str:
        """How build steps are isolated: `oci` or `chroot`."""
        return self._isolation

    async def prepare(self) -> None:
        """Makes the folders, removes what an earlier run left, and finds the isolation.

        Raises:
            NotFoundError: buildah is not installed.
        """
        for folder in (self._root, self._runroot, self._scratch, self._home):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._options.directory.chmod(0o700)
        self._registries_conf.write_text(self._options.registries_conf)
        await self.close()
        for leftover in self._scratch.iterdir():
            if leftover.is_dir():
                shutil.rmtree(leftover, ignore_errors=True)
            else:
                leftover.unlink()
        self._isolation = await self._find_isolation()
        _log.info("builder ready isolation=%s", self._isolation)

    async def close(self) -> None:
        """Ends what still runs in our storage and removes working containers; images stay."""
        reap(f"{process.COOKIE}={self._options.instance}-build", roots=self.storage)
        await self.buildah("rm", "--all")

    async def build(self, request: BuildRequest, say: Say) -> str:
        """Builds an image and returns its id.

        Raises:
            CommandError: The build failed; the output went to `say`.
            InputError: Context or Dockerfile lie outside the workspace, or are missing.
        """
        context, dockerfile = locate(request)
        with tempfile.TemporaryDirectory(dir=self._scratch, prefix="build-") as name:
            folder = Path(name)
            argv = self._build_argv(request, folder, dockerfile)
            await self._run([*argv, str(context)], say, what=f"build of {request.image}")
            image_id = (folder / "id").read_text().strip()
        for tag in request.arguments.tags:
            await self.tag(request.image, tag)
        return image_id

    async def image_id(self, image: str) -> str | None:
        """The id of a local image, `sha256:...`, or None."""
        done = await self.buildah("images", "--quiet", "--no-trunc", image, check=False)
        return done.stdout.decode().strip().splitlines()[0] if done.exit_code == 0 else None

    async def command_of(self, image: str) -> list[str]:
        """Entrypoint and command of a local image."""
        config = await self._config(image)
        return [*(config.get("Entrypoint") or []), *(config.get("Cmd") or [])]

    async def tag(self, image: str, target: str) -> None:
        """Gives a local image another name.

        Raises:
            NotFoundError: There is no such image.
        """
        if await self.image_id(image) is None:
            raise NotFoundError(f"there is no local image {image}")
        await self.buildah("tag", image, target)

    async def pull(
        self, location: str, say: Say, *, insecure: bool = False, authfile: Path | None = None
    ) -> None:
        """Fetches `HOST/NAME:TAG` into the local storage.

        Raises:
            CommandError: It cannot be fetched.
        """
        argv = ["pull", "--policy", "always", *_transport(insecure, authfile), location]
        await self._run(argv, say, what=f"pull of {location}")

    async def push(
        self,
        image: str,
        location: str,
        say: Say,
        *,
        insecure: bool = False,
        authfile: Path | None = None,
    ) -> str:
        """Pushes a local image to `HOST/NAME:TAG` and returns the manifest's digest.

        Raises:
            CommandError: The registry refused it or did not answer.
        """
        with tempfile.TemporaryDirectory(dir=self._scratch, prefix="push-") as name:
            digest = Path(name) / "digest"
            options = [*_transport(insecure, authfile), "--digestfile", str(digest)]
            argv = ["push", *options, image, f"docker://{location}"]
            await self._run(argv, say, what=f"push of {location}")
            return digest.read_text().strip()

    async def create_container(self, image: str, name: str) -> None:
        """Makes a working container of a local image.

        Raises:
            CommandError: It cannot be made.
        """
        await self.buildah("from", "--pull-never", "--name", name, image)

    async def remove_container(self, name: str) -> None:
        """Removes a working container; absent is no error."""
        await self.buildah("rm", name, check=False)

    def run_argv(
        self,
        container: str,
        command: Sequence[str],
        *,
        volumes: Sequence[tuple[str, str, str]],
        workdir: str,
        user: str = "",
    ) -> list[str]:
        """The argument list that runs a command in a working container, with `environment`."""
        options = ["--isolation", self._isolation, *self._runtime, "--network", "host"]
        for source, target, mode in volumes:
            options += ["--volume", f"{source}:{target}" + (f":{mode}" if mode else "")]
        if user:
            options += ["--user", user]
        return self.argv("run", *options, "--workingdir", workdir, container, "--", *command)

    def argv(self, verb: str, *arguments: str) -> list[str]:
        """A buildah call on our storage."""
        storage = ["--root", str(self._root), "--runroot", str(self._runroot)]
        return ["buildah", *storage, verb, *arguments]

    @property
    def environment(self) -> dict[str, str]:
        """The environment of every buildah call."""
        return {
            "PATH": process.DEFAULT_PATH,
            "HOME": str(self._home),
            "XDG_RUNTIME_DIR": str(self._home),
            "TMPDIR": str(self._scratch),
            "LANG": "C.UTF-8",
            "CONTAINERS_REGISTRIES_CONF": str(self._registries_conf),
            **self._options.proxies,
        }

    async def buildah(self, verb: str, *arguments: str, check: bool = True) -> process.Completed:
        """Runs a short buildah command.

        Raises:
            CommandError: It failed, and `check` is set.
        """
        done = await process.run(
            self.argv(verb, *arguments),
            env=self.environment,
            instance=f"{self._options.instance}-build",
            timeout=300,
        )
        if check and done.exit_code != 0:
            output = done.stderr.decode(errors="replace").strip()
            raise CommandError(
                f"buildah {verb} failed: {output[-500:]}", exit_code=done.exit_code, output=output
            )
        return done

    @property
    def _home(self) -> Path:
        return self._options.directory / "home"

    @property
    def _registries_conf(self) -> Path:
        return self._options.directory / "registries.conf"

    @property
    def _runtime(self) -> list[str]:
        return ["--runtime", "runc"] if self._isolation == "oci" else []

    def _build_argv(self, request: BuildRequest, folder: Path, dockerfile: Path) -> list[str]:
        asked = request.arguments
        options = ["--isolation", self._isolation, *self._runtime]
        options += ["--network", "host", "--layers", "--pull-never", "--format", "oci"]
        options += ["--iidfile", str(folder / "id"), "--tag", request.image]
        for mount in self._mounts(request, folder):
            options += ["--volume", mount]
        for name, value in {**request.extra_arguments, **asked.arguments}.items():
            options += ["--build-arg", f"{name}={value}"]
        for name, value in asked.labels.items():
            options += ["--label", f"{name}={value}"]
        for name, image in request.substitutes.items():
            options += ["--build-context", f"{name}=container-image://{image}"]
        if asked.target:
            options += ["--target", asked.target]
        if asked.platform:
            options += ["--platform", asked.platform]
        if asked.no_cache:
            options += ["--no-cache"]
        return self.argv(
            "build", *options, "--file", str(self._marked(request, folder, dockerfile))
        )

    def _mounts(self, request: BuildRequest, folder: Path) -> list[str]:
        mounts: list[str] = []
        conf = folder / "pip.conf"
        conf.write_text(self._options.pip.render(constraints=bool(request.constraints)))
        mounts.append(f"{conf}:{IN_BUILD_CONF}:ro")
        if request.constraints:
            lines = folder / "pip-constraints.txt"
            lines.write_text("".join(f"{line}\n" for line in request.constraints))
            mounts.append(f"{lines}:{IN_BUILD_CONSTRAINTS}:ro")
        if self._options.pip.ca_bundle is not None:
            mounts.append(f"{self._options.pip.ca_bundle.resolve()}:{IN_BUILD_CA}:ro")
        for file in folder.iterdir():
            file.chmod(0o644)  # a build step may run as another user; the folder itself is private
        return mounts

    def _marked(self, request: BuildRequest, folder: Path, dockerfile: Path) -> Path:
        """Layers made under other constraints must not be reused: the file says which these are."""
        if not request.constraints:
            return dockerfile
        body = msgspec.json.encode(request.constraints)
        digest = hashlib.sha256(body).hexdigest()[:16]
        marked = folder / "Dockerfile"
        marked.write_text(mark_stages(dockerfile.read_text(), SETTINGS_LABEL, digest))
        return marked

    async def _config(self, image: str) -> dict[str, Any]:
        done = await self.buildah("inspect", "--type", "image", image)
        document = msgspec.json.decode(done.stdout)
        config = (document.get("OCIv1") or {}).get("config") or {}
        return dict(config)

    async def _run(self, argv: list[str], say: Say, *, what: str) -> None:
        full = argv if argv[0] == "buildah" else self.argv(argv[0], *argv[1:])
        tail = bytearray()

        def take(_stream: process.Stream, chunk: bytes) -> None:
            tail.extend(chunk)
            del tail[:-4096]
            say(chunk)

        done = await process.run(
            full,
            env=self.environment,
            on_output=take,
            merge=True,
            instance=f"{self._options.instance}-build",
        )
        if done.exit_code != 0:
            output = tail.decode(errors="replace").strip()
            last = output.splitlines()[-1] if output else ""
            raise CommandError(
                f"{what} failed: {last[:300]}", exit_code=done.exit_code, output=output
            )

    async def _find_isolation(self) -> str:
        if self._options.isolation != "auto":
            return self._options.isolation
        known = self._options.directory / "isolation"
        if known.exists():
            return known.read_text().strip()
        found = "oci" if await self._oci_works() else "chroot"
        known.write_text(found)
        return found

    async def _oci_works(self) -> bool:
        """Tries a static program in an empty image; any failure means that chroot is used."""
        probe = Path("/usr/bin/catatonit")
        if os.geteuid() != 0 or not probe.exists():
            return False
        name = "towline-probe"
        try:
            await self.buildah("from", "--name", name, "scratch")
            await self.buildah("copy", name, str(probe), "/catatonit")
            isolation = ("--isolation", "oci", "--runtime", "runc", "--network", "host")
            done = await self.buildah(
                "run", *isolation, name, "--", "/catatonit", "-V", check=False
            )
        except CommandError:
            return False
        finally:
            await asyncio.shield(self.remove_container(name))
        return done.exit_code == 0


def _transport(insecure: bool, authfile: Path | None) -> list[str]:
    options = [f"--tls-verify={'false' if insecure else 'true'}"]
    if authfile is not None:
        options += ["--authfile", str(authfile)]
    return options
