"""Condenses the Kubernetes API description into the data files of `towline.kube.schema`.

Run at maintenance time only (needs Go for its module client; users need neither):

    python tools/update_kubernetes_schemas.py v1.36.1

Reads, from the published Go modules, the OpenAPI v3 documents, the discovery documents, the
protobuf descriptions and the JSON tags of the Go structures; writes four gzip files into
`src/towline/kube/schema/data/`. The modules are Apache-2.0; see NOTICE.
"""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

GROUPS = {
    "": ("core", ["v1"]),
    "apiregistration.k8s.io": ("apiregistration", ["v1"]),
    "apps": ("apps", ["v1"]),
    "events.k8s.io": ("events", ["v1"]),
    "authentication.k8s.io": ("authentication", ["v1"]),
    "authorization.k8s.io": ("authorization", ["v1"]),
    "autoscaling": ("autoscaling", ["v2", "v1"]),
    "batch": ("batch", ["v1"]),
    "certificates.k8s.io": ("certificates", ["v1"]),
    "networking.k8s.io": ("networking", ["v1"]),
    "policy": ("policy", ["v1"]),
    "rbac.authorization.k8s.io": ("rbac", ["v1"]),
    "storage.k8s.io": ("storage", ["v1"]),
    "admissionregistration.k8s.io": ("admissionregistration", ["v1"]),
    "apiextensions.k8s.io": ("apiextensions", ["v1"]),
    "scheduling.k8s.io": ("scheduling", ["v1"]),
    "coordination.k8s.io": ("coordination", ["v1"]),
    "node.k8s.io": ("node", ["v1"]),
    "discovery.k8s.io": ("discovery", ["v1"]),
    "flowcontrol.apiserver.k8s.io": ("flowcontrol", ["v1"]),
}
EXTRA_ROOTS = [
    f"io.k8s.apimachinery.pkg.apis.meta.v1.{name}"
    for name in ("DeleteOptions", "Status", "APIResourceList", "WatchEvent", "Patch")
]
PREFIX = "#/components/schemas/"
EXTENSIONS = (
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-map-type",
    "x-kubernetes-patch-strategy",
    "x-kubernetes-patch-merge-key",
    "x-kubernetes-group-version-kind",
)
ZERO_DEFAULTS = ({}, "", 0, False, None)
DATA = Path(__file__).parent.parent / "src/towline/kube/schema/data"


def module_dir(path: str, version: str) -> Path:
    """Downloads one module with the ordinary client and returns its folder."""
    done = subprocess.run(
        ["go", "mod", "download", "-json", f"{path}@{version}"],
        check=True,
        capture_output=True,
        cwd="/",
    )
    return Path(json.loads(done.stdout)["Dir"])


# --- schemas ----------------------------------------------------------------------------------


def condense(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema without descriptions, with references as siblings of their refinements."""
    out: dict[str, Any] = {}
    if "$ref" in schema:
        out["$ref"] = schema["$ref"].removeprefix(PREFIX)
    for part in schema.get("allOf", ()):
        out["$ref"] = part["$ref"].removeprefix(PREFIX)
    for key in ("type", "format", "required", *EXTENSIONS):
        if key in schema:
            out[key] = schema[key]
    if "default" in schema and schema["default"] not in ZERO_DEFAULTS:
        out["default"] = schema["default"]
    if "oneOf" in schema and "format" not in schema:
        out["format"] = "quantity"
    if "properties" in schema:
        out["properties"] = {name: condense(sub) for name, sub in schema["properties"].items()}
    if "items" in schema:
        out["items"] = condense(schema["items"])
    if "additionalProperties" in schema:
        out["additionalProperties"] = condense(schema["additionalProperties"])
    return out


def descriptions(schema: dict[str, Any]) -> list[Any]:
    """The description of a schema and of its properties."""
    of_properties = {
        name: sub["description"]
        for name, sub in schema.get("properties", {}).items()
        if "description" in sub
    }
    return [schema.get("description", ""), of_properties]


def references(schema: Any) -> set[str]:
    """Names of the definitions that a condensed schema needs."""
    found: set[str] = set()
    if isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            found.add(schema["$ref"])
        for value in schema.values():
            found |= references(value)
    return found


def closure(roots: set[str], definitions: dict[str, Any]) -> set[str]:
    """Everything reachable from the roots."""
    todo, seen = list(roots), set(roots)
    while todo:
        for name in references(definitions[todo.pop()]) - seen:
            seen.add(name)
            todo.append(name)
    return seen


def read_kinds(root: Path, schemas: dict[str, Any]) -> list[dict[str, Any]]:
    """The served kinds with verbs, short names and subresources, from the discovery documents."""
    by_gvk: dict[tuple[str, str, str], str] = {}
    for name, schema in schemas.items():
        for gvk in schema.get("x-kubernetes-group-version-kind", ()):
            if not gvk["kind"].endswith(("DeleteOptions", "WatchEvent")):
                by_gvk[gvk["group"], gvk["version"], gvk["kind"]] = name
    kinds = []
    for group, (_, versions) in GROUPS.items():
        for version in versions:
            stem = f"apis__{group}__{version}" if group else f"api__{version}"
            document = json.loads((root / f"api/discovery/{stem}.json").read_text())
            kinds += [
                kind_entry(group, version, resource, document["resources"], by_gvk)
                for resource in document["resources"]
                if "/" not in resource["name"]
            ]
    return kinds


def kind_entry(
    group: str,
    version: str,
    resource: dict[str, Any],
    siblings: list[dict[str, Any]],
    by_gvk: dict[tuple[str, str, str], str],
) -> dict[str, Any]:
    """One kind in the data file's form."""
    prefix = resource["name"] + "/"
    subresources = {
        sub["name"].removeprefix(prefix): [
            sub.get("group", group),
            sub.get("version", version),
            sub["kind"],
            sub["verbs"],
        ]
        for sub in siblings
        if sub["name"].startswith(prefix)
    }
    return {
        "group": group,
        "version": version,
        "kind": resource["kind"],
        "resource": resource["name"],
        "singular": resource["singularName"],
        "namespaced": resource["namespaced"],
        "short_names": resource.get("shortNames", []),
        "categories": resource.get("categories", []),
        "verbs": resource["verbs"],
        "subresources": subresources,
        "schema": by_gvk[group, version, resource["kind"]],
    }


def owns(schemas: dict[str, Any], definition: str, group: str, version: str, kind: str) -> bool:
    """Whether a definition is the schema of that kind."""
    gvk = {"group": group, "version": version, "kind": kind}
    return gvk in schemas[definition].get("x-kubernetes-group-version-kind", ())


# --- Go structures: which fields an encoder leaves out or always writes --------------------------

STRUCT = re.compile(r"^type (\w+) struct \{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
ALIAS = re.compile(r"^(?:type )?\t?(\w+) (string|bool|u?int\d*|\[\]\S+|map\[\S+)\s*$", re.MULTILINE)
FIELD = re.compile(r"^\t(?:(\w+)\s+)?([\w.*\[\]]+)\s+`(.*)`", re.MULTILINE)
TAG = re.compile(r'(\w+):"([^"]*)"')


GO_KINDS = (
    (r"\*.*", "pointer"),
    (r"\[\]byte", "bytes"),
    (r"\[.*", "list"),
    (r"map\[.*", "map"),
    (r"string", "string"),
    (r"bool", "bool"),
    (r"u?int\d*|float\d+|byte", "int"),
    (r"(metav1\.)?(Micro)?Time", "time"),
    (r"(.*\.)?Quantity", "quantity"),
    (r"(.*\.)?IntOrString", "intstr"),
)


class GoTypes:
    """The structures and named types of a few Go packages, keyed as the definitions are."""

    def __init__(self) -> None:
        self.structs: dict[str, list[tuple[str, str, list[str], int]]] = {}
        self.aliases: dict[str, str] = {}

    def add(self, folder: Path, package: str) -> None:
        """Reads the types of one package."""
        for path in sorted(folder.glob("*.go")):
            if path.name.endswith("_test.go") or path.name.startswith("zz_"):
                continue
            if path.name == "generated.pb.go":
                continue
            text = path.read_text()
            for name, underlying in ALIAS.findall(text):
                self.aliases[f"{package}.{name}"] = underlying
            for name, body in STRUCT.findall(text):
                self.structs[f"{package}.{name}"] = [
                    self._field(*match) for match in FIELD.findall(body)
                ]

    @staticmethod
    def _field(_name: str, type_: str, tags: str) -> tuple[str, str, list[str], int]:
        parsed = dict(TAG.findall(tags))
        json_name, *options = parsed.get("json", "").split(",")
        numbers = re.findall(r",(\d+),", parsed.get("protobuf", ""))
        return json_name, type_, options, int(numbers[0]) if numbers else 0

    def kind(self, type_: str, package: str) -> str:
        """What the Go type is to an encoder: string, bool, int, list, map, struct, any..."""
        for pattern, kind in GO_KINDS:
            if re.fullmatch(pattern, type_):
                return kind
        for owner in (
            package,
            "io.k8s.api.core.v1",
            "io.k8s.apimachinery.pkg.apis.meta.v1",
            "types",
        ):
            alias = self.aliases.get(f"{owner}.{type_.rpartition('.')[2]}")
            if alias:
                return self.kind(alias, owner)
        return "struct"

    def rules(self, name: str) -> tuple[dict[str, str], list[str]]:
        """Fields always written (with the kind of their zero value), fields left out when zero."""
        always: dict[str, str] = {}
        omitted: list[str] = []
        package = name.rpartition(".")[0]
        for json_name, type_, options, _ in self.structs.get(name, ()):
            if "inline" in options:
                embedded = type_.lstrip("*").rpartition(".")
                owner = package if not embedded[0] else "io.k8s.apimachinery.pkg.apis.meta.v1"
                if embedded[0] in {"v1", "corev1", "core"}:
                    owner = "io.k8s.api.core.v1"
                inner_always, inner_omitted = self.rules(f"{owner}.{embedded[2]}")
                always |= inner_always
                omitted += inner_omitted
                continue
            if not json_name or json_name == "-":
                continue
            kind = self.kind(type_, package)
            if kind == "pointer" and "omitempty" in options:
                continue
            structural = kind in {"struct", "time", "quantity", "intstr"}
            if "omitempty" not in options or (structural and "omitzero" not in options):
                always[json_name] = kind
            elif not structural and kind != "pointer":
                omitted.append(json_name)
        return always, omitted


# --- protobuf ------------------------------------------------------------------------------------

MESSAGE = re.compile(r"^message (\w+) \{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
PROTO_FIELD = re.compile(
    r"^\s+(?:(optional|repeated|required) ([\w.]+)|map<(\w+), ([\w.]+)>) (\w+) = (\d+)"
)


def read_proto(path: Path, types: GoTypes, table: dict[str, Any]) -> None:
    """Adds the messages of one file: {message: {number: [json name, type, mode]}}.

    The mode is `` (single), `r` (repeated), `m` (map with text keys) or `i` (its fields are inlined
    into the parent's JSON object).
    """
    text = path.read_text()
    package = re.search(r"^package (.+);", text, re.MULTILINE)[1]  # type: ignore[index]
    own = definition_name(package)
    for message, body in MESSAGE.findall(text):
        by_number = {
            number: (json_name, "inline" in options)
            for json_name, _, options, number in types.structs.get(f"{own}.{message}", ())
            if number
        }
        fields: dict[str, Any] = {}
        for line in body.splitlines():
            match = PROTO_FIELD.match(line)
            if not match:
                continue
            label, type_, _, map_value, name, number = match.groups()
            json_name, inline = by_number.get(int(number), (name, False))
            mode = "m" if map_value else "r" if label == "repeated" else "i" if inline else ""
            fields[number] = [json_name or name, proto_type(map_value or type_, own), mode]
        table[f"{own}.{message}"] = fields


def definition_name(package: str) -> str:
    """`k8s.io.api.apps.v1` is `io.k8s.api.apps.v1` in the schemas."""
    name = re.sub(r"^k8s\.io\.", "io.k8s.", package)
    for module in ("apiextensions-apiserver", "kube-aggregator"):
        name = name.replace(module.replace("-", "_"), module)
    return name


def proto_type(name: str, package: str) -> str:
    """A scalar as it is, a message by its definition's name."""
    if name.startswith("."):
        return definition_name(name[1:])
    return name if name[0].islower() else f"{package}.{name}"


# --- main ----------------------------------------------------------------------------------------


def write(name: str, value: Any) -> None:
    """One reproducible gzip file."""
    raw = json.dumps(value, separators=(",", ":"), sort_keys=name != "kinds").encode()
    packed = gzip.compress(raw, 9, mtime=0)
    (DATA / f"{name}.json.gz").write_bytes(packed)
    print(f"{name}: {len(raw)} bytes, {len(packed)} packed")


def main(version: str) -> None:
    """Writes all files for one Kubernetes version such as v1.36.1."""
    staging = "v0." + version.removeprefix("v1.")
    kubernetes = module_dir("k8s.io/kubernetes", version)
    api = module_dir("k8s.io/api", staging)
    machinery = module_dir("k8s.io/apimachinery", staging)
    extensions = module_dir("k8s.io/apiextensions-apiserver", staging)
    aggregator = module_dir("k8s.io/kube-aggregator", staging)
    # Groups whose types are not in k8s.io/api.
    elsewhere = {
        ("apiextensions", "v1"): extensions / "pkg/apis/apiextensions/v1",
        ("apiregistration", "v1"): aggregator / "pkg/apis/apiregistration/v1",
    }

    raw: dict[str, Any] = {}
    for group, (_, versions) in GROUPS.items():
        for served in versions:
            stem = f"apis__{group}__{served}" if group else f"api__{served}"
            path = kubernetes / f"api/openapi-spec/v3/{stem}_openapi.json"
            raw |= json.loads(path.read_text())["components"]["schemas"]
    condensed = {name: condense(schema) for name, schema in raw.items()}
    kinds = read_kinds(kubernetes, raw)
    roots = {kind["schema"] for kind in kinds}
    roots |= {f"{root}List" for root in roots if f"{root}List" in condensed}
    roots |= {root for root in EXTRA_ROOTS if root in condensed}
    for kind in kinds:
        for group, served, name, _ in kind["subresources"].values():
            roots |= {
                definition
                for definition in condensed
                if owns(condensed, definition, group, served, name)
            }
    names = closure(roots & condensed.keys(), condensed)

    types = GoTypes()
    types.add(machinery / "pkg/types", "types")
    types.add(machinery / "pkg/apis/meta/v1", "io.k8s.apimachinery.pkg.apis.meta.v1")
    types.add(machinery / "pkg/runtime", "io.k8s.apimachinery.pkg.runtime")
    types.add(
        elsewhere["apiextensions", "v1"],
        "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1",
    )
    types.add(
        elsewhere["apiregistration", "v1"], "io.k8s.kube-aggregator.pkg.apis.apiregistration.v1"
    )
    folders = {(folder, v) for folder, versions in GROUPS.values() for v in versions}
    for folder, served in sorted(folders - elsewhere.keys()):
        types.add(api / folder / served, f"io.k8s.api.{folder}.{served}")

    table: dict[str, Any] = {}
    for part in ("pkg/apis/meta/v1", "pkg/runtime", "pkg/util/intstr", "pkg/api/resource"):
        read_proto(machinery / part / "generated.proto", types, table)
    for place in elsewhere.values():
        read_proto(place / "generated.proto", types, table)
    for folder, served in sorted(folders - elsewhere.keys()):
        read_proto(api / folder / served / "generated.proto", types, table)

    definitions = {name: condensed[name] for name in sorted(names)}
    for name, schema in definitions.items():
        always, omitted = types.rules(name)
        present = schema.get("properties", {})
        if kept := {key: kind for key, kind in always.items() if key in present}:
            schema["x-always"] = kept
        if left_out := [key for key in omitted if key in present]:
            schema["x-omit-zero"] = left_out

    DATA.mkdir(parents=True, exist_ok=True)
    write("kinds", {"version": version, "kinds": kinds})
    write("definitions", definitions)
    write("descriptions", {name: descriptions(raw[name]) for name in definitions})
    write("protobuf", table)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "v1.36.1")
