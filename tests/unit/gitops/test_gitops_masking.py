"""Secret values never leave the engine, and still show whether they are the same."""

from __future__ import annotations

import base64
import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towline.argo.names import LAST_APPLIED
from towline.gitops.masking import MASK, mask, mask_all, sensitive_annotations

CANARY = "canary-5e1f"
CODED = base64.b64encode(CANARY.encode()).decode()


def secret(data: Any = None, applied: Any = None, **more: Any) -> Any:
    notes = {} if applied is None else {LAST_APPLIED: applied}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "s", "annotations": notes},
        **({} if data is None else {"data": data}),
        **more,
    }


def test_equal_values_get_equal_masks_and_others_get_longer_ones() -> None:
    record = json.dumps(secret({"a": "QQ==", "b": "Qg=="}))
    shown = mask(secret({"a": "QQ==", "b": "Qg=="}), secret({"a": "QQ==", "b": "Qw=="}, record))
    assert shown.target is not None
    assert shown.live is not None
    assert shown.target["data"] == {"a": MASK, "b": MASK}
    assert shown.live["data"] == {"a": MASK, "b": MASK + "++++"}
    told = json.loads(shown.live["metadata"]["annotations"][LAST_APPLIED])
    assert told["data"] == {"a": MASK, "b": MASK}


def test_three_different_values_get_three_masks() -> None:
    record = json.dumps(secret(stringData={"a": "third"}))
    shown = mask(secret(stringData={"a": "first"}), secret({"a": "Qg=="}, record))
    assert shown.target is not None
    assert shown.live is not None
    assert "stringData" not in shown.target
    assert shown.target["data"] == {"a": "++++++++"}
    assert shown.live["data"] == {"a": "++++++++++++"}
    told = json.loads(shown.live["metadata"]["annotations"][LAST_APPLIED])
    assert told["data"] == {"a": "++++++++++++++++"}


@pytest.mark.parametrize("record", ["{broken " + CODED, f'["{CANARY}"]', CANARY])
def test_a_record_that_is_no_object_is_hidden_whole(record: str) -> None:
    shown = mask(None, secret({"a": CODED}, record))
    assert shown.target is None
    assert shown.live is not None
    assert shown.live["metadata"]["annotations"][LAST_APPLIED] == MASK


def test_named_annotations_of_secrets_are_secret_too() -> None:
    target = secret({})
    target["metadata"]["annotations"] = {"token": CANARY, "note": "open"}
    live = secret({}, json.dumps(target))
    live["metadata"]["annotations"] |= {"token": "other", "note": "open"}
    shown = mask(target, live, sensitive_annotations("token, "))
    assert CANARY not in json.dumps([shown.target, shown.live])
    assert shown.target is not None
    assert shown.live is not None
    assert shown.target["metadata"]["annotations"] == {"token": MASK, "note": "open"}
    notes = shown.live["metadata"]["annotations"]
    assert (notes["token"], notes["note"]) == (MASK + "++++", "open")
    whole = mask(target, live, {LAST_APPLIED}).live
    assert whole is not None
    assert whole["metadata"]["annotations"][LAST_APPLIED] == MASK


PLACES = [
    secret({"a": CODED}),
    secret(stringData={"a": CANARY}),
    secret(stringData={"a": {"deep": CANARY}}),
    secret({"a": [CODED]}),
    secret(data=CODED),
    secret(stringData=[CANARY]),
    secret({}, json.dumps(secret({"a": CODED}))),
    secret({}, json.dumps(secret(stringData={"a": CANARY}))),
    secret({}, json.dumps(secret({}, json.dumps(secret({"a": CODED}))))),
    {"apiVersion": "v1", "kind": "List", "items": [secret({"a": CODED}), {"kind": "Pod"}]},
    {"apiVersion": "v1", "kind": "SecretList", "items": [{"data": {"a": CODED}}, None]},
    {"apiVersion": "x.io/v1", "kind": "Template", "spec": {"objects": [secret({"a": CODED})]}},
    {
        "apiVersion": "x.io/v1",
        "kind": "Template",
        "metadata": {"annotations": {LAST_APPLIED: json.dumps(secret({"a": CODED}))}},
        "spec": {"made": secret({"a": CODED})},
    },
]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("side", ["target", "live"])
def test_s26_secret_values_are_hidden_wherever_they_stand(place: Any, side: str) -> None:
    before = copy.deepcopy(place)
    target, live = (place, secret({})) if side == "target" else (None, place)
    text = json.dumps(mask_all([target, live]))
    assert CANARY not in text
    assert CODED not in text
    assert place == before


def test_what_is_no_secret_comes_back_as_it_is() -> None:
    config = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "b"}}
    other = {"apiVersion": "x.io/v1", "kind": "Secret", "data": {"a": "b"}}
    assert mask_all([config, None, other]) == [config, None, other]


VALUES = st.dictionaries(st.sampled_from("abc"), st.sampled_from(["QQ==", "Qg==", "Qw==", None]))


@given(st.lists(VALUES, min_size=2, max_size=4))
def test_masks_are_equal_exactly_when_values_are(forms: Any) -> None:
    shown = mask_all([secret(data) for data in forms])
    for name in "abc":
        pairs = [
            (data.get(name) or "", masked["data"][name])
            for data, masked in zip(forms, shown, strict=True)
            if name in data and masked is not None
        ]
        for value, hidden in pairs:
            for other, hidden_too in pairs:
                assert (value == other) == (hidden == hidden_too)
