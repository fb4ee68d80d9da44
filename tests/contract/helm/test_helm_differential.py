"""Charts that nobody wrote, rendered here and by the real helm: the same bytes, or both fail."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


@dataclass
class Chart:
    """A chart to be written to a folder."""

    name: str
    version: str
    values: dict[str, Any] = field(default_factory=dict)
    templates: dict[str, str] = field(default_factory=dict)
    dependencies: list[dict[str, Any]] = field(default_factory=list)
    subcharts: list[Chart] = field(default_factory=list)

    def write(self, folder: Path) -> None:
        (folder / "templates").mkdir(parents=True)
        about: dict[str, Any] = {"apiVersion": "v2", "name": self.name, "version": self.version}
        if self.dependencies:
            about["dependencies"] = self.dependencies
        (folder / "Chart.yaml").write_text(json.dumps(about))
        (folder / "values.yaml").write_text(json.dumps(self.values))
        for name, text in self.templates.items():
            (folder / "templates" / name).write_text(text)
        for subchart in self.subcharts:
            subchart.write(folder / "charts" / subchart.name)


KEYS = ["a", "b", "c", "one", "two", "list", "sub"]
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 2_000_000_000),
    st.sampled_from([0.5, -2.25, 1e6, 123456789.0, 1e21, 3.14159]),
    st.sampled_from(["", "x", "on", "007", "1e3", "a: b", "- x", "two\nlines\n", "ünï", "null"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)
    ),
    max_leaves=8,
)
TABLES = st.dictionaries(st.sampled_from([*KEYS, "global"]), VALUES, max_size=5)
MAPS = st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=4)

DUMP = """\
kind: {kind}
apiVersion: v1
metadata:
  name: {{{{ .Release.Name }}}}-{{{{ .Chart.Name }}}}
data:
  values: |
    {{{{- .Values | toYaml | nindent 4 }}}}
  json: {{{{ .Values | toJson | quote }}}}
  plain: {{{{ .Values | toString | b64enc }}}}
  names: {{{{ keys .Subcharts | sortAlpha | join "," | quote }}}}
  template: {{{{ .Template.Name }}}} {{{{ .Template.BasePath }}}}
"""


@st.composite
def charts(draw: st.DrawFn) -> Chart:
    names = draw(st.lists(st.sampled_from(["sub", "one", "two"]), unique=True, max_size=3))
    dependencies: list[dict[str, Any]] = []
    for name in names:
        entry: dict[str, Any] = {"name": name, "version": draw(st.sampled_from(["1.x", ">=0.1"]))}
        if draw(st.booleans()):
            entry["condition"] = draw(
                st.sampled_from([f"{name}.a", "b", f"{name}.b,a", "global.a", "c.one"])
            )
        if draw(st.booleans()):
            entry["tags"] = draw(st.lists(st.sampled_from(["a", "b"]), max_size=2))
        if draw(st.integers(0, 3)) == 0:
            entry["alias"] = f"{name}-alias"
        if draw(st.integers(0, 2)) == 0:
            entry["import-values"] = draw(
                st.lists(
                    st.one_of(
                        st.sampled_from(["a", "b"]),
                        st.fixed_dictionaries(
                            {
                                "child": st.sampled_from(["a", "b", "one.two", "global"]),
                                "parent": st.sampled_from([".", "a", "c.one", "global"]),
                            }
                        ),
                    ),
                    max_size=2,
                )
            )
        dependencies.append(entry)
    subcharts = []
    for name in names:
        values = draw(TABLES)
        if draw(st.booleans()):
            values["exports"] = draw(st.dictionaries(st.sampled_from(["a", "b"]), MAPS))
        subcharts.append(
            Chart(
                name=name,
                version="1.2.0",
                values=values,
                templates={"dump.yaml": DUMP.format(kind="ConfigMap")},
            )
        )
    values = draw(TABLES)
    for name in names:
        if draw(st.booleans()):
            values[name] = draw(MAPS)
    if draw(st.booleans()):
        values["tags"] = draw(st.dictionaries(st.sampled_from(["a", "b"]), st.booleans()))
    return Chart(
        name="root",
        version="1.0.0",
        values=values,
        dependencies=dependencies,
        templates={"dump.yaml": DUMP.format(kind=draw(st.sampled_from(["Secret", "Zebra"])))},
        subcharts=subcharts,
    )


SETS = st.lists(
    st.builds(
        lambda path, value: f"{path}={value}",
        st.sampled_from(
            [
                "a",
                "b.one",
                "list[0]",
                "list[1].a",
                "sub.a",
                "sub.b.one",
                r"a\.b",
                "global.a",
                "c[0][1]",
            ]
        ),
        st.sampled_from(
            ["1", "x", "null", "true", "{a,2,x}", "007", r"a\,b", "", "{}", "0", "1.5"]
        ),
    ),
    max_size=4,
)


@settings(
    max_examples=int(os.environ.get("TOWLINE_HELM_EXAMPLES", "60")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=False,
)
@given(chart=charts(), user=TABLES, sets=SETS, strings=SETS)
def test_values_of_generated_charts_come_out_the_same(
    real_helm: Any,
    rendering: Callable[..., str],
    outcome: Callable[..., tuple[str, str]],
    tmp_path_factory: pytest.TempPathFactory,
    chart: Chart,
    user: dict[str, Any],
    sets: list[str],
    strings: list[str],
) -> None:
    folder = tmp_path_factory.getbasetemp() / "generated"
    shutil.rmtree(folder, ignore_errors=True)
    chart.write(folder / "chart")
    file = folder / "user.yaml"
    file.write_text(json.dumps(user))
    args = ["rel", str(folder / "chart"), "-f", str(file), "--kube-version", "1.33.1"]
    args += [part for text in sets for part in ("--set", text)]
    args += [part for text in strings for part in ("--set-string", text)]
    printed, error = real_helm.template(*args)
    ours, our_error = outcome(
        rendering,
        folder / "chart",
        major=4,
        values=[str(file)],
        set_values=sets,
        set_string_values=strings,
    )
    assert bool(our_error) == bool(error), (our_error, error)
    if not error:
        assert ours == printed.decode()


LINES = st.sampled_from(
    [
        *("---", "--- ", "---\t# note", "---kind: Y", " ---", "", "  ", "# note", "..."),
        *("kind: Pod", "kind: Zebra", "kind: 5", "Kind: Job", "apiVersion: v1", "metadata:"),
        *("  name: a", "  name: 7", "  annotations:", "    helm.sh/hook: pre-install"),
        *("    helm.sh/hook: test", "    helm.sh/hook: none", "    a: b", "data: |", "  text"),
        *("list:", "- x", "- {a: b}", "empty: {}", "nothing:", "&x a: 1", "b: *x", "<<: {c: d}"),
        *('"q": 1', "'kind': Q", "kind: [a]", "a: b: c", "{", "]", "\tx: y", "x: .inf", "? k"),
    ]
)


@settings(
    max_examples=int(os.environ.get("TOWLINE_HELM_EXAMPLES", "40")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(files=st.lists(st.lists(LINES, max_size=8), min_size=1, max_size=3))
def test_documents_of_generated_templates_come_out_the_same(
    real_helm: Any,
    rendering: Callable[..., str],
    outcome: Callable[..., tuple[str, str]],
    tmp_path_factory: pytest.TempPathFactory,
    files: list[list[str]],
) -> None:
    folder = tmp_path_factory.getbasetemp() / "documents"
    shutil.rmtree(folder, ignore_errors=True)
    templates = {f"{number}.yaml": "\n".join(lines) for number, lines in enumerate(files)}
    Chart(name="root", version="1.0.0", templates=templates).write(folder)
    printed, error = real_helm.template("rel", str(folder), "--kube-version", "1.33.1")
    ours, our_error = outcome(rendering, folder, major=4)
    assert bool(our_error) == bool(error), (our_error, error)
    if not error:
        assert ours == printed.decode()


NAMES = {"V": "$.Values.x", "W": "$.Values.y"}
ACTIONS = st.sampled_from(
    [
        *(
            "{{ V }}",
            "{{ V | quote }}",
            "{{ V | toYaml }}",
            "{{ V | toJson }}",
            "{{ printf `%v` V }}",
        ),
        *(
            "{{ kindOf V }}",
            "{{ typeOf V }}",
            "{{ V | default `d` }}",
            "{{ empty V }}",
            "{{ not V }}",
        ),
        *("{{ if V }}t{{ else }}f{{ end }}", "{{ with V }}{{ . }}{{ else }}-{{ end }}"),
        *("{{ range $k, $v := V }}{{ $k }}={{ $v }};{{ else }}none{{ end }}", "{{ len V }}"),
        *(
            "{{ V | toString | upper }}",
            "{{ V | toString | trunc 3 }}",
            "{{ V | int }}",
            "{{ V | float64 }}",
        ),
        *("{{ V | int64 | add 1 }}", "{{ mul 2 V }}", "{{ V | toString | b64enc | b64dec }}"),
        *(
            "{{ V | toString | sha256sum }}",
            "{{ eq V W }}",
            "{{ ne V nil }}",
            "{{ lt V W }}",
            "{{ and V W }}",
        ),
        *(
            "{{ or V W }}",
            "{{ coalesce V W `z` }}",
            "{{ ternary `a` `b` (empty V) }}",
            "{{ list V W | toJson }}",
        ),
        *("{{ dict `k` V `l` W | toYaml }}", "{{ deepEqual V W }}", "{{ V | toYaml | indent 2 }}"),
        *(
            "{{ V | toYaml | fromYaml | toJson }}",
            "{{ V | toJson | fromJson | toYaml }}",
            "{{ get V `a` }}",
        ),
        *(
            "{{ hasKey V `a` }}",
            "{{ V.a }}",
            "{{ V.a.b }}",
            "{{ index V `a` }}",
            "{{ index V 0 }}",
            "{{ first V }}",
        ),
        *(
            "{{ last V }}",
            "{{ rest V }}",
            "{{ uniq V | toJson }}",
            "{{ V | join `,` }}",
            "{{ sortAlpha V }}",
        ),
        *(
            "{{ merge V W | toYaml }}",
            "{{ mergeOverwrite V W | toYaml }}",
            "{{ keys V | sortAlpha }}",
        ),
        *(
            "{{ pick V `a` | toJson }}",
            "{{ omit V `a` | toJson }}",
            "{{ dig `a` `b` `d` V }}",
            "{{ without V W }}",
        ),
        *(
            "{{ tpl `{{ .Values.x }}` $ }}",
            "{{ include `help` V }}",
            "{{ required `need` V }}",
            "{{ fail `x` }}",
        ),
        *(
            "{{ printf `%s|%d|%q` V W V }}",
            "{{ V | squote }}",
            "{{ cat V W }}",
            "{{ toToml V }}",
            "{{ V | toRawJson }}",
        ),
        *(
            "{{- $x := V }}{{ $x = W }}{{ $x }}",
            "{{ V | compact }}",
            "{{ has V W }}",
            "{{ append V W }}",
        ),
        *(
            "{{ regexMatch `^a` V }}",
            "{{ V | replace `a` `b` }}",
            "{{ splitList `,` V }}",
            "{{ nindent 4 V }}",
        ),
        *(
            "{{ semverCompare `>=1.0` V }}",
            "{{ atoi V }}",
            "{{ seq 1 V }}",
            "{{ until V }}",
            "{{ round V 1 }}",
        ),
        *(
            "{{ kindIs `map` V }}",
            "{{ typeIs `string` V }}",
            "{{ toPrettyJson V }}",
            "{{ title V }}",
            "{{ V | trim }}",
        ),
    ]
)


@settings(
    max_examples=int(os.environ.get("TOWLINE_HELM_EXAMPLES", "60")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(actions=st.lists(ACTIONS, min_size=1, max_size=3), x=VALUES, y=VALUES)
def test_functions_on_generated_values_print_the_same(
    real_helm: Any,
    rendering: Callable[..., str],
    outcome: Callable[..., tuple[str, str]],
    tmp_path_factory: pytest.TempPathFactory,
    actions: list[str],
    x: Any,
    y: Any,
) -> None:
    folder = tmp_path_factory.getbasetemp() / "functions"
    shutil.rmtree(folder, ignore_errors=True)
    text = re.sub(r"\b[VW]\b", lambda found: NAMES[found[0]], "\n".join(actions))
    helpers = "{{ define `help` }}<{{ . }}>{{ end }}{{ define `text` }}" + text + "{{ end }}"
    templates = {
        "a.yaml": "kind: List\ntext: {{ include `text` . | quote }}\n",
        "_h.tpl": helpers,
    }
    chart = Chart(name="root", version="1.0.0", values={"x": x, "y": y}, templates=templates)
    chart.write(folder)
    printed, error = real_helm.template("rel", str(folder), "--kube-version", "1.33.1")
    ours, our_error = outcome(rendering, folder, major=4)
    assert our_error.strip() == error
    assert ours == printed.decode()
