"""Users who may not do everything, as kubectl meets them: tokens, certificates, roles."""

from __future__ import annotations

import base64
import datetime as dt
import json
import ssl
import subprocess
import time
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

ROLE = """
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: keeper, namespace: default}
rules:
- {apiGroups: [""], resources: [configmaps], verbs: [get, list, create, watch]}
- {apiGroups: [""], resources: [configmaps], resourceNames: [mine], verbs: [patch, delete]}
- {apiGroups: [""], resources: [pods/log], verbs: [get]}
"""
SECRET = """
apiVersion: v1
kind: Secret
metadata:
  name: robot-token
  annotations: {kubernetes.io/service-account.name: robot}
type: kubernetes.io/service-account-token
"""
POD = """
apiVersion: v1
kind: Pod
metadata: {name: with-token}
spec:
  containers: [{name: c, image: none.invalid/none}]
"""


def eventually(check: Any) -> Any:
    """What the check finds, within 20 seconds: kube-apiserver trusts a token 10 s unasked."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        found = check()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("it did not happen")


class Person:
    """kubectl with a kubeconfig of its own."""

    def __init__(self, kubectl: Any, path: Path) -> None:
        self._kubectl = kubectl
        self.path = path

    def run(self, *args: str, text: str = "") -> subprocess.CompletedProcess[str]:
        done: subprocess.CompletedProcess[str] = self._kubectl.run(
            f"--kubeconfig={self.path}", *args, text=text
        )
        return done

    def __call__(self, *args: str, text: str = "") -> str:
        done = self.run(*args, text=text)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def refused(self, *args: str, text: str = "") -> str:
        done = self.run(*args, text=text)
        assert done.returncode != 0
        return done.stderr


def person(server: Any, kubectl: Any, name: str, user: dict[str, str]) -> Person:
    config = yaml.safe_load(server.kubeconfig.read_text())
    config["users"][0]["user"] = user
    path = server.folder / f"{name}.kubeconfig"
    path.write_text(yaml.safe_dump(config))
    return Person(kubectl, path)


@pytest.fixture(scope="module")
def robot(server: Any, kubectl: Any) -> Person:
    kubectl("create", "serviceaccount", "robot")
    kubectl("create", "configmap", "mine")
    kubectl("create", "configmap", "other")
    kubectl("apply", "-f", "-", text=ROLE)
    kubectl("create", "rolebinding", "robot", "--role=keeper", "--serviceaccount=default:robot")
    token = kubectl("create", "token", "robot").strip()
    return person(server, kubectl, "robot", {"token": token})


def test_a_restricted_account_may_do_just_what_its_role_says(robot: Person) -> None:
    assert "mine" in robot("get", "configmaps", "-o", "name")
    robot("create", "configmap", "third", "--from-literal=a=b")
    robot("label", "configmap", "mine", "a=b")
    assert robot.refused("label", "configmap", "other", "a=b") == (
        'Error from server (Forbidden): configmaps "other" is forbidden: User'
        ' "system:serviceaccount:default:robot" cannot patch resource "configmaps" in API group ""'
        ' in the namespace "default"\n'
    )
    assert robot.refused("get", "nodes") == (
        'Error from server (Forbidden): nodes is forbidden: User "system:serviceaccount:default'
        ':robot" cannot list resource "nodes" in API group "" at the cluster scope\n'
    )
    assert "cannot list" in robot.refused("get", "configmaps", "-A")
    assert "cannot delete" in robot.refused("delete", "configmap", "other")
    assert "(NotFound)" in robot.refused("logs", "none") or "cannot get" in robot.refused(
        "logs", "none"
    )


def test_can_i_tells_the_truth(robot: Person, kubectl: Any) -> None:
    assert robot("auth", "can-i", "list", "configmaps") == "yes\n"
    assert robot("auth", "can-i", "delete", "configmaps/mine") == "yes\n"
    assert robot.run("auth", "can-i", "delete", "configmaps/other").stdout == "no\n"
    assert robot.run("auth", "can-i", "list", "configmaps", "-A").stdout == "no\n"
    assert robot("auth", "can-i", "get", "pods", "--subresource=log") == "yes\n"
    assert robot("auth", "can-i", "get", "/api") == "yes\n"
    assert robot.run("auth", "can-i", "get", "/metrics").stdout == "no\n"
    listed = robot("auth", "can-i", "--list")
    rows = [line.split() for line in listed.splitlines()]
    assert ["configmaps", "[]", "[]", "[get", "list", "create", "watch]"] in rows
    assert ["configmaps", "[]", "[mine]", "[patch", "delete]"] in rows
    assert "*.*" not in listed
    assert "*.*" in kubectl("auth", "can-i", "--list")


def test_whoami_names_the_account(robot: Person) -> None:
    said = json.loads(robot("auth", "whoami", "-o", "json"))["status"]["userInfo"]
    assert said["username"] == "system:serviceaccount:default:robot"
    assert "system:serviceaccounts:default" in said["groups"]


def test_acting_as_others(robot: Person, kubectl: Any) -> None:
    account = "system:serviceaccount:default:robot"
    assert kubectl("auth", "can-i", "list", "configmaps", f"--as={account}") == "yes\n"
    assert kubectl.run("auth", "can-i", "list", "pods", f"--as={account}").stdout == "no\n"
    group = ("--as=x", "--as-group=system:masters")
    assert kubectl("auth", "can-i", "*", "*", *group) == "yes\n"
    assert "cannot impersonate" in robot.refused("get", "configmaps", "--as=admin")
    said = json.loads(kubectl("auth", "whoami", "--as=x", "--as-group=g", "-o", "json"))
    assert said["status"]["userInfo"]["groups"] == ["g", "system:authenticated"]


def test_reconcile_adds_what_lacks(kubectl: Any) -> None:
    kubectl("create", "role", "grown", "--verb=get", "--resource=pods")
    wanted = ROLE.replace("keeper", "grown")
    assert "reconciled" in kubectl("auth", "reconcile", "-f", "-", text=wanted)
    rules = kubectl.json("get", "role", "grown")["rules"]
    resources = {name for rule in rules for name in rule["resources"]}
    assert resources == {"pods", "configmaps", "pods/log"}


def test_nobody_gives_away_more_than_they_have(robot: Person, kubectl: Any) -> None:
    kubectl("create", "role", "roler", "--verb=create", "--resource=roles,rolebindings")
    kubectl("create", "rolebinding", "roler", "--role=roler", "--serviceaccount=default:robot")
    robot("create", "role", "same", "--verb=get,list", "--resource=configmaps")
    why = robot.refused("create", "role", "more", "--verb=get,list", "--resource=secrets")
    assert "is attempting to grant RBAC permissions not currently held:" in why
    assert '{APIGroups:[""], Resources:["secrets"], Verbs:["get" "list"]}' in why
    binding = ("create", "rolebinding", "more", "--clusterrole=cluster-admin", "--user=x")
    assert '{NonResourceURLs:["*"], Verbs:["*"]}' in robot.refused(*binding)
    robot("create", "rolebinding", "same", "--role=same", "--user=x")


def test_stock_roles_are_aggregated(kubectl: Any) -> None:
    view = eventually(lambda: kubectl.json("get", "clusterrole", "view").get("rules"))
    assert any("configmaps" in rule["resources"] for rule in view)
    assert not any("secrets" in rule["resources"] for rule in view)
    kubectl("create", "clusterrole", "crontabs", "--verb=list", "--resource=jobs.batch")
    kubectl("label", "clusterrole", "crontabs", "rbac.authorization.k8s.io/aggregate-to-view=true")

    def grown() -> bool:
        rules = kubectl.json("get", "clusterrole", "admin")["rules"]
        return {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["list"]} in rules

    eventually(grown)
    kubectl("delete", "clusterrole", "crontabs")
    eventually(lambda: not grown())
    kubectl("create", "rolebinding", "dave", "--clusterrole=edit", "--user=dave")
    assert kubectl("auth", "can-i", "create", "deployments", "--as=dave") == "yes\n"
    assert kubectl.run("auth", "can-i", "create", "roles", "--as=dave").stdout == "no\n"


def test_a_secret_of_an_account_is_filled_in(server: Any, robot: Person, kubectl: Any) -> None:
    kubectl("apply", "-f", "-", text=SECRET)
    data = eventually(lambda: kubectl.json("get", "secret", "robot-token").get("data"))
    plain = {name: base64.b64decode(value).decode() for name, value in data.items()}
    assert plain["namespace"] == "default"
    assert plain["ca.crt"].startswith("-----BEGIN CERTIFICATE-----")
    holder = person(server, kubectl, "holder", {"token": plain["token"]})
    assert "mine" in holder("get", "configmaps", "-o", "name")
    kubectl("delete", "secret", "robot-token")
    eventually(lambda: holder.run("get", "configmaps").returncode != 0)
    why = holder.refused("get", "configmaps")
    assert "Unauthorized" in why or "logged in" in why
    nobodys = SECRET.replace("account.name: robot", "account.name: nobody")
    kubectl("create", "-f", "-", text=nobodys)
    eventually(lambda: kubectl.run("get", "secret", "robot-token").returncode != 0)


def test_pods_get_a_token_to_mount(kubectl: Any) -> None:
    kubectl("create", "namespace", "fresh")
    kubectl("create", "-n", "fresh", "-f", "-", text=POD)
    spec = kubectl.json("get", "-n", "fresh", "pod", "with-token")["spec"]
    (volume,) = spec["volumes"]
    assert volume["name"].startswith("kube-api-access-")
    (mount,) = spec["containers"][0]["volumeMounts"]
    assert mount["mountPath"] == "/var/run/secrets/kubernetes.io/serviceaccount"
    stray = POD.replace("spec:", "spec:\n  serviceAccountName: nobody").replace("with-token", "s")
    done = kubectl.run("create", "-f", "-", text=stray)
    assert 'serviceaccount "nobody" not found' in done.stderr
    bound = ("--bound-object-kind=Pod", "--bound-object-name=with-token", "-n", "fresh")
    token = kubectl("create", "token", "default", *bound).strip()
    review = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenReview",
        "spec": {"token": token},
    }

    def reviewed() -> Any:
        made = kubectl("create", "-o", "json", "-f", "-", text=json.dumps(review))
        return json.loads(made)["status"]

    extra = reviewed()["user"]["extra"]
    assert extra["authentication.kubernetes.io/pod-name"] == ["with-token"]
    kubectl("delete", "-n", "fresh", "pod", "with-token", "--grace-period=0", "--force")
    eventually(lambda: not reviewed().get("authenticated"))


# Certificates


def certified(server: Any, name: str, *groups: str, authority: str = "") -> dict[str, str]:
    """A kubeconfig user with a certificate of the cluster's authority, or of an own one."""
    folder = server.folder / "data" / "pki"
    key = ec.generate_private_key(ec.SECP256R1())
    if authority:
        issuer, signer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, authority)]), key
    else:
        issuer = x509.load_pem_x509_certificate((folder / "ca.crt").read_bytes()).subject
        signer = serialization.load_pem_private_key((folder / "ca.key").read_bytes(), None)
    fields = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
    subject = x509.Name([*fields, x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .sign(signer, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return {
        "client-certificate-data": base64.b64encode(pem).decode(),
        "client-key-data": base64.b64encode(secret).decode(),
    }


def test_a_certificate_is_a_user(server: Any, kubectl: Any) -> None:
    erin = person(server, kubectl, "erin", certified(server, "erin", "readers"))
    said = json.loads(erin("auth", "whoami", "-o", "json"))["status"]["userInfo"]
    assert (said["username"], said["groups"]) == ("erin", ["readers", "system:authenticated"])
    assert 'User "erin" cannot list' in erin.refused("get", "pods")
    kubectl("create", "rolebinding", "readers", "--clusterrole=view", "--group=readers")
    erin("get", "pods")
    boss = person(server, kubectl, "boss", certified(server, "boss", "system:masters"))
    boss("get", "secrets", "-A")


def refused(server: Any, certificate: Path, key: Path) -> bool:
    """Whether the certificate lets nobody in: the handshake fails, or its request is answered 401.

    Without a certificate the request would be answered, as `/version` is open to everyone.
    """
    authority = server.folder / "data" / "pki" / "ca.crt"
    context = ssl.create_default_context(cafile=str(authority))
    context.load_cert_chain(certificate, key)
    try:
        urlopen(f"{server.url}/version", context=context, timeout=5).read()
    except HTTPError as error:
        error.close()
        return error.code == 401
    except (ssl.SSLError, URLError, ConnectionError):
        return True
    return False


@pytest.mark.parametrize("authority", ["drydock-ca", "another-ca"])
def test_a_foreign_certificate_lets_nobody_in(server: Any, tmp_path: Path, authority: str) -> None:
    paths = []
    forged = certified(server, "admin", "system:masters", authority=authority)
    for name, value in forged.items():
        paths.append(tmp_path / name)
        paths[-1].write_bytes(base64.b64decode(value))
    assert refused(server, *paths)


def test_the_servers_own_certificate_is_no_user(server: Any) -> None:
    folder = server.folder / "data" / "pki"
    assert refused(server, folder / "server.crt", folder / "server.key")
