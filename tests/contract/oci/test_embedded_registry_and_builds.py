"""Debian's registry and buildah, driven as in production."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from towline.aio.clock import SystemClock
from towline.controllers.run import RegistrySource
from towline.errors import CommandError, InputError, NotFoundError, TransientError
from towline.oci import EmbeddedRegistry, Location, Mirrors, RegistryClient
from towline.sandbox import (
    BaseImages,
    Builder,
    BuilderOptions,
    BuildRequest,
    machine_settings,
    spawn,
)
from towline.sandbox.docker_arguments import parse_build

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def client() -> AsyncIterator[RegistryClient]:
    async with RegistryClient() as opened:
        yield opened


@pytest_asyncio.fixture
async def registry(tmp_path: Path, client: RegistryClient) -> AsyncIterator[EmbeddedRegistry]:
    made = EmbeddedRegistry(
        tmp_path / "registry",
        spawn=functools.partial(spawn, piped=False, instance=f"test-oci-{os.getpid()}"),
        client=client,
        clock=SystemClock(),
    )
    await made.start()
    yield made
    await made.stop()


@pytest_asyncio.fixture
async def builder(tmp_path: Path) -> AsyncIterator[Builder]:
    made = Builder(
        BuilderOptions(
            directory=tmp_path / "builds",
            instance=f"test-oci-{os.getpid()}",
            pip=machine_settings(os.environ),
        )
    )
    await made.prepare()
    yield made
    await made.close()


def request(folder: Path, *words: str, image: str = "user/app") -> BuildRequest:
    return BuildRequest(
        image=image,
        arguments=parse_build(words or (".",)),
        directory=folder,
        workspace=folder,
    )


def context(tmp_path: Path, dockerfile: str = "FROM scratch\nCOPY a /a\n") -> Path:
    folder = tmp_path / "workspace"
    folder.mkdir()
    (folder / "Dockerfile").write_text(dockerfile)
    (folder / "a").write_text("content")
    return folder


def quiet(_chunk: bytes) -> None:
    return


async def test_r10_what_was_built_is_what_the_registry_holds(
    tmp_path: Path, builder: Builder, registry: EmbeddedRegistry, client: RegistryClient
) -> None:
    folder = context(tmp_path)
    image_id = await builder.build(request(folder), quiet)
    assert await builder.image_id("user/app") == image_id
    place = Mirrors({"docker.io": "embedded"}, registry.address).resolve_push("user/app:7")
    digest = await builder.push(image_id, place.location, quiet, insecure=place.insecure)
    assert digest.startswith("sha256:")
    assert await client.verify(place) == digest
    assert list(await client.tags(place)) == ["7"]
    await builder.tag(image_id, "user/other:1")
    assert await builder.image_id("user/other:1") == image_id


async def test_a_registry_keeps_its_port_and_images_over_a_restart(
    tmp_path: Path, builder: Builder, registry: EmbeddedRegistry, client: RegistryClient
) -> None:
    image_id = await builder.build(request(context(tmp_path)), quiet)
    place = Location(location=f"{registry.address}/a:1", insecure=True)
    digest = await builder.push(image_id, place.location, quiet, insecure=True)
    address = registry.address
    await registry.stop()
    with pytest.raises(TransientError):
        await client.verify(place)
    again = EmbeddedRegistry(
        tmp_path / "registry",
        spawn=functools.partial(spawn, piped=False, instance=f"test-oci-{os.getpid()}"),
        client=client,
        clock=SystemClock(),
    )
    await again.start()
    try:
        assert again.address == address
        assert await client.verify(place) == digest
    finally:
        await again.stop()


async def test_missing_images_and_silent_registries_are_told_apart(
    registry: EmbeddedRegistry, client: RegistryClient
) -> None:
    missing = Location(location=f"{registry.address}/none:1", insecure=True)
    with pytest.raises(NotFoundError):
        await client.verify(missing)
    assert not await client.may_have(missing, 2.0)
    assert list(await client.tags(missing)) == []
    with pytest.raises(TransientError):
        await client.may_have(Location(location="127.0.0.1:1/none:1", insecure=True), 2.0)


async def test_r11_a_push_to_a_silent_registry_is_an_error(
    tmp_path: Path, builder: Builder
) -> None:
    image_id = await builder.build(request(context(tmp_path)), quiet)
    with pytest.raises(CommandError, match="push of"):
        await builder.push(image_id, "127.0.0.1:1/a:1", quiet, insecure=True)


@pytest.mark.parametrize(
    ("words", "prepare"),
    [
        (("..",), ""),
        (("/etc",), ""),
        (("link",), "link"),
        (("-f", "../Dockerfile", "."), ""),
        (("-f", "stolen", "."), "stolen"),
        (("nowhere",), ""),
        (("-f", "nothing", "."), ""),
    ],
)
async def test_s17_contexts_and_dockerfiles_stay_in_the_workspace(
    tmp_path: Path, builder: Builder, words: tuple[str, ...], prepare: str
) -> None:
    folder = context(tmp_path)
    (folder / "link").symlink_to("/etc")
    (folder / "stolen").symlink_to("/etc/passwd")
    with pytest.raises(InputError):
        await builder.build(request(folder, *words), quiet)


async def test_s17_a_link_in_the_context_does_not_reach_the_host(
    tmp_path: Path, builder: Builder
) -> None:
    canary = tmp_path / "canary"
    canary.write_text("host-canary")
    folder = context(tmp_path, "FROM scratch\nCOPY leak /leak\n")
    (folder / "leak").symlink_to(canary)
    said = bytearray()
    with contextlib.suppress(CommandError):  # a link that leads nowhere inside may be refused
        await builder.build(request(folder), said.extend)
    assert b"host-canary" not in said
    leaked = b""
    if await builder.image_id("user/app") is not None:
        await builder.create_container("user/app", "leak-check")
        done = await builder.buildah("mount", "leak-check")
        copy = Path(done.stdout.decode().strip()) / "leak"
        leaked = copy.read_bytes() if copy.is_file() and not copy.is_symlink() else b""
        await builder.remove_container("leak-check")
    assert leaked != b"host-canary"


async def test_a_failing_build_says_which_step(tmp_path: Path, builder: Builder) -> None:
    said = bytearray()
    folder = context(tmp_path, "FROM scratch\nCOPY missing /a\n")
    with pytest.raises(CommandError, match="build of user/app failed"):
        await builder.build(request(folder), said.extend)
    assert b"missing" in said


async def test_a_base_image_comes_from_the_mirror(
    tmp_path: Path, builder: Builder, registry: EmbeddedRegistry, client: RegistryClient
) -> None:
    mirrors = Mirrors({"docker.io": "embedded"}, registry.address)
    image_id = await builder.build(request(context(tmp_path)), quiet)
    place = mirrors.resolve_push("someone/base:1")
    await builder.push(image_id, place.location, quiet, insecure=True)
    source = RegistrySource(mirrors, client)
    bases = BaseImages(builder, source, stand_ins=False, timeout=1.0)
    assert await bases.ensure("someone/base:1", quiet) == "docker.io/someone/base:1"
    assert await builder.image_id("someone/base:1") == image_id
    with pytest.raises(TransientError, match="cannot be had"):
        await bases.ensure("127.0.0.1:1/nobody/none:1", quiet)


async def test_s32_a_build_sees_nothing_of_our_environment(
    tmp_path: Path, builder: Builder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOWLINE_CANARY", "env-canary")
    assert "env-canary" not in builder.environment.values()
    folder = context(tmp_path, "FROM scratch\nARG TOWLINE_CANARY\nLABEL x=$TOWLINE_CANARY\n")
    await builder.build(request(folder), quiet)
    done = await builder.buildah("inspect", "--type", "image", "user/app")
    assert b"env-canary" not in done.stdout
