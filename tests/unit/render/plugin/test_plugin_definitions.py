"""What a plugin.yaml may say, and how it is refused."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from towline.errors import InputError
from towline.render.plugin.definition import Discovery, read_plugins


def definition(spec: dict[str, Any] | None = None, **metadata: Any) -> str:
    return yaml.safe_dump(
        {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "ConfigManagementPlugin",
            "metadata": {"name": "tool", **metadata},
            "spec": {"generate": {"command": ["tool"]}, **(spec or {})},
        }
    )


def test_a_definition_is_read_whole() -> None:
    spec = {
        "version": "v1.0",
        "init": {"command": ["sh"], "args": ["-c", "tool init"]},
        "generate": {"command": ["tool", "build"], "args": ["."]},
        "discover": {"find": {"glob": "**/tool.toml"}},
        "parameters": {"static": [{"name": "size"}], "dynamic": {"command": ["tool", "list"]}},
        "preserveFileMode": True,
        "lockRepo": False,
    }
    [plugin] = read_plugins(definition(spec), file="tool.yaml")
    assert plugin.address == "tool-v1.0"
    assert plugin.init == ("sh", "-c", "tool init")
    assert plugin.generate == ("tool", "build", ".")
    assert plugin.discovery == Discovery(glob="**/tool.toml")
    assert plugin.preserve_file_mode
    assert (plugin.network, plugin.whole_repository, plugin.variables) == (False, False, None)


def test_annotations_widen_and_narrow_what_a_plugin_has() -> None:
    annotations = {
        "towline.dev/network": "true",
        "towline.dev/reads": "repository",
        "towline.dev/variables": "ARGOCD_APP_NAME, KUBE_VERSION",
    }
    [plugin] = read_plugins(definition(annotations=annotations), file="p.yaml")
    assert plugin.network
    assert plugin.whole_repository
    assert plugin.variables == ("ARGOCD_APP_NAME", "KUBE_VERSION")


def test_a_config_map_holds_definitions_as_it_does_beside_argo_cd() -> None:
    held = yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "plugins"},
            "data": {"one.yaml": definition(), "two.yaml": definition({"version": "2"})},
        }
    )
    found = read_plugins(f"{held}---\n{definition({'version': '3'})}", file="all.yaml")
    assert [plugin.address for plugin in found] == ["tool", "tool-2", "tool-3"]


def test_the_digest_changes_with_anything_that_is_declared() -> None:
    texts = [
        definition(),
        definition({"version": "1"}),
        definition({"generate": {"command": ["tool", "-v"]}}),
        definition(annotations={"towline.dev/network": "true"}),
    ]
    digests = {read_plugins(text, file="p.yaml")[0].digest for text in texts}
    assert len(digests) == len(texts)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (definition(name=""), r"metadata.name should be non-empty\."),
        (definition(name="a/b"), "characters that no name has"),
        (definition({"version": "../x"}), "characters that no name has"),
        (definition({"generate": {"command": []}}), "spec.generate command should be non-empty"),
        (definition({"generate": {"args": ["x"]}}), "spec.generate command should be non-empty"),
        (definition({"provideGitCreds": True}), "plugins get no credentials"),
        (definition({"discover": {"fileName": "/etc/*"}}), "leads out of"),
        (definition({"discover": {"find": {"glob": "../*"}}}), "leads out of"),
        (definition({"init": {"command": "sh"}}), r"Expected `array`"),
        (definition(annotations={"towline.dev/network": "yes"}), "none of 'false', 'true'"),
        (definition(annotations={"towline.dev/reads": "disk"}), "'application', 'repository'"),
        ("kind: Pod\napiVersion: argoproj.io/v1alpha1\n", "ConfigManagementPlugin, found Pod"),
        ("kind: ConfigManagementPlugin\napiVersion: v1\n", "apiVersion should be"),
    ],
)
def test_a_malformed_definition_names_its_file_and_reason(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read_plugins(text, file="p.yaml")
    assert caught.value.file == "p.yaml"
    assert "invalid plugin configuration file" in caught.value.message


def test_a_list_is_no_definition() -> None:
    with pytest.raises(InputError, match="must be a mapping"):
        read_plugins("- a\n", file="p.yaml")
