"""The story: first push, second push under load, drift, and the push model beside it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import datetime as dt
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from towline.demo.api import TowlineApi
from towline.demo.instance import Instance
from towline.demo.probe import Probe, get
from towline.demo.report import Heal, Image, Pod, Push, PushModel, Report, Stage
from towline.demo.repositories import Repository
from towline.errors import TowlineError
from towline.kube.refs import GroupVersionKind
from towline.kube.status import ApiError
from towline.kubeclient.client import KubeClient
from towline.text.yaml import load_documents

NAMESPACE = "argocd"
APPLICATION = "flask-demo"
DEPLOYMENT = GroupVersionKind("apps", "v1", "Deployment")
SERVICE = GroupVersionKind("", "v1", "Service")
POD = GroupVersionKind("", "v1", "Pod")
CONFIG_MAP = GroupVersionKind("", "v1", "ConfigMap")

Say = Callable[[str], None]


class Story:
    """Plays the steps one after the other against a running instance.

    Args:
        instance: The running Towline.
        client: Client of its cluster.
        api: Client of its HTTP API.
        examples: The folder `examples/`.
        say: Where progress goes, a line at a time.
        kubectl: Path of a kubectl program, for the comparison with the push model.
    """

    def __init__(
        self,
        instance: Instance,
        client: KubeClient,
        api: TowlineApi,
        *,
        examples: Path,
        say: Say,
        kubectl: str,
    ) -> None:
        self._instance = instance
        self._client = client
        self._api = api
        self._examples = examples
        self._say = say
        self._kubectl = kubectl
        self._forge = str(instance.endpoints["forge"]).rstrip("/")
        self._app = self._repository("flask-app")
        self._manifests = self._repository("manifests")
        self._told: set[str] = set()
        self.page = ""

    async def play(self, report: Report) -> None:
        """Plays everything; results go into the report as they come.

        Raises:
            TowlineError: When a step did not happen in its time.
        """
        await self._prepare()
        report.pushes.append(await self._first_push())
        report.pushes.append(await self._second_push())
        for drift in (self._deleted, self._scaled, self._extra):
            heal = await drift()
            report.heals.append(heal)
            self._say(f"  healed: {heal.drift} after {heal.seconds * 1000:.0f} ms")
        report.push_model = await self._push_model()
        report.memory_mb = self._instance.memory_mb()

    def _repository(self, name: str) -> Repository:
        token = self._instance.secret("forge_token_file")
        folder = self._instance.data / "demo" / name
        return Repository(folder, f"{self._forge}/demo/{name}.git", token)

    # --- set-up of the story -------------------------------------------------------------------

    async def _prepare(self) -> None:
        self._say("two repositories: demo/flask-app (the app) and demo/manifests (what runs)")
        await self._manifests.create(self._examples / "manifests")
        await self._manifests.commit("Manifests of the demo")
        await self._manifests.push()
        await self._app.create(self._examples / "flask-app")
        self._say("credentials, pipelines, project and application: ordinary objects, applied")
        token = self._instance.secret("forge_token_file")
        await self._apply(_basic_auth("forge", "admin", token))
        await self._apply(_basic_auth("dockerhub", "demo", "not-needed-for-the-local-registry"))
        for name in ("project.yaml", "pipelines.yaml", "application.yaml"):
            await self._apply_file(self._examples / "objects" / name)

    async def _apply_file(self, path: Path) -> None:
        text = path.read_text().replace("http://forge.example", self._forge)
        for document in load_documents(text, file=str(path)):
            await self._apply(document.value)

    async def _apply(self, obj: dict[str, Any]) -> None:
        await self._client.apply(obj, manager="kubectl")

    # --- pushes --------------------------------------------------------------------------------

    async def _first_push(self) -> Push:
        self._say("first push")
        push = await self._push("Say hello", "Hello from Towline, version one", probe=None)
        self._say(f"  the page answers: {push.response!r} at {self.page}")
        return push

    async def _second_push(self) -> Push:
        self._say("second push, while a client asks 20 times a second")
        source = self._app.folder / "app.py"
        source.write_text(source.read_text().replace("version one", "version two"))
        probe = Probe(self.page)
        async with asyncio.TaskGroup() as group:
            asking = group.create_task(probe.run())
            try:
                push = await self._push("Say hello again", "Hello from Towline, version two", probe)
                await self._until(self._old_pods_gone, 90, "the old pods are gone")
            finally:
                asking.cancel()
        push.requests = probe.requests
        push.failed_requests = len(probe.failures)
        self._say(f"  {push.requests} requests during the roll-out, {push.failed_requests} failed")
        for failure in probe.failures[:5]:
            self._say(f"    {failure}")
        return push

    async def _push(self, message: str, expected: str, probe: Probe | None) -> Push:
        commit = await self._app.commit(message)
        pushed = time.time()
        await self._app.push()
        delivery = await self._delivered(commit)
        first_response = await self._first_response(expected, probe)
        stages = [Stage(name="push", at=_iso(pushed), seconds=0.0)]
        for mark in delivery["stages"]:
            if mark["name"] != "push":
                at = dt.datetime.fromisoformat(mark["at"]).timestamp()
                stages.append(
                    Stage(name=mark["name"], at=mark["at"], seconds=round(at - pushed, 3))
                )
        stages.append(
            Stage(
                name="response",
                at=_iso(first_response),
                seconds=round(first_response - pushed, 3),
            )
        )
        return Push(
            commit=commit,
            stages=stages,
            build_number=delivery["build_number"],
            image=Image(**{key: delivery["image"][key] for key in ("reference", "digest")}),
            manifest_commit=delivery["manifest_commit"],
            pods=await self._pods(),
            response=expected,
        )

    async def _delivered(self, commit: str) -> dict[str, Any]:
        """Waits until the commit runs: every stage up to `ready` is on record."""
        seen: set[str] = set()
        found: dict[str, Any] = {}

        async def check() -> bool:
            delivery = await self._api.delivery(commit)
            if delivery is None:
                return False
            for mark in delivery["stages"]:
                if mark["name"] not in seen:
                    seen.add(mark["name"])
                    self._say(f"  {mark['name']:<9} {mark['seconds']:7.2f} s  {mark['detail']}")
            if delivery["failure"]:
                raise TowlineError(f"the delivery of {commit[:8]} failed: {delivery['failure']}")
            found.update(delivery)
            await self._tell_of_stand_ins(delivery["run"]["id"])
            return "ready" in seen

        await self._until(check, 300, f"commit {commit[:8]} runs", interval=0.1)
        return found

    async def _tell_of_stand_ins(self, run_id: str) -> None:
        """A base image that is not the real one must not go unnoticed."""
        for line in (await self._api.log(run_id)).splitlines():
            if line.startswith("STAND-IN") and line not in self._told:
                self._told.add(line)
                self._say(f"  {line}")

    async def _first_response(self, expected: str, probe: Probe | None) -> float:
        self.page = self.page or await self._page_url()
        host, port = self.page.removeprefix("http://").rstrip("/").rpartition(":")[::2]
        answered = 0.0

        async def check() -> bool:
            nonlocal answered
            if probe is not None:
                answered = probe.first_seen.get(expected, 0.0)
                return answered > 0
            with contextlib.suppress(OSError, ValueError):
                _, body = await get(host, int(port), "/")
                answered = time.time()
                return body == expected
            return False

        await self._until(check, 60, f"{self.page} answers {expected!r}")
        return answered

    async def _page_url(self) -> str:
        url = ""

        async def check() -> bool:
            nonlocal url
            service = await self._client.get(SERVICE, "default", APPLICATION)
            if service is None:
                return False
            ingress = service.get("status", {}).get("loadBalancer", {}).get("ingress") or []
            if not ingress:
                return False
            url = f"http://{ingress[0]['ip']}:{service['spec']['ports'][0]['port']}"
            return True

        await self._until(check, 30, "the Service has a load balancer address")
        return url

    async def _pods(self) -> list[Pod]:
        items, _ = await self._client.list(POD, "default", label_selector=f"app={APPLICATION}")
        return [
            Pod(
                name=item["metadata"]["name"],
                uid=item["metadata"]["uid"],
                container_id=item["status"]["containerStatuses"][0].get("containerID", ""),
            )
            for item in items
            if "deletionTimestamp" not in item["metadata"]
            and item.get("status", {}).get("containerStatuses")
        ]

    async def _old_pods_gone(self) -> bool:
        items, _ = await self._client.list(POD, "default", label_selector=f"app={APPLICATION}")
        return len(items) == 3

    # --- drift ---------------------------------------------------------------------------------

    async def _deleted(self) -> Heal:
        self._say("drift: the Deployment is deleted by hand")
        old = await self._deployment()
        started = time.monotonic()
        await self._client.delete(DEPLOYMENT, "default", APPLICATION)

        async def check() -> bool:
            new = await self._deployment()
            return new is not None and new["metadata"]["uid"] != (old or {})["metadata"]["uid"]

        await self._until(check, 30, "the Deployment is back")
        seconds = time.monotonic() - started
        await self._until(self._ready, 90, "three pods are ready again")
        return Heal(drift="deployment deleted", seconds=round(seconds, 3))

    async def _scaled(self) -> Heal:
        self._say("drift: replicas are set to 1 by hand")
        started = time.monotonic()
        await self._client.patch(
            DEPLOYMENT, "default", APPLICATION, {"spec": {"replicas": 1}}, manager="kubectl-scale"
        )

        async def check() -> bool:
            deployment = await self._deployment()
            return deployment is not None and deployment["spec"]["replicas"] == 3

        await self._until(check, 30, "replicas are 3 again")
        seconds = time.monotonic() - started
        await self._until(self._ready, 90, "three pods are ready again")
        return Heal(drift="replicas changed", seconds=round(seconds, 3))

    async def _extra(self) -> Heal:
        self._say("drift: an object that git does not know carries the application's tracking id")
        extra = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": "left-over",
                "namespace": "default",
                "annotations": {
                    "argocd.argoproj.io/tracking-id": (
                        f"{APPLICATION}:/ConfigMap:default/left-over"
                    )
                },
            },
        }
        started = time.monotonic()
        await self._client.create(extra, manager="kubectl-create")

        async def check() -> bool:
            return await self._client.get(CONFIG_MAP, "default", "left-over") is None

        await self._until(check, 30, "the extra object is pruned")
        return Heal(drift="extra object", seconds=round(time.monotonic() - started, 3))

    async def _deployment(self) -> dict[str, Any] | None:
        return await self._client.get(DEPLOYMENT, "default", APPLICATION)

    async def _ready(self) -> bool:
        deployment = await self._deployment()
        return deployment is not None and deployment.get("status", {}).get("readyReplicas") == 3

    # --- the push model ------------------------------------------------------------------------

    async def _push_model(self, *, wait: float = 5.0) -> PushModel:
        self._say("beside it, the push model: a pipeline that runs kubectl apply, and no engine")
        await self._apply(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "push-model"}}
        )
        kubeconfig = Path(self._instance.endpoints["kubeconfig"]).read_text()
        await self._apply(_secret("kubeconfig", {"file": kubeconfig}))
        await self._apply_file(self._examples / "objects" / "push-model.yaml")
        repository = self._repository("push-model")
        await repository.create(self._examples / "push-model")
        jenkinsfile = repository.folder / "Jenkinsfile"
        jenkinsfile.write_text(jenkinsfile.read_text().replace('"$KUBECTL"', self._kubectl))
        await repository.commit("Deploy by kubectl apply")
        await repository.push()

        async def deployed() -> bool:
            return await self._client.get(DEPLOYMENT, "push-model", "push-demo") is not None

        await self._until(deployed, 60, "the push pipeline has deployed")
        await self._client.delete(DEPLOYMENT, "push-model", "push-demo")
        started = time.monotonic()
        healed = False
        while time.monotonic() - started < wait and not healed:
            await asyncio.sleep(0.25)
            healed = await deployed()
        waited = round(time.monotonic() - started, 1)
        self._say(
            "  pull model (engine): the deleted Deployment came back;"
            " push model (kubectl apply): "
            + ("it came back too?" if healed else f"still gone after {waited:.0f} s")
        )
        return PushModel(healed=healed, waited_seconds=waited)

    async def _until(
        self,
        check: Callable[[], Awaitable[bool]],
        seconds: float,
        what: str,
        *,
        interval: float = 0.01,
    ) -> None:
        deadline = time.monotonic() + seconds
        while True:
            with contextlib.suppress(ApiError):
                if await check():
                    return
            if time.monotonic() > deadline:
                raise TowlineError(f"did not happen within {seconds:.0f} s: {what}")
            await asyncio.sleep(interval)


def _iso(moment: float) -> str:
    return dt.datetime.fromtimestamp(moment, dt.UTC).isoformat(timespec="milliseconds")


def _basic_auth(name: str, username: str, password: str) -> dict[str, Any]:
    secret = _secret(name, {"username": username, "password": password})
    return secret | {"type": "kubernetes.io/basic-auth"}


def _secret(name: str, data: dict[str, str]) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "data": {key: base64.b64encode(text.encode()).decode() for key, text in data.items()},
    }
