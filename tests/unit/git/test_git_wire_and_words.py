"""Packets, environments, error words, trailers, names."""

from __future__ import annotations

import pygit2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pygit2.enums import ConfigLevel

from towline.errors import (
    CommandError,
    DeniedError,
    InputError,
    NotFoundError,
    TowlineError,
    TransientError,
)
from towline.git.credentials import GitCredentials, embedded, header_config
from towline.git.environment import GitSettings, build_environment
from towline.git.failures import failure, redact
from towline.git.library import isolate_library
from towline.git.pktline import FLUSH, PktReader, encode
from towline.git.server.names import checked_full_name
from towline.git.smart_http import redirected
from towline.git.tree import parse_trailers
from towline.git.urls import parse_url


@given(st.lists(st.text(max_size=50), max_size=10), st.integers(1, 7))
def test_packets_survive_any_cut_of_the_stream(lines: list[str], step: int) -> None:
    data = b"".join(encode(line) for line in lines) + FLUSH
    reader, found = PktReader(), []
    for start in range(0, len(data), step):
        reader.feed(data[start : start + step])
        found += list(reader.packets())
    assert found == [line.encode() + b"\n" for line in lines] + [None]
    assert reader.pending == 0


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    reader = PktReader()
    reader.feed(data)
    try:
        total = sum(len(packet or b"") for packet in reader.packets())
    except TransientError:
        return
    assert total <= len(data)


def test_the_environment_is_whole_and_closed() -> None:
    env = build_environment(
        GitSettings(ca_bundle="/ca.pem", proxies={"https_proxy": "http://p:1"}),
        instance="i",
        protocols=("https",),
        config={"http.https://h/.extraHeader": "Authorization: x"},
        ssh_key="/keys/a b",
    )
    assert env["GIT_ALLOW_PROTOCOL"] == "https"
    assert env["GIT_SSL_CAINFO"] == "/ca.pem"
    assert env["GIT_ASKPASS"] == ""
    count = int(env["GIT_CONFIG_COUNT"])
    pairs = [(env[f"GIT_CONFIG_KEY_{n}"], env[f"GIT_CONFIG_VALUE_{n}"]) for n in range(count)]
    config = dict(pairs)
    assert config["core.hooksPath"] == "/dev/null"
    assert config["core.fsmonitor"] == "false"
    assert config["protocol.file.allow"] == "never"
    assert config["transfer.fsckObjects"] == "true"
    assert config["http.followRedirects"] == "false"
    assert "StrictHostKeyChecking=yes" in env["GIT_SSH_COMMAND"]
    assert env["GIT_SSH_COMMAND"].endswith("-i '/keys/a b'")
    local = build_environment(GitSettings(), instance="i", protocols=("file",))
    last = int(local["GIT_CONFIG_COUNT"]) - 1
    assert local[f"GIT_CONFIG_VALUE_{last}"] == "always"
    assert build_environment(GitSettings(), instance="i")["GIT_ALLOW_PROTOCOL"] == "none"


def test_credentials_are_bound_to_their_origin() -> None:
    url = parse_url("https://u:p%40ss@host.example:8443/o/r")
    own = embedded(url)
    assert own is not None
    assert own.password == "p@ss"
    config = header_config(url, own)
    assert list(config) == ["http.https://host.example:8443/.extraHeader"]
    assert repr(own) == "GitCredentials(***)"
    assert GitCredentials(bearer_token="t").authorization == "Bearer t"
    assert header_config(parse_url("git@h:o/r"), own) == {}
    assert embedded(parse_url("https://h/o/r")) is None


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("fatal: Authentication failed for 'https://h/x'", DeniedError),
        ("fatal: could not read Username for 'https://h': terminal prompts disabled", DeniedError),
        ("The requested URL returned error: 403", DeniedError),
        ("fatal: transport 'ext' not allowed", DeniedError),
        ("remote: Repository not found.", NotFoundError),
        ("fatal: couldn't find remote ref nope", NotFoundError),
        ("fatal: unable to access 'https://h/': Could not resolve host: h", TransientError),
        ("fatal: the remote end hung up unexpectedly", TransientError),
        ("error: RPC failed; HTTP 503", TransientError),
        ("fatal: bad object abc", CommandError),
        ("", CommandError),
    ],
)
def test_failures_are_told_apart(words: str, kind: type[TowlineError]) -> None:
    error = failure("fetch", 128, words.encode())
    assert type(error) is kind
    assert "fetch" in error.message


def test_redaction_takes_out_what_must_not_be_seen() -> None:
    text = "https://u:pw@h/x and http://h/y?sig=abc and tok-123 and ssh://git@h/x"
    shown = redact(text, ["tok-123", ""])
    for secret in ("pw", "abc", "tok-123"):
        assert secret not in shown
    assert "https://******@h/x" in shown


@pytest.mark.parametrize(
    ("message", "trailers"),
    [
        ("subject", ()),
        (
            "subject\n\nTowline-Run: app/3\nSigned-off-by: A <a@b>\n",
            (("Towline-Run", "app/3"), ("Signed-off-by", "A <a@b>")),
        ),
        ("subject\n\nbody: with text\nand more", ()),
        ("s\n\nKey: one\n two\n", (("Key", "one two"),)),
        ("Key: value", ()),
    ],
)
def test_trailers(message: str, trailers: tuple[tuple[str, str], ...]) -> None:
    assert parse_trailers(message) == trailers


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a",
        "a/",
        "/a",
        "a/b/c",
        "../x",
        "a/..",
        "a/.b",
        "-a/b",
        "a/-b",
        "a/b.git",
        "a/b.lock",
        "a/b.",
        "a b/c",
        "a/b\0",
        "a/b\n",
        "a/" + "x" * 200,
        "a/b..c",
        "é/x",
    ],
)
def test_s55_names_of_hosted_repositories(name: str) -> None:
    with pytest.raises(InputError):
        checked_full_name(name)
    assert checked_full_name("Team_1/my.app-2") == "Team_1/my.app-2"


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("https://h/new/r.git/info/refs?service=git-upload-pack", "https://h/new/r.git"),
        ("/moved.git/info/refs?service=x", "https://h/moved.git"),
        ("http://h/x/info/refs", None),
        ("https://h/login?next=/info/refs", None),
        ("ssh://h/x/info/refs", None),
        ("//other/x/info/refs", "https://other/x"),
    ],
)
def test_s30_redirects(location: str, target: str | None) -> None:
    url = parse_url("https://h/old.git")
    if target is None:
        with pytest.raises((DeniedError, InputError)):
            redirected(url, location)
    else:
        assert str(redirected(url, location)) == target


def test_the_library_reads_no_configuration_of_the_machine() -> None:
    isolate_library()
    for level in (ConfigLevel.SYSTEM, ConfigLevel.XDG, ConfigLevel.GLOBAL):
        assert pygit2.settings.search_path[level] == ""
