"""`towline kustomize build`: the arguments of kustomize, its output, its exit status."""

from pathlib import Path

import pytest
import yaml

from towline.cli.main import main

CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: cm}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "cm.yaml").write_text(CONFIG)
    (tmp_path / "kustomization.yaml").write_text("resources: [cm.yaml]\nbases: []\n")
    return tmp_path


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["towline", "kustomize", "build", *arguments])
    try:
        main()
    except SystemExit as done:
        return int(done.code or 0)
    return 0


def test_manifests_are_printed_and_warnings_go_elsewhere(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    assert run(monkeypatch) == 0
    out, err = capsys.readouterr()
    assert out == "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: cm\n"
    assert "'bases' is deprecated" in err


def test_the_output_goes_to_a_file_or_one_file_each(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    (folder / "more.yaml").write_text(CONFIG.replace("cm", "two, namespace: n"))
    (folder / "kustomization.yaml").write_text("resources: [cm.yaml, more.yaml]\n")
    target = tmp_path_factory.mktemp("out")
    assert run(monkeypatch, str(folder), "-o", str(target / "all.yaml")) == 0
    assert len(list(yaml.safe_load_all((target / "all.yaml").read_text()))) == 2
    assert run(monkeypatch, str(folder), "--output", str(target)) == 0
    names = {path.name for path in target.iterdir()} - {"all.yaml"}
    assert names == {"default_v1_configmap_cm.yaml", "n_v1_configmap_two.yaml"}


def test_an_error_says_what_is_wrong_and_fails(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "kustomization.yaml").write_text("nonsense: 1\n")
    assert run(monkeypatch, str(folder)) == 1
    out, err = capsys.readouterr()
    assert (out, err) == ("", 'Error: invalid Kustomization: json: unknown field "nonsense"\n')
    assert run(monkeypatch, str(folder), "--load-restrictor", "no") == 1
    assert "illegal flag value --load-restrictor no" in capsys.readouterr().err


def test_files_outside_are_loaded_without_restrictions_only(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    overlay = folder / "overlay"
    overlay.mkdir()
    (overlay / "kustomization.yaml").write_text("resources: [../cm.yaml]\n")
    assert run(monkeypatch, str(overlay)) == 1
    assert "is not in or below" in capsys.readouterr().err
    assert run(monkeypatch, str(overlay), "--load-restrictor=LoadRestrictionsNone") == 0


def test_s53_a_link_out_of_the_folder_is_not_followed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    overlay = folder / "overlay"
    overlay.mkdir()
    (overlay / "link.yaml").symlink_to(folder / "cm.yaml")
    (overlay / "kustomization.yaml").write_text("resources: [link.yaml]\n")
    assert run(monkeypatch, str(overlay)) == 1
    assert "security; file" in capsys.readouterr().err


def test_charts_are_inflated_when_they_are_enabled(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    chart = folder / "charts" / "hello"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: hello\nversion: 1.0.0\n")
    (chart / "values.yaml").write_text("greeting: none\nlist: [a]\nkept: yes\n")
    (chart / "templates" / "cm.yaml").write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}\n"
        'data:\n  said: {{ .Values.greeting }} {{ .Values.list | join "," }}\n'
    )
    (folder / "kustomization.yaml").write_text(
        "namePrefix: p-\nhelmCharts:\n- name: hello\n  releaseName: rel\n"
        "  valuesInline: {greeting: hi, list: [b, c]}\n"
    )
    assert run(monkeypatch, str(folder)) == 1
    assert "must specify --enable-helm" in capsys.readouterr().err
    assert run(monkeypatch, str(folder), "--enable-helm") == 0
    found = yaml.safe_load(capsys.readouterr().out)
    assert (found["metadata"]["name"], found["data"]["said"]) == ("p-rel", "hi b,c")


def test_a_chart_that_is_not_there_is_an_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "kustomization.yaml").write_text("helmCharts: [{name: none, releaseName: r}]\n")
    assert run(monkeypatch, str(folder), "--enable-helm") == 1
    assert "no chart found at" in capsys.readouterr().err


def test_s63_a_folder_elsewhere_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "https://example.com/org/repo//folder?ref=v1") == 1
    assert "is not allowed" in capsys.readouterr().err


def test_the_order_can_be_that_of_the_files(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: n}\n"
    (folder / "ns.yaml").write_text(namespace)
    (folder / "kustomization.yaml").write_text("resources: [cm.yaml, ns.yaml]\n")
    for order, kinds in (
        ("legacy", ["Namespace", "ConfigMap"]),
        ("none", ["ConfigMap", "Namespace"]),
    ):
        assert run(monkeypatch, str(folder), "--reorder", order) == 0
        found = yaml.safe_load_all(capsys.readouterr().out)
        assert [each["kind"] for each in found] == kinds
    assert run(monkeypatch, str(folder), "--reorder", "random") == 1
