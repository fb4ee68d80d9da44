"""Properties that tables cannot show: sharing, randomness, certificates, bounds."""

from __future__ import annotations

import base64
import copy
import hashlib
from typing import Any

import bcrypt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from hypothesis import given
from hypothesis import strategies as st

from towline.errors import LimitError
from towline.render.gotemplate.functions import FunctionError
from towline.render.gotemplate.kinds import Int64, StringList, Uint8
from towline.render.sprig import Environment, functions
from towline.render.sprig.conversion import deep_equal, to_integer
from towline.render.sprig.dates import to_duration
from towline.render.sprig.merging import merge_into
from towline.render.sprig.urls import UrlError, build_url, parse_url
from towline.text.goyaml import NilList

_NOW = 1_700_000_000_123_456_789
_LEAVES = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "b"])
_MAPS = st.recursive(
    st.dictionaries(st.sampled_from("abc"), _LEAVES | st.lists(_LEAVES, max_size=2), max_size=3),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner | _LEAVES, max_size=3),
    max_leaves=6,
)


class _Bytes:
    """A source of bytes that can be foretold."""

    def __init__(self) -> None:
        self._count = 0

    def __call__(self, length: int) -> bytes:
        data = b""
        while len(data) < length:
            self._count += 1
            data += hashlib.sha256(b"%d" % self._count).digest()
        return data[:length]


def _call(name: str, *arguments: Any, helm: Any = "v3") -> Any:
    table = functions(Environment(now=lambda: _NOW, random_bytes=_Bytes()), helm=helm)
    return table[name].call(*arguments)


@given(_MAPS, _MAPS)
def test_merging_keeps_what_is_set_and_overwriting_does_not(
    target: dict[str, Any], source: dict[str, Any]
) -> None:
    kept, replaced = copy.deepcopy(target), copy.deepcopy(target)
    merge_into(kept, copy.deepcopy(source), overwrite=False)
    merge_into(replaced, copy.deepcopy(source), overwrite=True)
    assert set(target) <= set(kept)
    assert set(replaced) == set(target) | set(source)
    for key, value in target.items():
        if value and not isinstance(value, dict):
            assert kept[key] == value
    for key, value in source.items():
        if not isinstance(value, dict):
            assert replaced[key] == value


@given(_MAPS)
def test_a_copy_is_equal_and_shares_nothing(value: dict[str, Any]) -> None:
    copied = _call("deepCopy", value)
    assert deep_equal(copied, value)
    copied["new"] = 1
    assert "new" not in value


def test_maps_are_changed_in_place_and_copies_keep_their_types() -> None:
    shared: dict[str, Any] = {}
    assert _call("set", shared, "a", 1) is shared
    assert _call("unset", shared, "a") is shared
    assert type(_call("deepCopy", StringList(["a"]))) is StringList
    assert not deep_equal(1, Int64(1))
    assert not deep_equal(["a"], StringList(["a"]))


def test_merged_maps_may_not_nest_without_end() -> None:
    endless: dict[str, Any] = {}
    endless["a"] = endless
    other: dict[str, Any] = {}
    other["a"] = other
    with pytest.raises(LimitError):
        merge_into(endless, other, overwrite=False)


def test_the_same_bytes_give_the_same_choices() -> None:
    assert _call("randAlphaNum", 20) == _call("randAlphaNum", 20)
    assert len(set(_call("randAlphaNum", 2000))) == 62
    assert set(_call("randNumeric", 500)) == set("0123456789")
    assert {_call("randInt", 3, 5) for _ in range(1)} <= {3, 4}
    assert sorted(_call("shuffle", "abcdefgh")) == list("abcdefgh")
    assert _call("uuidv4")[14] == "4"
    assert len(base64.b64decode(_call("randBytes", 33))) == 33
    assert _call("randAlpha", -1) == ""


@pytest.mark.parametrize("name", ["randBytes", "randAlphaNum", "repeat", "until", "indent"])
def test_s58_results_without_bounds_are_refused(name: str) -> None:
    more = {"repeat": ("ab",), "indent": ("a\nb",)}.get(name, ())
    with pytest.raises(LimitError):
        _call(name, 2**40, *more)


def _shared(leaf: Any, levels: int) -> Any:
    """A small value that stands for 2 ** levels leaves."""
    value = leaf
    for level in range(levels):
        value = [value, value] if level % 2 else {"a": value, "b": value}
    return value


@pytest.mark.parametrize(
    "name",
    ["toYaml", "toYamlPretty", "toJson", "toPrettyJson", "toRawJson", "toToml", "deepCopy"],
)
def test_s58_shared_parts_do_not_expand_without_bounds(name: str) -> None:
    with pytest.raises(LimitError):
        _call(name, {"top": _shared("x" * 100_000, 40)})


def test_s58_comparing_and_merging_shared_parts_ends() -> None:
    with pytest.raises(LimitError):
        _call("deepEqual", _shared("x", 40), _shared("x", 40))
    with pytest.raises(LimitError):
        merge_into(_deep_map(40), _deep_map(40), overwrite=True)
    with pytest.raises(LimitError):
        _call("toYaml", _shared("x", 40))


def _deep_map(levels: int) -> Any:
    value: Any = {"x": 1}
    for _ in range(levels):
        value = {"a": value, "b": value}
    return value


def test_s58_replacing_and_joining_are_bounded() -> None:
    with pytest.raises(LimitError):
        _call("replace", "", "x" * 100_000, "y" * 1000)
    with pytest.raises(LimitError):
        _call("join", "x" * 1_000_000, ["a"] * 1000)
    with pytest.raises(LimitError):
        _call("wrapWith", 1, "x" * 100_000, "y" * 1000)


def test_an_authority_signs_certificates_for_names_and_addresses() -> None:
    authority = _call("genCA", "my-ca", 365)
    made = _call("genSignedCert", "svc", ["10.0.0.1", "::1"], ["svc.local"], 30, authority)
    signer = x509.load_pem_x509_certificate(authority.cert.encode())
    certificate = x509.load_pem_x509_certificate(made.cert.encode())
    certificate.verify_directly_issued_by(signer)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["svc.local"]
    assert [str(ip) for ip in names.get_values_for_type(x509.IPAddress)] == ["10.0.0.1", "::1"]
    constraints = signer.extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical
    assert constraints.value.ca
    assert int(certificate.not_valid_before_utc.timestamp()) == _NOW // 10**9
    assert (certificate.not_valid_after_utc - certificate.not_valid_before_utc).days == 30
    key = load_pem_private_key(made.key.encode(), None)
    assert key.public_key() == certificate.public_key()


@pytest.mark.parametrize(
    ("kind", "header"),
    [("ecdsa", "EC PRIVATE KEY"), ("ed25519", "PRIVATE KEY")],
)
def test_keys_of_each_kind_make_certificates(kind: str, header: str) -> None:
    key = _call("genPrivateKey", kind)
    assert key.startswith(f"-----BEGIN {header}-----\n")
    made = _call("genSelfSignedCertWithKey", "a", [], ["a"], 1, key)
    assert made.key == key
    x509.load_pem_x509_certificate(made.cert.encode())
    authority = _call("genCAWithKey", "ca", 1, key)
    signed = _call("genSignedCertWithKey", "b", [], [], 1, authority, key)
    x509.load_pem_x509_certificate(signed.cert.encode()).verify_directly_issued_by(
        x509.load_pem_x509_certificate(authority.cert.encode())
    )
    encoded = [base64.b64encode(text.encode()).decode() for text in (signed.cert, signed.key)]
    assert _call("buildCustomCert", *encoded).cert == signed.cert


@pytest.mark.parametrize(
    ("name", "arguments", "problem"),
    [
        ("genSelfSignedCert", ("a", [5], [], 1), "error parsing ip: 5 is not a string"),
        ("genSelfSignedCert", ("a", ["x"], [], 1), "error parsing ip: x"),
        (
            "genSelfSignedCert",
            ("a", [], [5], 1),
            "error processing alternate dns name: 5 is not a string",
        ),
        ("genCAWithKey", ("a", 1, "x"), "parsing private key: no PEM data in input"),
    ],
)
def test_certificates_are_refused_in_the_words_of_the_original(
    name: str, arguments: tuple[Any, ...], problem: str
) -> None:
    with pytest.raises(FunctionError) as raised:
        _call(name, *arguments)
    assert str(raised.value) == problem


def test_passwords_are_hashed_and_texts_encrypted() -> None:
    assert bcrypt.checkpw(b"secret", _call("bcrypt", "secret").encode())
    assert _call("htpasswd", "u", "p").startswith("u:$2a$10$")
    assert "72 bytes" in _call("bcrypt", "x" * 73)
    assert _call("decryptAES", "key", _call("encryptAES", "key", "texté")) == "texté"


def test_times_come_from_the_environment() -> None:
    assert _call("now").go_string() == "2023-11-14 22:13:20.123456789 +0000 UTC"
    assert _call("date", "2006", "no date") == "2023"
    assert _call("ago", Int64(1_699_999_000)) == "16m40s"
    assert _call("durationRound", _call("toDate", "2006-01-02", "2023-11-13")) == "1d"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("1h", "1h0m0s"),
        (" 90 ", "1m30s"),
        ("1.5", "1.5s"),
        (5, "5s"),
        (2.5, "2.5s"),
        ("0", "0s"),
        ("0.0", "0s"),
    ],
)
def test_helm_4_reads_durations_from_text_and_seconds(value: Any, shown: str) -> None:
    assert to_duration(value).go_string() == shown


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (None, "invalid duration"),
        ("", "empty duration"),
        ("x", 'could not parse duration "x"'),
        (True, "unsupported duration type bool"),
        ([], "unsupported duration type []interface {}"),
        (float("nan"), "invalid duration seconds: NaN"),
        (10**12, "duration seconds overflow: 1000000000000"),
    ],
)
def test_helm_4_refuses_other_durations(value: Any, problem: str) -> None:
    with pytest.raises(FunctionError) as raised:
        to_duration(value)
    assert str(raised.value) == problem


def test_helm_4_measures_durations() -> None:
    assert _call("durationMinutes", "90s", helm="v4") == 1.5
    assert _call("durationDays", "36h", helm="v4") == 1.5
    assert _call("durationMilliseconds", "1.5s", helm="v4") == 1500
    assert _call("durationSeconds", "x", helm="v4") == 0.0
    assert _call("durationRoundTo", "1h40m", "1h", helm="v4").go_string() == "2h0m0s"
    assert _call("durationTruncateTo", "1h40m", "1h", helm="v4").go_string() == "1h0m0s"
    assert _call("durationRoundTo", "1h40m", "x", helm="v4").go_string() == "1h40m0s"
    assert _call("mustToYaml", {"a": 1}, helm="v4") == "a: 1"
    assert _call("mustToToml", {"a": 1}, helm="v4") == "a = 1\n"


def test_prereleases_follow_the_generation_of_helm() -> None:
    assert not _call("semverCompare", ">=1.20-0 <1.30", "1.25.0-gke.1")
    assert _call("semverCompare", ">=1.20-0 <1.30", "1.25.0-gke.1", helm="v4")


def test_empty_results_that_go_holds_as_nil_are_null_in_yaml() -> None:
    assert _call("toYaml", _call("concat", [], [])) == "null"
    assert _call("toJson", _call("regexFindAll", "z", "a", -1)) == "null"
    assert _call("toYaml", {"a": NilList(), "b": []}) == "a: null\nb: []"


def test_structs_and_bytes_have_a_json_form() -> None:
    version = _call("semver", "1.2.3")
    moment = _call("toDate", "2006-01-02", "2024-01-02")
    made = _call("genCAWithKey", "ca", 1, _call("genPrivateKey", "ecdsa"))
    assert _call("toJson", [version, moment, b"hi", Uint8(5)]) == (
        '["1.2.3","2024-01-02T00:00:00Z","aGk=",5]'
    )
    assert sorted(_call("fromJson", _call("toJson", made))) == ["Cert", "Key"]
    assert _call("toJson", object()) == ""


@given(st.floats())
def test_floats_become_integers_as_on_amd64(value: float) -> None:
    number = to_integer(value)
    assert -(2**63) <= number < 2**63
    if abs(value) < 2**62:
        assert number == int(value)


@given(st.text("abc:/?#[]@%20.!*é", max_size=15))
def test_urls_that_are_read_can_be_written_and_read_again(text: str) -> None:
    try:
        url = parse_url(text)
    except UrlError:
        return
    if url.host or url.scheme:
        again = parse_url(build_url(url))
        assert (again.scheme, again.host, again.path) == (
            url.scheme,
            url.host,
            url.path if url.path.startswith("/") or not url.path else f"/{url.path}",
        )
