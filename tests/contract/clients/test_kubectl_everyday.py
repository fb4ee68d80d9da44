"""The rest of what people do with kubectl in a day, beyond the verbs that are tested elsewhere."""

from __future__ import annotations

import base64
import json
import stat
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: c, image: "example/app:1"}]}
"""


@pytest.fixture(scope="module")
def ctl(kubectl: Any) -> Any:
    kubectl("create", "namespace", "day")
    kubectl("config", "set-context", "--current", "--namespace=day")
    kubectl("apply", "-f", "-", text=WEB)
    kubectl("rollout", "status", "deploy/web", "--timeout=20s")
    return kubectl


def status(ctl: Any, *target: str) -> None:
    ctl("rollout", "status", *target, "--timeout=20s")


@pytest.mark.parametrize(
    ("args", "path", "wanted"),
    [
        (("quota", "q", "--hard=pods=9"), ("quota", "q"), {"pods": "9"}),
        (("poddisruptionbudget", "p", "--selector=app=web", "--min-available=1"), ("pdb", "p"), 1),
        (("priorityclass", "high", "--value=5"), ("priorityclass", "high"), 5),
        (("ingress", "i", "--rule=h.example/p=web:80"), ("ingress", "i"), "h.example"),
        (("service", "clusterip", "c", "--tcp=80:8080"), ("svc", "c"), 8080),
        (("service", "nodeport", "n", "--tcp=80"), ("svc", "n"), "NodePort"),
        (("service", "externalname", "e", "--external-name=a.b"), ("svc", "e"), "a.b"),
        (
            ("secret", "tls", "t", "--cert=tls.crt", "--key=tls.key"),
            ("secret", "t"),
            "kubernetes.io/tls",
        ),
        (
            ("secret", "docker-registry", "d", "--docker-username=u", "--docker-password=p"),
            ("secret", "d"),
            "kubernetes.io/dockerconfigjson",
        ),
        (("cronjob", "j", "--image=i", "--schedule=@daily"), ("cronjob", "j"), "@daily"),
        (("rolebinding", "r", "--clusterrole=view", "--user=u"), ("rolebinding", "r"), "view"),
        (("clusterrole", "cr", "--verb=get", "--resource=pods"), ("clusterrole", "cr"), "pods"),
        (("serviceaccount", "s"), ("sa", "s"), "s"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else None,
)
def test_create_makes_each_kind(
    ctl: Any, folder: Path, args: tuple[str, ...], path: tuple[str, ...], wanted: Any
) -> None:
    if "tls" in args:
        tls_pair(folder)
    ctl("create", *args)
    assert contains(ctl.json("get", *path), wanted)
    ctl("delete", *path)


def tls_pair(folder: Path) -> None:
    pki = folder / "data" / "pki"
    (folder / "tls.crt").write_bytes(next(pki.glob("*server*.crt")).read_bytes())
    (folder / "tls.key").write_bytes(next(pki.glob("*server*.key")).read_bytes())


def contains(value: Any, wanted: Any) -> bool:
    if value == wanted:
        return True
    if isinstance(value, dict):
        return any(contains(each, wanted) for each in value.values())
    return isinstance(value, list) and any(contains(each, wanted) for each in value)


def editor(folder: Path, expression: str) -> str:
    script = folder / "editor"
    script.write_text(f'#!/bin/sh\nexec sed -i "{expression}" "$1"\n')
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return str(script)


def test_edit_saves_what_the_editor_wrote(ctl: Any, folder: Path) -> None:
    changed = ctl("edit", "deploy", "web", EDITOR=editor(folder, "s/replicas: 2/replicas: 3/"))
    assert changed == "deployment.apps/web edited\n"
    assert ctl.json("get", "deploy", "web")["spec"]["replicas"] == 3
    same = ctl.run("edit", "deploy", "web", EDITOR=editor(folder, "s/nothing/else/"))
    assert "Edit cancelled, no changes made." in same.stderr
    wrong = ctl.run("edit", "deploy", "web", EDITOR=editor(folder, "s/replicas: 3/replicas: x/"))
    assert wrong.returncode == 1
    same = ctl.run("edit", "deploy", "web", "--subresource=status", EDITOR="true")
    assert "Edit cancelled, no changes made." in same.stderr


def test_replace_and_its_forced_form(ctl: Any) -> None:
    before = ctl.json("get", "deploy", "web")["metadata"]["uid"]
    replaced = WEB.replace("example/app:1", "example/app:2")
    assert ctl("replace", "-f", "-", text=replaced) == "deployment.apps/web replaced\n"
    assert ctl.json("get", "deploy", "web")["metadata"]["uid"] == before
    forced = ctl("replace", "--force", "-f", "-", text=WEB)
    assert "deployment.apps/web replaced" in forced
    assert ctl.json("get", "deploy", "web")["metadata"]["uid"] != before
    status(ctl, "deploy/web")


def test_patches_of_three_types_and_of_the_status(ctl: Any) -> None:
    ctl("patch", "deploy", "web", "-p", '{"spec":{"paused":true}}')
    ctl("patch", "deploy", "web", "--type=json", "-p", '[{"op":"remove","path":"/spec/paused"}]')
    ctl("patch", "deploy", "web", "--type=merge", "-p", '{"metadata":{"labels":{"x":"y"}}}')
    condition = {"type": "Odd", "status": "True", "reason": "R", "message": "m"}
    body = json.dumps({"status": {"conditions": [condition]}})
    ctl("patch", "deploy", "web", "--subresource=status", "-p", body)
    conditions = ctl.json("get", "deploy", "web")["status"]["conditions"]
    assert "Odd" in [each["type"] for each in conditions]
    scaled = ctl("patch", "deploy", "web", "--subresource=scale", "-p", '{"spec":{"replicas":2}}')
    assert "patched" in scaled
    wrong = '[{"op":"test","path":"/kind","value":"X"}]'
    refused = ctl.refused("patch", "deploy", "web", "--type=json", "-p", wrong)
    assert "the server rejected our request due to an error in our request" in refused


def test_labels_of_many_objects_and_overwrites(ctl: Any) -> None:
    ctl("label", "pods", "--all", "tier=front")
    refused = ctl.refused("label", "pods", "--all", "tier=back")
    assert "already has a value (front), and --overwrite is false" in refused
    ctl("label", "pods", "-l", "app=web", "tier=back", "--overwrite")
    ctl("label", "pods", "--all", "tier-")
    assert "No resources found" in ctl.run("get", "pods", "-l", "tier").stderr
    ctl("annotate", "deploy", "web", "a=b", "--resource-version=1", "--dry-run=client")
    assert "Conflict" in ctl.refused("annotate", "deploy", "web", "a=b", "--resource-version=1")


def test_set_changes_templates(ctl: Any) -> None:
    ctl("create", "cm", "settings", "--from-literal=KEY=value")
    ctl("set", "env", "deploy/web", "A=1", "--from=configmap/settings")
    ctl("set", "resources", "deploy/web", "--requests=cpu=20m", "--limits=memory=64Mi")
    ctl("set", "serviceaccount", "deploy/web", "default")
    ctl("set", "image", "deploy/web", "c=example/app:3")
    container = ctl.json("get", "deploy", "web")["spec"]["template"]["spec"]["containers"][0]
    assert {each["name"] for each in container["env"]} == {"A", "KEY"}
    assert container["resources"]["requests"]["cpu"] == "20m"
    assert "A=1" in ctl("set", "env", "deploy/web", "--list")
    status(ctl, "deploy/web")


def test_rollouts_pause_resume_restart_and_undo(ctl: Any) -> None:
    ctl("rollout", "pause", "deploy/web")
    ctl("set", "image", "deploy/web", "c=example/app:4")
    images = "{.items[*].spec.containers[*].image}"
    assert "app:4" not in ctl("get", "pods", "-l", "app=web", "-o", f"jsonpath={images}")
    assert "cannot rollback a paused deployment" in ctl.refused("rollout", "undo", "deploy/web")
    ctl("rollout", "resume", "deploy/web")
    status(ctl, "deploy/web")
    ctl("annotate", "deploy", "web", "kubernetes.io/change-cause=four")
    ctl("rollout", "restart", "deploy/web")
    status(ctl, "deploy/web")
    assert "four" in ctl("rollout", "history", "deploy/web")
    ctl("rollout", "undo", "deploy/web", "--to-revision=1")
    status(ctl, "deploy/web")
    image = "jsonpath={.spec.template.spec.containers[0].image}"
    assert ctl("get", "deploy", "web", "-o", image) == "example/app:1"


def test_expose_autoscale_and_run(ctl: Any) -> None:
    ctl("expose", "deploy/web", "--port=80", "--target-port=8080")
    assert ctl.json("get", "svc", "web")["spec"]["selector"] == {"app": "web"}
    ctl("wait", "endpointslice", "-l", "kubernetes.io/service-name=web", "--for=create")
    ctl("autoscale", "deploy/web", "--min=1", "--max=3", "--cpu=50%")
    table = ctl("get", "hpa", "web")
    assert "Deployment/web" in table
    assert "MAXPODS" in table
    ctl("run", "once", "--image=example/app:1", "--restart=Never", "--labels=app=once", "--env=A=B")
    ctl("wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/once", "--timeout=20s")
    assert "simulated container" in ctl("logs", "once")
    assert ctl("logs", "-l", "app=once", "--prefix", "--timestamps").startswith("[pod/once/once]")
    described = ctl("describe", "hpa,svc,pod", "-l", "app=once")
    assert "Name:             once" in described
    ctl("delete", "hpa/web", "svc/web", "pod/once")


@pytest.mark.parametrize("cascade", ["background", "foreground", "orphan"])
def test_delete_cascades(ctl: Any, cascade: str) -> None:
    name = f"del-{cascade}"
    ctl("create", "deployment", name, "--image=example/app:1")
    status(ctl, f"deploy/{name}")
    ctl("delete", "deploy", name, f"--cascade={cascade}", "--timeout=20s")
    if cascade == "orphan":
        left = ctl.json("get", "rs", "-l", f"app={name}")["items"]
        assert [each["metadata"].get("ownerReferences") for each in left] == [None]
        ctl("delete", "rs", "-l", f"app={name}", "--now")
    ctl("wait", "--for=delete", "pod", "-l", f"app={name}", "--timeout=20s")
    assert "NotFound" in ctl.refused("get", "deploy", name)
    assert ctl("delete", "deploy", name, "--ignore-not-found") == ""


FORMS = [
    (("-o", "name"), "deployment.apps/web\n"),
    (("-o", "jsonpath={.spec.replicas}/{.metadata.name}"), "2/web"),
    (("-o", "go-template={{.spec.replicas}} {{.kind}}"), "2 Deployment"),
    (("-o", "custom-columns=N:.metadata.name,R:.spec.replicas"), "N     R\nweb   2\n"),
    (("--no-headers", "-o", "custom-columns=:.kind"), "Deployment\n"),
]


@pytest.mark.parametrize(("flags", "shown"), FORMS, ids=lambda each: str(each)[:28])
def test_output_forms(ctl: Any, flags: tuple[str, ...], shown: str) -> None:
    assert ctl("get", "deploy", "web", *flags) == shown


def test_tables_are_wide_labelled_sorted_and_paged(ctl: Any) -> None:
    head = ctl("get", "deploy", "-o", "wide", "--show-labels").splitlines()[0].split()
    wide = "NAME READY UP-TO-DATE AVAILABLE AGE CONTAINERS IMAGES SELECTOR LABELS"
    assert head == wide.split()
    assert "APP" in ctl("get", "pods", "-L", "app").splitlines()[0]
    whole = ctl("get", "pods", "-o", "name", "--sort-by=.metadata.name").split()
    assert whole == sorted(whole)
    assert ctl("get", "pods", "-o", "name", "--chunk-size=1").split() == whole
    running = ctl("get", "pods", "--field-selector=status.phase=Running", "-o", "name").split()
    assert sorted(running) == whole
    assert "field label not supported: bad" in ctl.refused("get", "pods", "--field-selector=bad=1")
    document = yaml.safe_load(ctl("get", "deploy", "web", "-o", "yaml"))
    assert document["status"]["readyReplicas"] == 2
    mixed = ctl("get", "deploy/web", "sa/default", "-o", "name").split()
    assert mixed == ["deployment.apps/web", "serviceaccount/default"]
    assert "deployment.apps/web" in ctl("get", "all", "-A")
    raw = json.loads(ctl("get", "--raw", "/apis/apps/v1/namespaces/day/deployments/web"))
    assert raw["kind"] == "Deployment"


def test_watching_shows_events_of_changes(ctl: Any) -> None:
    shown = ctl("get", "cm", "--watch", "--output-watch-events", "--request-timeout=1s")
    rows = [line.split()[:2] for line in shown.splitlines()]
    assert rows[0] == ["EVENT", "NAME"]
    assert ["ADDED", "settings"] in rows


def test_discovery_explains_itself(ctl: Any) -> None:
    resources = ctl("api-resources", "--verbs=list", "--namespaced=false", "-o", "wide")
    assert "metrics.k8s.io/v1beta1" in resources
    names = ctl("api-resources", "-o", "name", "--sort-by=name").split()
    assert {"deployments.apps", "pods", "pods.metrics.k8s.io"} <= set(names)
    whole = ctl("explain", "deployment", "--recursive")
    assert "maxUnavailable\t<IntOrString>" in whole
    assert "<map[string]string>" in whole
    assert "FIELD: strategy <DeploymentStrategy>" in ctl("explain", "deploy.spec.strategy")
    assert "FIELD: usage <map[string]" in ctl("explain", "podmetrics.containers.usage")
    assert "v1" in ctl("api-versions").split()
    assert "is running at" in ctl("cluster-info")


def test_rights_are_listed(ctl: Any) -> None:
    assert "*.*" in ctl("auth", "can-i", "--list")
    assert ctl("auth", "can-i", "get", "pods", "--subresource=log") == "yes\n"
    as_view = ctl.run("auth", "can-i", "delete", "pods", "--as=system:serviceaccount:day:default")
    assert (as_view.returncode, as_view.stdout) == (1, "no\n")
    ctl("create", "rolebinding", "viewer", "--clusterrole=view", "--serviceaccount=day:default")
    as_account = "--as=system:serviceaccount:day:default"
    listed = ctl("auth", "can-i", "--list", as_account)
    assert "pods.metrics.k8s.io" in listed, "aggregated into the view role"
    assert ctl("auth", "can-i", "list", "pods.metrics.k8s.io", as_account) == "yes\n"
    who = ctl("auth", "whoami", "-o", "jsonpath={.status.userInfo.username}", as_account)
    assert who == "system:serviceaccount:day:default"


def test_diff_and_prune_of_applied_sets(ctl: Any, folder: Path) -> None:
    changed = WEB.replace("replicas: 2", "replicas: 1")
    shown = ctl.run("diff", "-f", "-", text=changed)
    assert shown.returncode == 1
    assert "-  replicas: 2\n+  replicas: 1" in shown.stdout
    maps = [f"---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: set-{n}}}\n" for n in (1, 2)]
    flags = ("--applyset=configmaps/keeper", "--prune", "-n", "day")
    ctl("apply", *flags, "-f", "-", text="".join(maps), KUBECTL_APPLYSET="true")
    pruned = ctl("apply", *flags, "-f", "-", text=maps[0], KUBECTL_APPLYSET="true")
    assert "configmap/set-2 pruned" in pruned


def test_last_applied_configuration_is_kept(ctl: Any) -> None:
    ctl("apply", "-f", "-", text=WEB)
    viewed = yaml.safe_load(ctl("apply", "view-last-applied", "deploy/web"))
    assert viewed["spec"]["replicas"] == 2
    ctl("apply", "set-last-applied", "--create-annotation", "-f", "-", text=WEB)


def test_nodes_are_cordoned_tainted_and_drained(ctl: Any) -> None:
    ctl("cordon", "sim-0")
    assert "SchedulingDisabled" in ctl("get", "node", "sim-0")
    drained = ctl("drain", "sim-0", "--ignore-daemonsets", "--timeout=20s")
    assert "node/sim-0 drained" in drained
    status(ctl, "deploy/web")
    nodes = ctl("get", "pods", "-l", "app=web", "-o", "jsonpath={.items[*].spec.nodeName}")
    assert set(nodes.split()) == {"sim-1"}
    ctl("uncordon", "sim-0")
    ctl("taint", "node", "sim-0", "a=b:NoSchedule")
    assert ctl.json("get", "node", "sim-0")["spec"]["taints"][0]["effect"] == "NoSchedule"
    ctl("taint", "node", "sim-0", "a-")
    assert "Non-terminated Pods" in ctl("describe", "node", "sim-1")


def test_tokens_are_made(ctl: Any) -> None:
    token = ctl("create", "token", "default", "--duration=10m", "--audience=me").strip()
    claims = token.split(".")[1]
    body = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    assert body["aud"] == ["me"]
    assert body["exp"] - body["iat"] == 600
    assert body["sub"] == "system:serviceaccount:day:default"


def test_events_are_shown_in_both_ways(ctl: Any) -> None:
    assert "ScalingReplicaSet" in ctl("events", "--for=deployment/web", "--types=Normal")
    assert "SuccessfulCreate" in ctl("get", "events", "--field-selector=reason=SuccessfulCreate")


def test_debugging_containers_are_refused_clearly(ctl: Any) -> None:
    pod = ctl("get", "pods", "-l", "app=web", "-o", "name").split()[0]
    refused = ctl.refused("debug", pod, "--image=example/tools:1", "--attach=false")
    assert "ephemeral containers are disabled for this cluster" in refused
    ctl("debug", pod, "--image=example/tools:1", "--copy-to=copy", "--attach=false")
    ctl("wait", "--for=condition=Ready", "pod/copy", "--timeout=20s")
    ctl("delete", "pod", "copy", "--now")


@pytest.fixture
def proxied(ctl: Any) -> Iterator[str]:
    process = subprocess.Popen(
        [ctl.binary, "proxy", "--port=0"], stdout=subprocess.PIPE, text=True, env=ctl.environment
    )
    assert process.stdout is not None
    try:
        yield "http://" + process.stdout.readline().rpartition(" ")[2].strip()
    finally:
        process.terminate()
        process.wait(timeout=10)
        process.stdout.close()


def test_the_api_is_reached_by_kubectls_proxy(proxied: str) -> None:
    with urllib.request.urlopen(f"{proxied}/api/v1/namespaces/day/pods?limit=1") as answer:
        assert json.load(answer)["kind"] == "PodList"


def test_a_kubeconfig_is_looked_at_and_changed(ctl: Any) -> None:
    assert ctl("config", "current-context").strip() == "drydock"
    assert "REDACTED" in ctl("config", "view")
    assert ctl("config", "get-contexts", "-o", "name").split() == ["drydock"]


def test_commands_in_simulated_containers_are_refused(ctl: Any) -> None:
    pod = ctl("get", "pods", "-l", "app=web", "-o", "name").split()[0]
    for args in (("exec", pod, "--", "true"), ("cp", f"{pod[4:]}:/x", "x")):
        assert "runs no containers" in ctl.refused(*args)
