import base64
import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towline.kube.protobuf import MAGIC, decode
from towline.kube.status import ApiError

# Encoded by the Kubernetes Go serializer; `object` is what its JSON serializer makes of the same.
RECORDED = json.loads((Path(__file__).parent / "data/protobuf_bodies.json").read_text())


@pytest.mark.parametrize("kind", RECORDED)
def test_recorded_bodies_decode_to_their_json_form(kind: Any) -> None:
    case = RECORDED[kind]
    assert decode(base64.b64decode(case["body"])) == case["object"]


def field(number: Any, payload: Any) -> Any:
    return bytes([number << 3 | 2, len(payload)]) + payload


def envelope(api_version: Any, kind: Any, raw: Any, content_type: Any = b"") -> Any:
    typed = field(1, api_version) + field(2, kind)
    return (
        MAGIC + field(1, typed) + field(2, raw) + (field(4, content_type) if content_type else b"")
    )


def test_json_inside_the_envelope_is_read() -> None:
    body = envelope(b"v1", b"ConfigMap", b'{"data":{"a":"b"}}', b"application/json")
    assert decode(body) == {"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "b"}}


def test_options_of_any_group_version_are_known() -> None:
    body = envelope(b"apps/v1", b"DeleteOptions", field(4, b"Orphan"))
    assert decode(body)["propagationPolicy"] == "Orphan"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        MAGIC + b"\x0a\xff",
        MAGIC + b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        MAGIC + b"\x0b",
        MAGIC + b"\x08\x01",
        envelope(b"v1", b"Nonsense", b""),
        envelope(b"v1", b"ConfigMap", b"\x0a"),
        envelope(b"v1", b"ConfigMap", b"\x08\x01"),
        envelope(b"v1", b"ConfigMap", field(1, field(1, b"\xff"))),
        envelope(b"v1", b"ConfigMap", b"{", b"application/json"),
    ],
)
def test_malformed_bodies_are_bad_requests(body: Any) -> None:
    with pytest.raises(ApiError) as caught:
        decode(body)
    assert caught.value.code == 400


@given(st.sampled_from(sorted(RECORDED)), st.data())
def test_damaged_bodies_decode_or_are_refused(kind: Any, data: Any) -> None:
    body = bytearray(base64.b64decode(RECORDED[kind]["body"]))
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(4, len(body) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(4, len(body)))
    with contextlib.suppress(ApiError):
        decode(bytes(body[:cut]))
