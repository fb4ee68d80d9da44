"""Where Drydock answers differently from kube-apiserver, each place with its reason."""

from __future__ import annotations

from peers.difference import Known

_GO = "the text names Go types, Go's parsers or Go's memory; the status code is the same"
_TOKENS = "pods get no token: there are no service account tokens to mount yet"
_NO_DESCRIPTIONS = "tables carry no descriptions of columns: nobody prints them"
_ONE_STEP = "definitions are established in the write itself, so no second manager appears"
_CHEAP = "doubled fields are looked for only when asked to be strict: the search costs time"
_QUIRK = "the real answer is an accident of its implementation; ours says what is wrong"

KNOWN: tuple[Known, ...] = (
    # Words of other languages
    Known("*", "not json/body.message", _GO),
    Known("*", "empty/body.message", _GO),
    Known("*", "a list/body.message", _GO),
    Known("*", "a number/body.message", _GO),
    Known("*", "bad yaml/body.message", _GO),
    Known("*", "bad json/body.message", _GO),
    Known("*", "yaml as merge patch/body.message", _GO),
    Known("apply_config_maps", "wrong map/body.message", _GO),
    Known("applied_objects", "wrong type/body.message", _GO),
    Known("malformed_bodies", "wrong metadata type/body.message", _GO),
    Known("options", "odd manager/body.message", _GO),
    Known("merge_patches", "not an object/body.message", _GO),
    Known("strategic_patches", "no merge key/body.message", _GO),
    Known("strategic_patches", "odd directive/body.message", _GO),
    Known("strategic_patches", "text for a list/body.*", _GO),
    Known("merge_patches", "other kind/body.message", _GO),
    Known("accounts_and_roles", "other role/body.message", _GO),
    Known("deployment_refusals", "odd strategy/body.message", _GO),
    Known("service_refusals", "same port/body.message", _GO),
    Known("jobs", "change the template/body.message", _GO),
    Known("plain_deletion", "odd grace*/body.message", _GO),
    Known("plain_deletion", "odd body/body.message", _GO),
    Known("secrets", "docker text/body.message", _GO),
    Known("pages", "odd limit/body.message", _GO),
    Known("pages", "bad token/body.message", _GO),
    Known("watch_lists", "odd timeout/body.message", _GO),
    Known("objects", "no kind/body.message", _GO),
    Known("updates", "other uid/body.message", _GO),
    Known("shapes", "*as*metadata/body.message", _GO),
    # Accidents
    Known("json_patches", "not a list/*", _QUIRK),
    Known("json_patches", "text/*", _QUIRK),
    Known("json_patches", "many/*", _QUIRK),
    Known("groups_and_resources", "post to a group/*", _QUIRK),
    Known("service_refusals", "port outside/*", _QUIRK),
    Known("service_refusals", "address taken/*", _QUIRK),
    Known("malformed_bodies", "system fields/body.metadata.generation", _QUIRK),
    Known("objects", "whole float/*", _QUIRK),
    Known("objects", "text/body.message", _QUIRK),
    Known("objects", "float/body.message", _QUIRK),
    Known("objects", "spec text/body.message", _QUIRK),
    Known("objects", "many wrong/body.message", "the order of the errors follows a Go map"),
    Known("objects", "status invalid/body.message", _QUIRK),
    Known("objects", "other version/headers.warning", _QUIRK),
    Known("objects", "unknown field */*", "the order follows the schema, not the alphabet"),
    Known("applied_objects", "value conflict/body.message", "the order follows the alphabet"),
    # Decisions
    Known("definitions", "*/body.metadata.managedFields", _ONE_STEP),
    Known("own_kinds", "definition */body.metadata.managedFields", _ONE_STEP),
    Known("unknown_fields", "double Warn/headers.warning", _CHEAP),
    Known("unknown_fields", "double yaml/*", _CHEAP),
    Known("*", "*/body.spec.volumes", _TOKENS),
    Known("*", "*/body.spec.*ontainers.?.volumeMounts", _TOKENS),
    Known("pod_creation", "no account/*", _TOKENS),
    Known("*", "*/body.columnDefinitions.*.description", _NO_DESCRIPTIONS),
)
