"""`helm template` on small charts: functions, scopes, limits, errors, what is printed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from towline.errors import LimitError
from towline.render.gotemplate.limits import Limits
from towline.render.helm.capabilities import DEFAULT_API_VERSIONS, parse_kube_version
from towline.render.helm.errors import ChartError, RenderError
from towline.render.helm.files import Files
from towline.render.helm.globs import compile_glob
from towline.render.helm.inflation import inflate_chart
from towline.render.helm.rendering import Engine, RenderLimits
from towline.render.helm.template import Release
from towline.render.sprig import Environment

Template = Callable[..., str]
PREFIX = "---\n# Source: web/templates/a.yaml\n"


def one(text: str, **files: str) -> dict[str, str]:
    more = {name.replace("__", "/").replace("_dot_", "."): data for name, data in files.items()}
    return {"templates/a.yaml": text, **more}


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("{{ .Release.Name }} {{ .Release.Namespace }} {{ .Release.Service }}", "rel default Helm"),
        (
            "{{ .Release.IsInstall }} {{ .Release.IsUpgrade }} {{ .Release.Revision }}",
            "true false 1",
        ),
        ("{{ .Chart.Name }}-{{ .Chart.Version }} {{ .Chart.IsRoot }}", "web-1.2.3 true"),
        ("{{ .Template.Name }} {{ .Template.BasePath }}", "web/templates/a.yaml web/templates"),
        ("{{ .Capabilities.KubeVersion }} {{ .Capabilities.KubeVersion.Minor }}", "v1.33.0 33"),
        ("{{ .Capabilities.KubeVersion | print }}", "{v1.33.0 1 33}"),
        ("{{ .Capabilities.KubeVersion | html }}", "{v1.33.0 1 33}"),
        ("{{ .Chart }}", "{{web  [] 1.2.3  [] []  v2    false map[]  [] } true}"),
        ('{{ .Capabilities.APIVersions.Has "batch/v1" }}', "true"),
        ('{{ .Capabilities.APIVersions.Has "x/v1" }}', "false"),
        ("{{ .Values.a }}{{ .Values.none }}", "1"),
        ('{{ .Files.Get "conf/x.txt" | quote }}', r'"one\ntwo"'),
        ('{{ range $n, $_ := .Files.Glob "conf/*" }}{{ $n }} {{ end }}', "conf/x.txt conf/y.bin"),
        ('{{ .Files.Lines "conf/x.txt" }}', "[one two]"),
        ('{{ (.Files.Glob "conf/*.txt").AsConfig | quote }}', r'"x.txt: |-\n  one\n  two"'),
        ('{{ (.Files.Glob "conf/*.bin").AsSecrets }}', "y.bin: w78="),
        ('{{ tpl "{{ .Values.a }}-{{ .Values.none }}" . }}', "1-"),
        ('{{ tpl "{{ include \\"help\\" . }}" . }}', "<1>"),
        ('{{ tpl "{{ define \\"z\\" }}z{{ end }}" . }}{{ include "help" . }}', "<1>"),
        ('{{ tpl "{{ tpl \\"{{/* c */}}\\" . }}x" . }}', "x"),
        ('{{ required "need" .Values.a }}', "1"),
        ('{{ lookup "v1" "Secret" "ns" "x" | toJson }}', "{}"),
        ('{{ getHostByName "localhost" | quote }}', '""'),
        ('{{ env "HOME" }}', None),
    ],
)
def test_templates_see_what_helm_gives_them(
    template: Template, text: str, printed: str | None
) -> None:
    files = {
        **one(f"# {text}"),
        "templates/_h.tpl": '{{ define "help" }}<{{ .Values.a }}>{{ end }}',
        "values.yaml": "a: 1",
        "conf/x.txt": "one\ntwo",
        "conf/y.bin": "ÿ".encode("latin-1").decode("latin-1"),
    }
    if printed is None:
        with pytest.raises(RenderError, match="not defined"):
            template(files)
        return
    got = template(files).removeprefix(PREFIX).strip("\n")
    assert got == f"# {printed}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '{{ required "need a" .Values.x }}',
            "execution error at (web/templates/a.yaml:1:3): need a",
        ),
        ('{{ fail "no" }}', "execution error at (web/templates/a.yaml:1:3): no"),
        ('{{ include "bad" . }}', "execution error at (web/templates/a.yaml:1:3): deep"),
        ("{{ if }}", "parse error at (web/templates/a.yaml:1): missing value for if"),
        (
            "{{ .Values.a.b.c }}",
            (
                'template: web/templates/a.yaml:1:10: executing "web/templates/a.yaml" at '
                "<.Values.a.b.c>: nil pointer evaluating interface {}.b"
            ),
        ),
        (
            '{{ tpl "{{ .a.b }}" . }}',
            (
                'template: web/templates/a.yaml:1:3: executing "web/templates/a.yaml" at '
                '<tpl "{{ .a.b }}" .>: error calling tpl: error during tpl function execution for '
                '"{{ .a.b }}": template: gotpl:1:5: executing "gotpl" at <.a.b>: '
                "nil pointer evaluating interface {}.b"
            ),
        ),
    ],
)
def test_errors_have_helms_words(template: Template, text: str, message: str) -> None:
    bad = '{{ define "bad" }}{{ fail "deep" }}{{ end }}'
    with pytest.raises(RenderError) as caught:
        template({**one(text), "templates/_h.tpl": bad})
    assert caught.value.message == message


def test_helm_4_lays_out_errors_in_lines(template: Template) -> None:
    helper = '{{ define "h" }}{{ .Values.a.b }}{{ end }}'
    with pytest.raises(RenderError) as caught:
        template({**one('{{ include "h" . }}'), "templates/_h.tpl": helper}, major=4)
    assert caught.value.message == (
        "web/templates/a.yaml:1:3\n"
        '  executing "web/templates/a.yaml" at <include "h" .>:\n'
        "    error calling include:\n"
        "web/templates/_h.tpl:1:26\n"
        '  executing "h" at <.Values.a.b>:\n'
        "    nil pointer evaluating interface {}.b"
    )


def test_helm_4_gives_the_chart_as_a_map(template: Template) -> None:
    text = "# {{ .Chart.Foo }}{{ len .Chart.Maintainers }} {{ kindOf .Chart }}"
    assert template(one(text), major=4).strip("\n").endswith("# 0 map")
    with pytest.raises(RenderError, match="can't evaluate field Foo"):
        template(one(text))


def test_numbers_of_files_and_of_set_differ(template: Template) -> None:
    files = {**one("# {{ .Values.big }}"), "values.yaml": "big: 1000000"}
    assert "# 1e+06" in template(files)


def test_subcharts_see_their_own_values_and_globals(template: Template) -> None:
    files = {
        "values.yaml": "global: {g: 1}\nsub: {x: parent}",
        "charts/sub/Chart.yaml": "apiVersion: v2\nname: sub\nversion: 1.0.0\n",
        "charts/sub/values.yaml": "x: own\nz: own",
        "charts/sub/templates/b.yaml": "# {{ .Values.x }} {{ .Values.z }} {{ .Values.global.g }}",
        "templates/a.yaml": "# {{ .Subcharts.sub.Values.z }}",
    }
    printed = template(files)
    assert "# Source: web/charts/sub/templates/b.yaml\n# parent own 1" in printed
    assert "# Source: web/templates/a.yaml\n# own" in printed


def test_library_charts_lend_partials_only(template: Template) -> None:
    files = {
        "charts/lib/Chart.yaml": "apiVersion: v2\nname: lib\nversion: 1.0.0\ntype: library\n",
        "charts/lib/templates/_l.tpl": '{{ define "l" }}lent{{ end }}',
        "charts/lib/templates/full.yaml": "never: printed",
        "templates/a.yaml": '# {{ include "l" . }}',
    }
    assert template(files) == f"{PREFIX}# lent\n"


def test_hooks_crds_and_tests_are_printed_when_wanted(template: Template) -> None:
    job = "kind: Job\nmetadata: {{name: {0}, annotations: {{helm.sh/hook: {0}}}}}"
    files = {
        "templates/a.yaml": "kind: Pod",
        "templates/h.yaml": job.format("pre-install"),
        "templates/t.yaml": job.format("test"),
        "templates/NOTES.txt": "never {{ .Release.Name }}",
        "crds/c.yaml": "kind: CustomResourceDefinition\n",
        "crds/README.md": "no manifest",
    }

    def sources(**options: Any) -> list[str]:
        lines = template(files, **options).split("\n")
        return [line.removeprefix("# Source: web/") for line in lines if line.startswith("# S")]

    plain = ["templates/a.yaml", "templates/h.yaml", "templates/t.yaml"]
    assert sources() == plain
    assert sources(include_crds=True) == ["crds/c.yaml", *plain]
    assert sources(show={"hooks": False}) == plain[:1]
    assert sources(show={"tests": False}) == plain[:2]
    assert sources(show={"show_only": ("templates/t*.yaml",)}) == plain[2:]
    with pytest.raises(ChartError, match=r"could not find template x\.yaml in chart"):
        sources(show={"show_only": ("x.yaml",)})


def test_a_post_renderer_changes_the_manifests_but_not_the_hooks(template: Template) -> None:
    files = {
        "templates/a.yaml": "kind: Pod",
        "templates/h.yaml": "kind: Job\nmetadata: {annotations: {helm.sh/hook: pre-install}}",
    }
    printed = template(files, show={"post_render": lambda text: text.replace("kind", "KIND")})
    assert printed.count("KIND") == 1
    assert "kind: Job" in printed


@pytest.mark.parametrize(
    ("name", "good"),
    [("rel", True), ("a.b-c", True), ("Rel", False), ("x" * 54, False), ("", False), ("-a", False)],
)
def test_release_names_are_checked(template: Template, name: str, good: bool) -> None:
    if good:
        assert template(one("# x"), name=name)
    else:
        with pytest.raises(ChartError, match="release name"):
            template(one("# x"), name=name)


def test_the_kubernetes_version_has_to_fit(template: Template) -> None:
    chart = "apiVersion: v2\nname: web\nversion: 1.0.0\nkubeVersion: '>=1.30.0-0'\n"
    files = {"Chart.yaml": chart, **one("# x")}
    assert template(files, kube_version="1.30.1-gke.5")
    with pytest.raises(RenderError) as caught:
        template(files, kube_version="1.29")
    assert caught.value.message == (
        "chart requires kubeVersion: >=1.30.0-0 which is incompatible with Kubernetes v1.29.0"
    )


@pytest.mark.parametrize(
    ("text", "three", "four"),
    [
        ("1.31", "v1.31.0", "v1.31"),
        ("v1.31.4-gke.1", "v1.31.4-gke.1", "v1.31.4-gke.1"),
        ("v1.31.4+k3s1", "v1.31.4+k3s1", "v1.31.4+k3s1"),
    ],
)
def test_kubernetes_versions_are_read(text: str, three: str, four: str) -> None:
    assert parse_kube_version(text, major=3).version == three
    assert parse_kube_version(text, major=4).version == four


@pytest.mark.parametrize(
    ("text", "normalized"),
    [
        ("1.19", "v1.19"),
        (" v1.33.4-gke.1", "v1.33.4"),
        ("1.030.1+k3s", "v1.30.1"),
        ("1.2.3.4", "v1.2.3.4"),
    ],
)
def test_helm_4_normalizes_kubernetes_versions_as_kubernetes_does(
    text: str, normalized: str
) -> None:
    version = parse_kube_version(text, major=4)
    assert version.normalized == normalized
    with pytest.raises(ChartError, match="illegal zero-prefixed version component"):
        parse_kube_version("01.2", major=4)


@pytest.mark.parametrize("text", ["abc", "", "1.x", "v"])
def test_malformed_kubernetes_versions_are_refused(text: str) -> None:
    for major in (3, 4):
        with pytest.raises(ChartError, match="invalid kube version"):
            parse_kube_version(text, major=major)


def test_each_helm_knows_the_api_versions_of_its_time() -> None:
    assert len(DEFAULT_API_VERSIONS[3]) == 57
    assert "autoscaling/v2beta2" in DEFAULT_API_VERSIONS[3]
    assert "autoscaling/v2beta2" not in DEFAULT_API_VERSIONS[4]
    assert "resource.k8s.io/v1" in DEFAULT_API_VERSIONS[4]


def test_api_versions_of_the_caller_are_added(template: Template) -> None:
    text = '# {{ .Capabilities.APIVersions.Has "x/v1/Y" }}'
    assert "# true" in template(one(text), api_versions=("x/v1/Y",))


def test_lookup_goes_through_its_port(template: Template, environment: Environment) -> None:
    def lookup(version: str, kind: str, namespace: str, name: str) -> dict[str, Any]:
        return {"data": f"{version} {kind} {namespace} {name}"}

    engine = Engine(environment, lookup=lookup)
    assert "# v1 Pod n x" in template(
        one('# {{ (lookup "v1" "Pod" "n" "x").data }}'), engine=engine
    )


def test_lint_mode_passes_over_required_and_fail(
    template: Template, environment: Environment
) -> None:
    engine = Engine(environment, lint=True)
    files = one('# {{ required "x" .Values.x }}{{ fail "y" }}z')
    assert "# z" in template(files, engine=engine)


def test_strict_mode_refuses_what_is_not_there(
    template: Template, environment: Environment
) -> None:
    with pytest.raises(RenderError, match='map has no entry for key "x"'):
        template(one("# {{ .Values.x }}"), engine=Engine(environment, strict=True))


@pytest.mark.parametrize(
    "text",
    [
        '{{ env "PATH" }}',
        '{{ expandenv "$PATH" }}',
        '{{ getHostByName "localhost" | required "no address" }}',
        "{{ .Values.__class__ }}{{ .Values.__class__.__mro__ }}",
        "{{ .Files.__init__ }}",
        "{{ .Chart.metadata }}",
        "{{ .Capabilities.kube_version }}",
        "{{ .Release.keys }}{{ .Release.keys.x }}",
        '{{ include "loop" . }}',
        "{{ range until 3000 }}{{ range until 3000 }}x{{ end }}{{ end }}",
        '{{ $x := "x" }}{{ range until 40 }}{{ $x = print $x $x }}{{ end }}{{ $x }}',
        '{{ repeat 2000000000 "x" }}',
    ],
)
def test_s61_templates_cannot_reach_out_or_run_away(
    template: Template, environment: Environment, text: str
) -> None:
    limits = RenderLimits(output=2_000_000, template=Limits(output=2_000_000, steps=100_000))
    loop = '{{ define "loop" }}{{ include "loop" . }}{{ end }}'
    with pytest.raises((RenderError, LimitError)):
        template({**one(text), "templates/_l.tpl": loop}, engine=Engine(environment, limits=limits))


def test_s62_templates_look_up_no_names(template: Template) -> None:
    assert '# ""' in template(one('# {{ getHostByName "localhost" | quote }}'))


def test_all_templates_together_are_bounded(template: Template, environment: Environment) -> None:
    files = {f"templates/{number}.yaml": f"# {'x' * 600}" for number in range(4)}
    engine = Engine(environment, limits=RenderLimits(output=2000))
    with pytest.raises(LimitError, match=r"exceeds the limit|more than 2000"):
        template(files, engine=engine)
    times = iter(range(0, 1000, 20))
    slow = Engine(environment, clock=lambda: float(next(times)))
    with pytest.raises(LimitError, match=r"60 s"):
        template(files, engine=slow)


def test_a_name_template_names_the_release(engines: dict[int, Engine]) -> None:
    assert engines[3].release_name('{{ "A-B" | lower }}-{{ add 1 2 }}') == "a-b-3"


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("*.txt", "a.txt", True),
        ("*.txt", "d/a.txt", False),
        ("**.txt", "d/a.txt", True),
        ("d/*", "d/a.txt", True),
        ("d/**", "d/e/f", True),
        ("{a,b*}.txt", "bc.txt", True),
        ("{a,b*}.txt", "c.txt", False),
        ("[ab].txt", "b.txt", True),
        ("[!ab].txt", "b.txt", False),
        ("[a-c].txt", "b.txt", True),
        ("?.txt", "/.txt", False),
        (r"\*.txt", "*.txt", True),
        ("[", "anything", True),
        ("[b-a]", "anything", True),
    ],
)
def test_globs_of_files_match_as_in_helm(pattern: str, name: str, matches: bool) -> None:
    assert compile_glob(pattern)(name) is matches
    assert (name in Files({name: b""}).glob(pattern)) is matches


def test_a_chart_of_a_tree_is_inflated_for_other_tools(
    tree: Callable[..., Any], engines: dict[int, Engine]
) -> None:
    files = tree(
        {
            "charts/web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
            "charts/web/templates/a.yaml": "# {{ .Release.Name }} {{ .Values.a }} {{ .Values.b }}",
        }
    )
    text = inflate_chart(
        files,
        "charts/web",
        Release(name=""),
        engine=engines[3],
        values=[b"a: 1\nb: 1", b"b: 2"],
    )
    assert text == f"{PREFIX}# release-name 1 2\n"
    named = inflate_chart(
        files, "charts/web", Release(name="x"), engine=engines[3], name_template="n-{{ 1 }}"
    )
    assert named == f"{PREFIX}# n-1\n"


HELPERS = """{{ define "has" }}{{ hasKey .labels "x" }}{{ end }}
{{- define "deep" }}{{ $it := . }}{{ keys $it.a.b | len }}{{ end }}
{{- define "upper" }}{{ upper .name }}{{ end }}
{{- define "length" }}{{ len .name }}{{ end }}"""


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ('{{ include "has" .Values.none }}', "false"),
        ('{{ include "has" .Values.m.none }}', "false"),
        ('{{ template "has" .Values.none }}', "false"),
        ('{{ include "deep" .Values.none }}', "0"),
        ('{{ hasKey ((.Values.none).labels) "x" }}', "false"),
    ],
)
def test_a_field_of_no_value_at_all_is_a_nil_map_where_a_map_is_wanted(
    template: Template, text: str, printed: str
) -> None:
    files = one(f"# {text}", templates___helpers_dot_tpl=HELPERS)
    assert template(files, {"m": {}}) == f"{PREFIX}# {printed}\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{{ include "upper" .Values.none }}', "<.name>: invalid value; expected string"),
        ('{{ include "upper" .Values.m }}', "expected string; got interface {}"),
        ('{{ include "length" .Values.none }}', "reflect.Value.Type on zero Value"),
        ('{{ include "length" .Values.m }}', "error calling len: len of nil pointer"),
    ],
)
def test_errors_tell_no_value_from_a_nil_entry(template: Template, text: str, message: str) -> None:
    files = one(text, templates___helpers_dot_tpl=HELPERS)
    with pytest.raises(RenderError) as caught:
        template(files, {"m": {}})
    assert caught.value.message.endswith(message)


@pytest.mark.parametrize(
    ("text", "three", "four"),
    [
        (
            "Kind: [1]",
            "array into Go struct field SimpleHead.kind of type string",
            "array into Go struct field .Kind of type string",
        ),
        (
            "metadata: {annotations: {a: {}}}",
            "object into Go struct field .metadata.annotations of type string",
            "object into Go struct field .metadata.annotations.a of type string",
        ),
    ],
)
def test_each_helm_names_a_wrong_field_in_its_way(
    template: Template, text: str, three: str, four: str
) -> None:
    for major, message in ((3, three), (4, four)):
        with pytest.raises(RenderError) as caught:
            template(one(text), major=major)
        assert caught.value.message.endswith(message)
