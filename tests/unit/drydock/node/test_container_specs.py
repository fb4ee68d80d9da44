from pathlib import Path
from typing import Any

import pytest

from towline.drydock.network.sandboxes import Sandbox
from towline.drydock.node.container_spec import ContainerPlan, Mount, spec_of
from towline.drydock.node.environment import ConfigError
from towline.drydock.node.images import ImageInfo

IMAGE = ImageInfo(id="sha", entrypoint=("/entry",), command=("arg",), user="app", working_dir="/w")


def _pod(container: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "p", "namespace": "ns", "uid": "u"},
        "spec": {"containers": [container], **spec},
    }


def _spec(
    container: dict[str, Any] | None = None,
    image: ImageInfo = IMAGE,
    *,
    limits: bool = True,
    allow: bool = False,
    **pod: Any,
) -> dict[str, Any]:
    full = {"name": "c", **(container or {})}
    plan = ContainerPlan(
        attempt=2,
        backoff=20,
        image=image,
        sandbox=Sandbox("u", "dd0-2-u", "10.244.0.2"),
        environment={"A": "1"},
        mounts=(Mount(Path("/src"), "/dst", read_only=True),),
        log=Path("/log"),
        cgroup_parent="/dd0",
        limits=limits,
        allow_privileged=allow,
    )
    return spec_of(_pod(full, **pod), full, plan)


@pytest.mark.parametrize(
    ("container", "argv"),
    [
        ({}, ["/entry", "arg"]),
        ({"args": ["x", "$(A)"]}, ["/entry", "x", "1"]),
        ({"command": ["sh", "$(B)"]}, ["sh", "$(B)"]),
        ({"command": ["sh"], "args": ["-c"]}, ["sh", "-c"]),
    ],
)
def test_command_and_args_replace_the_images(container: dict[str, Any], argv: list[str]) -> None:
    spec = _spec(container)
    assert (spec["entrypoint"], spec["command"]) == ([], argv)


def test_a_container_without_a_program_is_refused() -> None:
    with pytest.raises(ConfigError, match="no command specified"):
        _spec(image=ImageInfo(id="sha"))


def test_the_container_joins_its_pod_and_says_whose_it_is() -> None:
    spec = _spec()
    assert spec["netns"] == {"nsmode": "path", "value": "/run/netns/dd0-2-u"}
    assert spec["labels"]["dev.towline.drydock/attempt"] == "2"
    assert spec["labels"]["dev.towline.drydock/uid"] == "u"
    assert spec["name"] == "dd_c_u_2"
    assert spec["mounts"][0]["options"] == ["rbind", "rprivate", "ro"]


def test_resources_become_control_group_limits() -> None:
    resources = {"limits": {"memory": "64Mi", "cpu": "500m"}, "requests": {"cpu": "250m"}}
    assert _spec({"resources": resources})["resource_limits"] == {
        "memory": {"limit": 64 * 2**20},
        "cpu": {"shares": 256, "quota": 50000, "period": 100000},
    }
    assert "resource_limits" not in _spec({"resources": resources}, limits=False)
    assert "resource_limits" not in _spec()


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        ({}, {"user": "app"}),
        ({"runAsUser": 7}, {"user": "7"}),
        ({"runAsUser": 7, "runAsGroup": 8}, {"user": "7:8"}),
        ({"runAsGroup": 8}, {"user": "app:8"}),
        ({"fsGroup": 9, "supplementalGroups": [3]}, {"user": "app", "groups": ["3", "9"]}),
        ({"capabilities": {"add": ["net_admin"], "drop": ["ALL"]}},
         {"cap_add": ["CAP_NET_ADMIN"], "cap_drop": ["ALL"]}),
        ({"allowPrivilegeEscalation": False}, {"no_new_privileges": True}),
        ({"readOnlyRootFilesystem": True}, {"read_only_filesystem": True}),
    ],
)  # fmt: skip
def test_the_security_context_is_carried_over(
    context: dict[str, Any], expected: dict[str, Any]
) -> None:
    spec = _spec({"securityContext": context})
    assert {key: spec[key] for key in expected} == expected


def test_the_containers_context_wins_over_the_pods() -> None:
    spec = _spec({"securityContext": {"runAsUser": 1}}, securityContext={"runAsUser": 2})
    assert spec["user"] == "1"


@pytest.mark.parametrize(
    ("user", "message"),
    [
        ("", "container has runAsNonRoot and image will run as root"),
        ("0:5", "container has runAsNonRoot and image will run as root"),
        (
            "app",
            (
                "container has runAsNonRoot and image has non-numeric user (app), "
                "cannot verify user is non-root"
            ),
        ),
    ],
)
def test_run_as_non_root_is_verified(user: str, message: str) -> None:
    image = ImageInfo(id="sha", entrypoint=("x",), user=user)
    with pytest.raises(ConfigError) as caught:
        _spec({"securityContext": {"runAsNonRoot": True}}, image)
    assert caught.value.message == message


@pytest.mark.parametrize(
    ("container", "pod"),
    [
        ({"securityContext": {"privileged": True}}, {}),
        ({}, {"hostNetwork": True}),
        ({}, {"hostPID": True}),
        ({}, {"hostIPC": True}),
    ],
)
def test_nothing_gets_the_host_unless_it_is_allowed(
    container: dict[str, Any], pod: dict[str, Any]
) -> None:
    with pytest.raises(ConfigError, match="is not allowed on this node"):
        _spec(container, **pod)
    _spec(container, allow=True, **pod)
