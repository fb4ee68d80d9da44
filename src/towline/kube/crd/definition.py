"""Validation of custom resource definitions, with the messages that Kubernetes gives. Pure.

Names, versions, conversion here; schemas in `structure`, `dialect`, `defaults` and `expressions`;
what stands beside a schema in `serving`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from towline.kube.crd.defaults import check_defaults
from towline.kube.crd.dialect import check_dialect, is_readable
from towline.kube.crd.expressions import check_expressions
from towline.kube.crd.rules import CustomRules
from towline.kube.crd.serving import check_columns, check_selectable, check_subresources
from towline.kube.crd.structure import MAX_DEPTH, check_structure
from towline.kube.names import dns1035_problems, subdomain_problems
from towline.kube.schema.fielderror import (
    FieldError,
    forbidden,
    invalid,
    not_supported,
    required,
)

Obj = dict[str, Any]

APPROVAL = "api-approved.kubernetes.io"
_PROTECTED = ("k8s.io", "kubernetes.io")
_ROOT_FIELDS = (
    *("description", "type", "format", "title", "maximum", "exclusiveMaximum", "minimum"),
    *("exclusiveMinimum", "maxLength", "minLength", "pattern", "maxItems", "minItems"),
    *("uniqueItems", "multipleOf", "required", "items", "properties", "externalDocs", "example"),
    *("x-kubernetes-preserve-unknown-fields", "x-kubernetes-validations"),
)


def check_definition(crd: Obj, old: Obj | None = None) -> list[FieldError]:
    """What is wrong with a custom resource definition, defaulted; empty when it can be served.

    Args:
        crd: The definition.
        old: The stored one when this is an update.
    """
    spec = crd.get("spec") or {}
    errors = [] if old is not None else list(_check_name(crd, spec))
    errors += _check_spec(spec)
    errors += _check_approval(crd, spec, old)
    before = (old or {}).get("spec") or {}
    if spec.get("preserveUnknownFields") and not before.get("preserveUnknownFields"):
        text = (
            "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in"
            " spec.versions[*].schema instead"
        )
        errors.append(invalid("spec.preserveUnknownFields", True, text))
    if old is not None:
        errors += _check_immutable(spec, old)
        errors += _check_stored_versions(spec, old)
    return errors


def _check_name(crd: Obj, spec: Obj) -> Iterator[FieldError]:
    name = (crd.get("metadata") or {}).get("name", "")
    plural = (spec.get("names") or {}).get("plural") or ""
    if name != f"{plural}.{spec.get('group') or ''}":
        yield invalid("metadata.name", name, 'must be spec.names.plural+"."+spec.group')


def _check_immutable(spec: Obj, old: Obj) -> Iterator[FieldError]:
    before = old.get("spec") or {}
    conditions = (old.get("status") or {}).get("conditions") or ()
    served = any(c.get("type") == "Established" and c.get("status") == "True" for c in conditions)
    paths: list[tuple[str, ...]] = [("scope",), ("names", "kind")] if served else []
    for path in (*paths, ("group",), ("names", "plural")):
        was, now = _get(before, path), _get(spec, path)
        if was != now:
            yield invalid(".".join(("spec", *path)), now, "field is immutable")


def _get(spec: Obj, path: tuple[str, ...]) -> Any:
    found: Any = spec
    for key in path:
        found = (found or {}).get(key)
    return found


def _check_stored_versions(spec: Obj, old: Obj) -> Iterator[FieldError]:
    """A version that objects may still be stored in must stay."""
    stored = (old.get("status") or {}).get("storedVersions") or ()
    names = {version.get("name") for version in spec.get("versions") or ()}
    for position, name in enumerate(stored):
        if name not in names:
            yield invalid(
                f"status.storedVersions[{position}]",
                name,
                f"missing from spec.versions; {name} was previously a storage version, and must"
                " remain in spec.versions until a storage migration ensures no data remains"
                f" persisted in {name} and removes {name} from status.storedVersions",
            )


def is_protected(group: str) -> bool:
    """Whether a group belongs to the Kubernetes project."""
    return any(group == each or group.endswith(f".{each}") for each in _PROTECTED)


def _check_approval(crd: Obj, spec: Obj, old: Obj | None) -> Iterator[FieldError]:
    """Groups of the Kubernetes project need a reference to their review."""
    if old is not None or not is_protected(spec.get("group") or ""):
        return
    annotations = (crd.get("metadata") or {}).get("annotations") or {}
    value = annotations.get(APPROVAL)
    where = f"metadata.annotations[{APPROVAL}]"
    if not value:
        text = (
            f'protected groups must have approval annotation "{APPROVAL}", see'
            " https://github.com/kubernetes/enhancements/pull/1111"
        )
        yield required(where, text)
    elif not value.startswith(("http://", "https://", "unapproved")):
        text = (
            f'protected groups must have approval annotation "{APPROVAL}" with either a URL or a'
            ' reason starting with "unapproved", see'
            " https://github.com/kubernetes/enhancements/pull/1111"
        )
        yield invalid(where, value, text)


# --- specification -------------------------------------------------------------------------------


def _check_spec(spec: Obj) -> Iterator[FieldError]:
    yield from _check_group(spec)
    versions = spec.get("versions") or []
    for position, version in enumerate(versions):
        if not isinstance((version.get("schema") or {}).get("openAPIV3Schema"), dict):
            yield required(f"spec.versions[{position}].schema.openAPIV3Schema", "")
    for position, version in enumerate(versions):
        problems = dns1035_problems(version.get("name") or "")
        if problems:
            where = f"spec.versions[{position}].name"
            yield invalid(where, version.get("name") or "", ",".join(problems))
        yield from _check_version(version, f"spec.versions[{position}]", versions)
    names = [version.get("name") for version in versions]
    if len(set(names)) != len(names):
        yield invalid("spec.versions", versions, "must contain unique version names")
    if sum(bool(version.get("storage")) for version in versions) != 1:
        text = "must have exactly one version marked as storage version"
        yield invalid("spec.versions", versions, text)
    if versions and (problems := dns1035_problems(versions[0].get("name") or "")):
        yield invalid("spec.version", versions[0].get("name") or "", ",".join(problems))
    yield from _check_names(spec.get("names") or {})
    if versions:
        yield from _check_shared(versions)
    yield from _check_conversion(spec.get("conversion") or {})


def _check_group(spec: Obj) -> Iterator[FieldError]:
    group = spec.get("group") or ""
    if not group:
        yield required("spec.group")
    elif problems := subdomain_problems(group):
        yield invalid("spec.group", group, ",".join(problems))
    elif "." not in group:
        yield invalid("spec.group", group, "should be a domain with at least one dot")
    scope = spec.get("scope")
    if not scope:
        yield required("spec.scope")
    elif scope not in {"Cluster", "Namespaced"}:
        yield not_supported("spec.scope", scope, ("Cluster", "Namespaced"))


def _check_names(names: Obj) -> Iterator[FieldError]:
    for key in ("plural", "singular", "kind", "listKind"):
        if not names.get(key):
            yield required(f"spec.names.{key}")
    for key in ("plural", "singular", "kind", "listKind"):
        value = names.get(key) or ""
        mixed = key in {"kind", "listKind"}
        problems = dns1035_problems(value.lower() if mixed else value) if value else []
        if problems:
            head = "may have mixed case, but should otherwise match: " if mixed else ""
            yield invalid(f"spec.names.{key}", value, head + ",".join(problems))
    for key in ("shortNames", "categories"):
        for position, value in enumerate(names.get(key) or ()):
            if problems := dns1035_problems(value):
                yield invalid(f"spec.names.{key}[{position}]", value, ",".join(problems))
    if names.get("kind") and names["kind"] == names.get("listKind"):
        text = "kind and listKind may not be the same"
        yield invalid("spec.names.listKind", names["listKind"], text)


def _check_conversion(conversion: Obj) -> Iterator[FieldError]:
    strategy = conversion.get("strategy")
    if not strategy:
        yield required("spec.conversion.strategy")
    elif strategy not in {"None", "Webhook"}:
        yield not_supported("spec.conversion.strategy", strategy, ("None", "Webhook"))
    if strategy == "Webhook":
        yield from _check_webhook(conversion.get("webhook"))
        return
    webhook = conversion.get("webhook") or {}
    for key, name in (
        ("clientConfig", "webhookClientConfig"),
        ("conversionReviewVersions", "conversionReviewVersions"),
    ):
        if webhook.get(key):
            text = "should not be set when strategy is not set to Webhook"
            yield forbidden(f"spec.conversion.{name}", text)


def _check_webhook(webhook: Obj | None) -> Iterator[FieldError]:
    where = "spec.conversion.webhookClientConfig"
    config = (webhook or {}).get("clientConfig")
    if config is None:
        yield required(where, "required when strategy is set to Webhook")
    elif bool(config.get("url")) == bool(config.get("service")):
        yield required(where, "exactly one of url or service is required")
    reviews = (webhook or {}).get("conversionReviewVersions") or []
    path = "spec.conversion.conversionReviewVersions"
    if not reviews:
        yield required(path)
    elif not {"v1", "v1beta1"} & set(reviews):
        yield invalid(path, reviews, "must include at least one of v1, v1beta1")


# --- versions ------------------------------------------------------------------------------------

# What is the same in every version stands at the top of the internal form, where its path points.
_SHARED = (
    ("schema", "spec.validation"),
    ("subresources", "spec.subresources"),
    ("additionalPrinterColumns", "spec.additionalPrinterColumns"),
    ("selectableFields", "spec.selectableFields"),
)


def _is_shared(versions: list[Obj], key: str) -> bool:
    first = versions[0].get(key)
    return all(version.get(key) == first for version in versions)


def _check_shared(versions: list[Obj]) -> Iterator[FieldError]:
    for key, path in _SHARED:
        if _is_shared(versions, key):
            yield from _check_part(key, versions[0], path, versions)


def _check_version(version: Obj, path: str, versions: list[Obj]) -> Iterator[FieldError]:
    warning = version.get("deprecationWarning")
    if warning is not None and not version.get("deprecated"):
        where = f"{path}.deprecationWarning"
        yield invalid(where, warning, "can only be set for deprecated versions")
    elif warning is not None:
        yield from _check_warning(warning, f"{path}.deprecationWarning")
    for key, _ in _SHARED:
        if not _is_shared(versions, key):
            yield from _check_part(key, version, f"{path}.{key}", versions)


def _check_warning(warning: str, path: str) -> Iterator[FieldError]:
    if len(warning.encode()) > 256:
        yield invalid(path, warning, "must be <= 256 characters long")
    if not warning:
        yield invalid(path, warning, "must not be an empty string")
    bad = next((n for n, char in enumerate(warning) if not char.isprintable()), None)
    if bad is not None:
        text = (
            "must only contain printable UTF-8 characters; non-printable character found at index"
            f" {bad}"
        )
        yield invalid(path, warning, text)


def _check_part(key: str, version: Obj, path: str, versions: list[Obj]) -> Iterator[FieldError]:
    schema = (version.get("schema") or {}).get("openAPIV3Schema")
    match key:
        case "schema" if isinstance(schema, dict):
            # The status of any version counts when all versions have one schema.
            those = versions if path == "spec.validation" else [version]
            status = any(
                (each.get("subresources") or {}).get("status") is not None for each in those
            )
            yield from check_schema(schema, f"{path}.openAPIV3Schema", status=status)
        case "subresources":
            yield from check_subresources(version.get(key) or {}, path)
        case "additionalPrinterColumns":
            yield from check_columns(version.get(key) or (), path)
        case "selectableFields":
            yield from check_selectable(version.get(key) or (), schema or {}, path)


def check_schema(schema: Obj, path: str, *, status: bool) -> Iterator[FieldError]:
    """What is wrong with a schema of a version.

    Args:
        schema: `openAPIV3Schema`.
        path: Where it stands.
        status: Whether the version has a status of its own.
    """
    if _is_too_deep(schema):
        yield forbidden(path, f"must not be nested more than {MAX_DEPTH} deep")
        return
    if status:
        yield from _check_root_fields(schema, path)
    if schema.get("nullable"):
        yield forbidden(f"{path}.nullable", "nullable cannot be true at the root")
    structure = check_structure(schema, path) if is_readable(schema) else []
    yield from structure
    defaults = [] if structure else list(check_defaults(schema, path))
    yield from defaults
    dialect = check_dialect(schema, path)
    yield from dialect
    if not (structure or defaults or dialect):
        yield from check_expressions(schema, CustomRules(schema).compiled(), path)


def _is_too_deep(schema: Obj) -> bool:
    """Whether the schema nests too deeply to walk."""
    level: list[Any] = [schema]
    # Two steps for each level of a schema, such as `properties` and the field's name.
    for _ in range(2 * MAX_DEPTH + 2):
        below = [part for each in level for part in _parts(each)]
        if not below:
            return False
        level = below
    return True


def _parts(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [each for key, each in value.items() if key not in {"default", "example", "enum"}]
    return value if isinstance(value, list) else []


def _check_root_fields(schema: Obj, path: str) -> Iterator[FieldError]:
    """With a status of its own, the root may only describe: the status is validated apart."""
    if schema.get("type") and schema["type"] != "object":
        text = (
            'only "object" is allowed as the type at the root of the schema if the status'
            " subresource is enabled"
        )
        yield invalid(f"{path}.type", schema["type"], text)
    other = [key for key, value in schema.items() if key not in _ROOT_FIELDS and value]
    if other:
        names = " ".join(_go_name(key) for key in _ROOT_FIELDS)
        text = (
            f"only [{names}] fields are allowed at the root of the schema if the status subresource"
            " is enabled"
        )
        yield invalid(path, schema, text)


def _go_name(key: str) -> str:
    special = {
        "x-kubernetes-preserve-unknown-fields": "XPreserveUnknownFields",
        "x-kubernetes-validations": "XValidations",
    }
    return special.get(key) or key[0].upper() + key[1:]
