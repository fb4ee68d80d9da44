"""What Go's own text/template prints and says, for texts over every part of the language.

`vectors.json` holds missing-key mode, text, kind of result, and the result.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from towline.render.gotemplate import TemplateError

ROWS = json.loads(Path(__file__).with_name("vectors.json").read_text("utf-8"))


def test_there_are_vectors_of_both_kinds() -> None:
    kinds = [kind for _, _, kind, _ in ROWS]
    assert kinds.count("text") > 200
    assert kinds.count("error") > 200


@pytest.mark.parametrize("first", range(0, len(ROWS), 50))
def test_a_text_renders_or_fails_as_in_go(render: Callable[..., str], first: int) -> None:
    for mode, text, kind, expected in ROWS[first : first + 50]:
        if kind == "text":
            assert render(text, mode) == expected, text
            continue
        with pytest.raises(TemplateError) as caught:
            render(text, mode)
        assert caught.value.message == expected, text
