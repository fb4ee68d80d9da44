from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towline.errors import InputError
from towline.kube import quantity


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1000m", "1"),
        ("0.5", "500m"),
        ("1024Mi", "1Gi"),
        ("1536Mi", "1536Mi"),
        ("100m", "100m"),
        ("1.5Gi", "1536Mi"),
        ("0", "0"),
        ("0Gi", "0"),
        ("512Ki", "512Ki"),
        ("1000", "1k"),
        ("1500", "1500"),
        ("1e3", "1e3"),
        ("12e6", "12e6"),
        ("0.1Ki", "102400m"),
        ("691.692358G", "691.692358G"),
        ("1.500", "1.500"),
        ("0.500", "500m"),
        ("09774Gi", "09774Gi"),
        ("Gi", "0"),
        ("-1000m", "-1"),
        ("1n", "1n"),
        ("0.0000000001", "1n"),
        ("500Mi", "500Mi"),
        (".5", "500m"),
        ("2.", "2."),
        ("1M", "1M"),
        ("1000k", "1M"),
        (4, "4"),
        (0.5, "500m"),
        (5000, "5k"),
    ],
)
def test_the_canonical_text_is_what_the_api_shows(text: Any, expected: Any) -> None:
    assert quantity.canonical(text) == expected


@pytest.mark.parametrize(
    "text", ["", "abc", "1.2.3", "1 Gi", "K", "1Zi", "1e", "0x10", "1" * 100, True, None, []]
)
def test_what_is_no_quantity_is_refused(text: Any) -> None:
    with pytest.raises(InputError, match="quantit"):
        quantity.canonical(text)
    with pytest.raises(InputError):
        quantity.parse(text)


@pytest.mark.parametrize(
    ("text", "value"), [("100m", "0.1"), ("1Ki", "1024"), ("2k", "2000"), ("1e-3", "0.001")]
)
def test_values_are_exact(text: Any, value: Any) -> None:
    assert quantity.parse(text) == Decimal(value)


@given(
    st.integers(-(10**6), 10**6),
    st.sampled_from(["", "m", "k", "M", "G", "Ki", "Mi", "Gi", "u", "e3", "E-3"]),
)
def test_the_canonical_text_keeps_the_value_and_is_a_fixed_point(number: Any, suffix: Any) -> None:
    text = f"{number}{suffix}"
    canonical = quantity.canonical(text)
    assert quantity.parse(canonical) == quantity.parse(text)
    assert quantity.canonical(canonical) == canonical
