"""Real charts and template cases with the output of the real tools, where that data is at hand.

TOWLINE_RENDER_CORPUS names its folder; by default it is looked for beside the repository.
"""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from towline.cli.helm_files import LocalTree
from towline.cli.helm_template import gather_values, local_environment
from towline.errors import TowlineError
from towline.render.helm.capabilities import capabilities, parse_kube_version
from towline.render.helm.chart import ChartFile
from towline.render.helm.dependencies import (
    DependencyProcessing,
    check_dependencies,
    missing_dependencies,
)
from towline.render.helm.directory import read_directory
from towline.render.helm.loading import load_chart, load_values
from towline.render.helm.rendering import Engine
from towline.render.helm.strvals import (
    parse_set,
    parse_set_json,
    parse_set_literal,
    parse_set_string,
)
from towline.render.helm.template import (
    Release,
    check_installable,
    render_chart,
    text_of_release,
)
from towline.render.helm.values import Coalescing

_DEFAULT = Path(__file__).resolve().parents[4] / "shared" / "corpus"
CORPUS = Path(os.environ.get("TOWLINE_RENDER_CORPUS", _DEFAULT))
pytestmark = pytest.mark.skipif(
    not (CORPUS / "helm").is_dir(),
    reason=f"no render corpus at {CORPUS}; set TOWLINE_RENDER_CORPUS to its folder",
)
# The rules of the two generations differ little: the second pass takes only the cases that say so.
MAJORS = (3, 4)


@pytest.fixture(scope="module")
def engines() -> dict[int, Engine]:
    environment = local_environment()
    return {major: Engine(environment, major=major) for major in MAJORS}


def charts() -> list[str]:
    folder = CORPUS / "helm"
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def text_of(folder: Path, stem: str) -> str | None:
    plain, packed = folder / f"{stem}.yaml", folder / f"{stem}.yaml.gz"
    if plain.exists():
        return plain.read_bytes().decode()
    return gzip.decompress(packed.read_bytes()).decode() if packed.exists() else None


def render(engine: Engine, chart_folder: Path, case: Path, args: dict[str, Any], major: int) -> str:
    options = {
        "values": [str(case / name) for name in args.get("values", [])],
        "set_values": args.get("set", []),
        "set_string_values": args.get("set_string", []),
        "set_json_values": args.get("set_json", []),
        "set_file_values": [],
        "set_literal_values": [],
    }
    parse_kube_version(args["kube_version"], major=major)
    values = gather_values(options, major)
    chart = load_chart(read_directory(LocalTree(chart_folder), "", major=major), major=major)
    check_installable(chart)
    check_dependencies(chart, major=major)
    release = Release(
        name=args["release"],
        namespace=args["namespace"],
        major=major,
        kube_version=args["kube_version"],
        api_versions=tuple(args.get("api_versions", ())),
        is_upgrade=bool(args.get("is_upgrade")),
        include_crds=bool(args.get("include_crds")),
    )
    rendered = render_chart(chart, values, release, engine=engine)
    return text_of_release(rendered, hooks=not args.get("no_hooks"), major=major)


def objects(text: str, ignored: list[list[Any]]) -> list[Any]:
    """Documents with what differs from run to run taken out."""
    documents = list(yaml.load_all(text, Loader=yaml.CSafeLoader))
    for path in ignored:
        at: Any = documents
        try:
            for step in path[:-1]:
                at = at[step]
            at[path[-1]] = None
        except (KeyError, IndexError, TypeError):
            continue
    return [document for document in documents if document is not None]


@pytest.mark.parametrize("name", charts())
def test_a_real_chart_renders_as_helm_rendered_it(name: str, engines: dict[int, Engine]) -> None:
    folder = CORPUS / "helm" / name
    complete = not incomplete(folder / "chart")
    for case in sorted((folder / "cases").iterdir()):
        args = json.loads((case / "args.json").read_text())
        expected = text_of(case, "expected")
        if expected is None:
            for major in MAJORS:
                with pytest.raises(TowlineError):
                    render(engines[major], folder / "chart", case, args, major)
        elif complete:
            got = render(engines[3], folder / "chart", case, args, 3)
            compare(got, expected, args, case.name)
            second = text_of(case, "expected-helm4")
            if second is not None and not args.get("ignore"):
                got = render(engines[4], folder / "chart", case, args, 4)
                ignored = args.get("ignore", [])
                assert objects(got, ignored) == objects(second, ignored), case.name


def compare(got: str, expected: str, args: dict[str, Any], case: str) -> None:
    if args.get("ignore"):
        assert objects(got, args["ignore"]) == objects(expected, args["ignore"]), case
    else:
        assert got == expected, case


def incomplete(chart_folder: Path) -> bool:
    """Whether the data lacks a subchart; then the real program fails for it as well."""
    try:
        chart = load_chart(read_directory(LocalTree(chart_folder), ""))
    except TowlineError:
        return False
    return bool(missing_dependencies(chart)) and chart.name != "missing-dep"


def template_cases() -> Iterator[Any]:
    file = CORPUS / "gotemplate" / "cases.json"
    if file.exists():
        data = json.loads(file.read_text())
        groups: dict[str, list[Any]] = {}
        for case in data["cases"]:
            groups.setdefault(case.get("cat", ""), []).append({**case, "base": data["base"]})
        for group, cases in groups.items():
            yield pytest.param(cases, id=group)


@pytest.mark.parametrize("cases", list(template_cases()))
def test_a_template_prints_what_helms_engine_printed(
    cases: list[dict[str, Any]], engines: dict[int, Engine]
) -> None:
    for case in cases:
        if "expected" in case:
            assert print_template(engines[3], case) == case["expected"], case["id"]
        else:
            with pytest.raises(TowlineError):
                print_template(engines[3], case)


def print_template(engine: Engine, case: dict[str, Any]) -> str:
    base = case["base"]
    files = {**base["files"], "values.yaml": case.get("values", "")}
    files[base["template_name"]] = case["template"]
    if case.get("helpers"):
        files["templates/_helpers.tpl"] = case["helpers"]
    chart = load_chart([ChartFile(name, text.encode()) for name, text in sorted(files.items())])
    values = load_values(case.get("user_values", "").encode())
    for field, parse in (
        ("set_json", parse_set_json),
        ("set", parse_set),
        ("set_string", parse_set_string),
        ("set_literal", parse_set_literal),
    ):
        given = case.get(field) or []
        for text in [given] if isinstance(given, str) else given:
            parse(text, values)
    DependencyProcessing(3).process(chart, values)
    merged = Coalescing(3).coalesce(chart, values)
    offered = capabilities(
        major=3, kube_version=base["kube_version"], api_versions=base["api_versions"]
    )
    release = {
        "Name": base["release"],
        "Namespace": base["namespace"],
        "IsUpgrade": False,
        "IsInstall": True,
        "Revision": 1,
        "Service": "Helm",
    }
    return engine.render(chart, merged, release, offered)[f"mychart/{base['template_name']}"]
