"""Checks a chart's values, and those of its subcharts, against their schemas."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, Final

from towline.render.helm.bounded import BoundedCache
from towline.render.helm.chart import Chart
from towline.render.helm.errors import ChartError
from towline.render.helm.schema.documents import Documents, parse_document
from towline.render.helm.schema.problems import shown
from towline.render.helm.schema.validator import Validator

_VALIDATORS: Final[BoundedCache[Validator]] = BoundedCache(128)


def check_values(
    chart: Chart, values: dict[str, Any], *, major: int, load: Callable[[str], bytes]
) -> None:
    """Validates values; does nothing for charts without a schema.

    Args:
        chart: The chart, after its dependencies were processed.
        values: Its coalesced values.
        major: Which Helm: 3 or 4.
        load: Fetches a schema that another one refers to.

    Raises:
        ChartError: The values do not fit; with Helm's message.
        LimitError: Validation takes too long.
    """
    findings = _findings(chart, values, major, load)
    if findings:
        raise ChartError(
            "values don't meet the specifications of the schema(s) in the following chart(s):\n"
            + findings
        )


def _findings(
    chart: Chart, values: dict[str, Any], major: int, load: Callable[[str], bytes]
) -> str:
    text = ""
    if chart.schema is not None:
        found = _validate(chart.schema, values, major, load)
        text = f"{chart.name}:\n{found}" if found else ""
    for subchart in chart.dependencies:
        inner = values.get(subchart.name)
        if not isinstance(inner, dict):
            if inner is not None and major > 3:
                text += f"{subchart.name}:\ninvalid type for values: expected object (map)\n"
            continue
        text += _findings(subchart, inner, major, load)
    return text


def _validate(
    schema: bytes, values: dict[str, Any], major: int, load: Callable[[str], bytes]
) -> str:
    try:
        problems = _validator(schema, major, load).problems(values)
    except ChartError as error:
        return error.message
    return shown(problems) + "\n" if problems else ""


def _validator(schema: bytes, major: int, load: Callable[[str], bytes]) -> Validator:
    key = hashlib.blake2b(schema, digest_size=20).hexdigest() + str(major)
    validator = _VALIDATORS.get(key)
    if validator is None:
        documents = Documents(parse_document(schema), load)
        validator = Validator(documents, major=major)
        if documents.alone:
            _VALIDATORS.put(key, validator)
    return validator
