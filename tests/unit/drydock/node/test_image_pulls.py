import asyncio
from typing import Any

import pytest

from towline.aio.clock import SystemClock
from towline.drydock.node.images import ImageInfo
from towline.drydock.node.podman import PodmanError
from towline.drydock.node.pulls import ImagePuller, PullError


class _Podman:
    """An engine with images and a registry that knows some more."""

    def __init__(self, present: set[str], remote: set[str]) -> None:
        self.present = present
        self._remote = remote
        self.pulls: list[str] = []
        self.at_once = 0

    async def image(self, reference: str) -> ImageInfo | None:
        return ImageInfo(id=reference, size=5) if reference in self.present else None

    async def pull(self, reference: str, _: Any) -> None:
        self.pulls.append(reference)
        self.at_once += 1
        assert self.at_once == 1
        await asyncio.sleep(0)
        self.at_once -= 1
        if reference not in self._remote:
            raise PodmanError("manifest unknown", 500)
        self.present.add(reference)


APP = "docker.io/me/app:1"


async def _ensure(podman: _Podman, image: str, **fields: Any) -> tuple[Any, list[str]]:
    told: list[str] = []

    async def tell(type_: str, reason: str, message: str) -> None:
        told.append(f"{type_} {reason} {message}")

    engine: Any = podman
    puller = ImagePuller(engine, SystemClock())
    try:
        found: Any = await puller.ensure({"name": "c", "image": image, **fields}, [], tell)
    except PullError as error:
        found = (error.reason, error.message)
    return found, told


@pytest.mark.asyncio
async def test_a_present_image_is_used_as_it_is() -> None:
    podman = _Podman({APP}, set())
    found, told = await _ensure(podman, "me/app:1")
    assert found.id == APP
    assert told == ['Normal Pulled Container image "me/app:1" already present on machine']
    assert podman.pulls == []


@pytest.mark.asyncio
async def test_an_absent_image_is_pulled() -> None:
    found, told = await _ensure(_Podman(set(), {APP}), "me/app:1")
    assert found.id == APP
    assert told[0] == 'Normal Pulling Pulling image "me/app:1"'
    assert told[1].startswith('Normal Pulled Successfully pulled image "me/app:1" in 0.')
    assert told[1].endswith("Image size: 5 bytes.")


@pytest.mark.asyncio
async def test_always_pulls_a_present_image_too() -> None:
    podman = _Podman({APP}, {APP})
    await _ensure(podman, "me/app:1", imagePullPolicy="Always")
    assert podman.pulls == [APP]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("image", "policy", "reason", "message"),
    [
        (
            "me/app:1",
            "Never",
            "ErrImageNeverPull",
            'Container image "me/app:1" is not present with pull policy of Never',
        ),
        (
            "me/app:1",
            "IfNotPresent",
            "ErrImagePull",
            'failed to pull image "me/app:1": manifest unknown',
        ),
        (
            "me/app:1:2",
            "Always",
            "InvalidImageName",
            (
                'Failed to apply default image tag "me/app:1:2": couldn\'t parse image name '
                '"me/app:1:2": invalid reference format'
            ),
        ),
    ],
)  # fmt: skip
async def test_an_image_that_cannot_be_had_says_why(
    image: str, policy: str, reason: str, message: str
) -> None:
    found, _ = await _ensure(_Podman(set(), set()), image, imagePullPolicy=policy)
    assert found == (reason, message)


@pytest.mark.asyncio
async def test_pods_that_want_the_same_image_pull_it_once() -> None:
    podman = _Podman(set(), {APP})
    engine: Any = podman
    puller = ImagePuller(engine, SystemClock())

    async def tell(*_: str) -> None:
        return None

    container = {"name": "c", "image": "me/app:1"}
    found = await asyncio.gather(*(puller.ensure(container, [], tell) for _ in range(5)))
    assert {image.id for image in found} == {APP}
    assert podman.pulls == [APP]
