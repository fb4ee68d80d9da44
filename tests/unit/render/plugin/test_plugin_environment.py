"""What a plugin's commands find in their environment."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from towline.errors import InputError, LimitError
from towline.render.environment import build_variables
from towline.render.inputs import Inputs
from towline.render.plugin.definition import Plugin, read_plugins
from towline.render.plugin.environment import plugin_environment, read_block
from towline.render.source import RenderRequest
from towline.render.tree import RecordingTree

REQUEST = RenderRequest(
    source={"repoURL": "https://git.example/r", "path": "app", "targetRevision": "main"},
    app_name="web",
    namespace="prod",
    revision="0123456789" * 4,
    project="team",
    kube_version="1.33.0",
    api_versions=("apps/v1", "v1"),
)


class Nothing:
    """An empty tree."""

    def listdir(self, path: str) -> list[tuple[str, bool, str]]:
        return []

    def read(self, path: str) -> bytes:
        return b""

    def oid(self, path: str) -> str:
        return ""


def plugin(**annotations: str) -> Plugin:
    text = yaml.safe_dump(
        {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "ConfigManagementPlugin",
            "metadata": {
                "name": "tool",
                "annotations": {
                    f"towline.dev/{name}": value for name, value in annotations.items()
                },
            },
            "spec": {"generate": {"command": ["tool"]}},
        }
    )
    return read_plugins(text, file="p.yaml")[0]


def environment(block: dict[str, Any], **annotations: str) -> tuple[dict[str, str], RecordingTree]:
    tree = RecordingTree(Inputs(tree=Nothing(), variables=build_variables(REQUEST, ("key",))))
    return plugin_environment(tree, plugin(**annotations), read_block(block)), tree


def test_all_build_variables_are_given_and_nothing_else() -> None:
    found, _ = environment({})
    assert found == {
        "ARGOCD_APP_NAME": "web",
        "ARGOCD_APP_NAMESPACE": "prod",
        "ARGOCD_APP_PROJECT_NAME": "team",
        "ARGOCD_APP_REVISION": "0123456789" * 4,
        "ARGOCD_APP_REVISION_SHORT": "0123456",
        "ARGOCD_APP_REVISION_SHORT_8": "01234567",
        "ARGOCD_APP_SOURCE_REPO_URL": "https://git.example/r",
        "ARGOCD_APP_SOURCE_PATH": "app",
        "ARGOCD_APP_SOURCE_TARGET_REVISION": "main",
        "KUBE_VERSION": "1.33.0",
        "KUBE_API_VERSIONS": "apps/v1,v1",
    }


def test_variables_of_the_source_are_prefixed_and_filled_in() -> None:
    env = [
        {"name": "WHO", "value": "$ARGOCD_APP_NAME in ${ARGOCD_APP_NAMESPACE}"},
        {"name": "PATH", "value": "/evil"},
        {"name": "EMPTY", "value": "$UNKNOWN"},
    ]
    found, tree = environment({"env": env}, variables="")
    assert found == {"ARGOCD_ENV_WHO": "web in prod", "ARGOCD_ENV_PATH": "/evil"}
    assert {read.path for read in tree.reads} == {
        *("ARGOCD_APP_NAME", "ARGOCD_APP_NAMESPACE", "UNKNOWN")
    }


def test_parameters_come_one_by_one_and_as_json() -> None:
    parameters = [
        {"name": "image-tag", "string": "v1"},
        {"name": "zones", "array": ["a", "b"]},
        {"name": "labels", "map": {"app.kubernetes.io/name": "x", "b": "y"}},
    ]
    found, _ = environment({"parameters": parameters}, variables="")
    assert json.loads(found.pop("ARGOCD_APP_PARAMETERS")) == parameters
    assert found == {
        "PARAM_IMAGE_TAG": "v1",
        "PARAM_ZONES_0": "a",
        "PARAM_ZONES_1": "b",
        "PARAM_LABELS_APP_KUBERNETES_IO_NAME": "x",
        "PARAM_LABELS_B": "y",
    }


def test_everything_that_is_given_is_recorded() -> None:
    found, tree = environment({})
    assert {read.path: read.oid for read in tree.reads} == found
    narrowed, tree = environment({}, variables="KUBE_VERSION")
    assert narrowed == {"KUBE_VERSION": "1.33.0"}
    assert [read.path for read in tree.reads] == ["KUBE_VERSION"]


@pytest.mark.parametrize(
    "variable", [{"name": "A=B", "value": "x"}, {"name": "A", "value": "a\0b"}]
)
def test_what_cannot_stand_in_an_environment_is_refused(variable: dict[str, str]) -> None:
    with pytest.raises(InputError, match="cannot be a variable"):
        environment({"env": [variable]})


def test_variables_are_bounded() -> None:
    with pytest.raises(LimitError, match="ARGOCD_ENV_A is too long"):
        environment({"env": [{"name": "A", "value": "x" * 200_000}]})
