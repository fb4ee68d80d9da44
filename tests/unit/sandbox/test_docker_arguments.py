from __future__ import annotations

import pytest

from towline.errors import InputError
from towline.sandbox.docker_arguments import parse_build, parse_run


@pytest.mark.parametrize(
    ("words", "field", "value"),
    [
        (["."], "context", "."),
        (["-f", "x/Dockerfile", "."], "file", "x/Dockerfile"),
        (["--file=x/Dockerfile", "."], "file", "x/Dockerfile"),
        (["--build-arg", "A=b", "--build-arg=C=d=e", "."], "arguments", {"A": "b", "C": "d=e"}),
        (["--label", "a=b", "."], "labels", {"a": "b"}),
        (["-t", "x:1", "-t", "y:2", "."], "tags", ("x:1", "y:2")),
        (["--target", "final", "."], "target", "final"),
        (["--no-cache", "."], "no_cache", True),
        (["--no-cache=false", "."], "no_cache", False),
        (["--pull", "./backend"], "pull", True),
        (["--rm", "-q", "--progress=plain", "--network", "host", "."], "context", "."),
    ],
)
def test_build_arguments(words: list[str], field: str, value: object) -> None:
    assert getattr(parse_build(words), field) == value


@pytest.mark.parametrize(
    "words",
    [
        ["--privileged", "."],
        ["--volume", "/:/host", "."],
        ["-v", "/:/host", "."],
        ["--volume=/:/host", "."],
        ["--security-opt", "seccomp=unconfined", "."],
        ["--secret", "id=x,src=/etc/shadow", "."],
        ["--ssh", "default", "."],
        ["--cap-add=ALL", "."],
        ["--device", "/dev/sda", "."],
        ["--isolation", "host", "."],
        ["--network", "container:x", "."],
        ["--add-host", "a:b", "."],
        ["--userns=host", "."],
        ["--output", "type=local,dest=/", "."],
    ],
)
def test_s19_options_that_open_the_host_are_refused_by_name(words: list[str]) -> None:
    with pytest.raises(InputError) as refused:
        parse_build(words)
    assert words[0].partition("=")[0] in refused.value.message


@pytest.mark.parametrize(
    "words",
    [[], [".", "x"], ["-f"], ["https://example.com/x.git"], ["-"], ["--build-arg", "A", "."]],
)
def test_malformed_builds_are_refused(words: list[str]) -> None:
    with pytest.raises(InputError):
        parse_build(words)


def test_run_arguments() -> None:
    found = parse_run(
        ["-e", "A=b", "-u", "1000:1000", "-w", "/x", "--entrypoint=", "-v", "/a:/b:ro", "--rm"]
    )
    assert found.env == {"A": "b"}
    assert (found.user, found.workdir, found.entrypoint) == ("1000:1000", "/x", "")
    assert found.volumes == (("/a", "/b", "ro"),)


@pytest.mark.parametrize(
    "words",
    [
        ["--privileged"],
        ["--pid=host"],
        ["--cap-add", "SYS_ADMIN"],
        ["-v", "a:/b"],
        ["-v", "/a:/b:shared"],
        ["--device=/dev/kvm"],
        ["image"],
    ],
)
def test_s19_run_options_that_open_the_host_are_refused(words: list[str]) -> None:
    with pytest.raises(InputError):
        parse_run(words)
