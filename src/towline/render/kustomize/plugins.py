"""Built-in generators and transformers configured in files or inline, under their kinds."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from towline.errors import InputError
from towline.render.kustomize.config import field_specs
from towline.render.kustomize.decode import read_yaml, to_record
from towline.render.kustomize.files import Charts, Folder
from towline.render.kustomize.generated import config_map, secret
from towline.render.kustomize.labelling import (
    Transformer,
    set_entries,
    set_image,
    set_replicas,
)
from towline.render.kustomize.model import (
    GeneratorArgs,
    HelmChart,
    HelmGlobals,
    ObjectMeta,
    Patch,
    Replacement,
    Selector,
)
from towline.render.kustomize.naming import (
    SUBJECT_MODES,
    add_hashes,
    add_prefix,
    add_suffix,
    set_namespace,
)
from towline.render.kustomize.patching import any_patch, json_patch, strategic_patches
from towline.render.kustomize.plugin_configs import (
    AffixConfig,
    AnnotationConfig,
    ChartConfig,
    GeneratorConfig,
    IamConfig,
    ImageConfig,
    JsonPatchConfig,
    LabelConfig,
    MergePatchConfig,
    NamespaceConfig,
    PatchConfig,
    ReplacementConfig,
    ReplicaConfig,
    ValueAddConfig,
)
from towline.render.kustomize.reading import ParsedFiles, resources_of
from towline.render.kustomize.replacing import replace_all
from towline.render.kustomize.resmap import ResMap
from towline.render.kustomize.resource import Resource
from towline.render.kustomize.schema import Schemas
from towline.render.kustomize.value_add import add_value
from towline.render.kustomize.values import finished

Generator = Callable[[], list[Resource]]


class Plugins:
    """Makes generators and transformers for one kustomization.

    Args:
        folder: Its folder.
        schemas: What is known of kinds.
        parsed: Parsed texts.
    """

    def __init__(self, folder: Folder, schemas: Schemas, parsed: ParsedFiles) -> None:
        self._folder = folder
        self._schemas = schemas
        self._parsed = parsed

    def read(self, content: bytes) -> list[Resource]:
        """The resources of a text."""
        return resources_of(content, self._schemas, self._parsed)

    def generator(self, config: Resource) -> Generator:
        """The generator of a configuration.

        Raises:
            InputError: It is not built in, or malformed.
        """
        try:
            make = self._maker(config, _GENERATORS, _TRANSFORMERS, "generator")
            if config.kind == "HelmChartInflationGenerator":
                self.check_charts()
        except InputError as error:
            raise InputError(
                f"failed to load generator: {error.message}", hint=error.hint
            ) from error
        return lambda: make(self, finished(config.value))

    def check_charts(self) -> Charts:
        """What inflates charts.

        Raises:
            InputError: They are not enabled.
        """
        charts = self._folder.access.charts
        if charts is None:
            raise InputError("must specify --enable-helm")
        return charts

    def transformer(self, config: Resource) -> Transformer:
        """The transformer of a configuration.

        Raises:
            InputError: It is not built in, or malformed.
        """
        make = self._maker(config, _TRANSFORMERS, _GENERATORS, "transformer")
        try:
            made: Transformer = make(self, finished(config.value))
        except InputError as error:
            raise InputError(
                f"plugin {config.original_id} fails configuration: {error.message}"
            ) from error
        return made

    def data(self, kind: str, args: GeneratorArgs) -> list[Resource]:
        """The ConfigMap or Secret of a generator."""
        make = config_map if kind == "ConfigMap" else secret
        value = make(args, self._folder.load)
        resource = Resource(value, self._schemas, special=True)
        resource.needs_hash = not (args.options and args.options.disable_name_suffix_hash)
        known = {"create", "merge", "replace"}
        resource.behavior = args.behavior if args.behavior in known else "unspecified"
        return [resource]

    def chart(self, chart: HelmChart, options: HelmGlobals) -> list[Resource]:
        """The manifests of a chart.

        Raises:
            InputError: Charts are not enabled, or this one does not render.
        """
        charts = self.check_charts()
        if not chart.name:
            raise InputError("chart name cannot be empty", field="helmCharts")
        for what, text in (("releaseName", chart.release_name), ("chart name", chart.name)):
            if text.startswith("-"):
                raise InputError(f"{what} must not start with '-', got \"{text}\"")
        if chart.values_merge not in {"", "merge", "override", "replace"}:
            raise InputError("valuesMerge must be one of [merge override replace]")
        text = charts.inflate(chart, options, self._folder)
        resources = self.read(text.encode())
        for resource in resources:
            resource.from_chart = True
        return resources

    def strategic(self, paths: Sequence[str], inline: str = "") -> Transformer:
        """Patches of the field `patchesStrategicMerge`, each a text or a file."""
        patches: list[Resource] = []
        for path in paths:
            try:
                found = self.read(path.encode())
            except InputError:
                content = self._folder.load(path)
                try:
                    found = self.read(content)
                except InputError as error:
                    raise in_file(error, path) from error
            patches.extend(found)
        if inline:
            patches.extend(self.read(inline.encode()))
        if not patches:
            listed = " ".join(paths)
            raise InputError(f"patch appears to be empty; files=[{listed}], Patch={inline}")
        return strategic_patches(patches)

    def patch(self, patch: Patch) -> Transformer:
        """A patch of the field `patches`."""
        return any_patch(patch, self._folder.load, self.read)

    def json_patch(self, target: Selector | None, path: str, text: str) -> Transformer:
        """A patch of the field `patchesJson6902`."""
        return json_patch(target, path, text, self._folder.load)

    def replacements(self, entries: Sequence[Replacement]) -> Transformer:
        """The replacements of a list, those in files included."""
        result: list[Replacement] = []
        for entry in entries:
            if not entry.path:
                result.append(entry)
                continue
            if entry.source is not None or entry.targets:
                raise InputError("cannot specify both path and inline replacement")
            result.extend(self._replacement_file(entry.path))
        return replace_all(result)

    def _replacement_file(self, path: str) -> list[Replacement]:
        value = read_yaml(self._folder.load(path).decode("utf-8", "replace"), path)
        if not isinstance(value, dict | list):
            raise InputError(
                "unsupported replacement type encountered within replacement path", file=path
            )
        values = value if isinstance(value, list) else [value]
        return [to_record(each, Replacement, strict=False, file=path) for each in values]

    def value_add(self, config: ValueAddConfig) -> Transformer:
        """Adds a value to fields."""
        targets = list(config.targets)
        if config.target_file_path:
            text = self._folder.load(config.target_file_path).decode("utf-8", "replace")
            value = read_yaml(text, config.target_file_path)
            more = to_record(value, ValueAddConfig, strict=False, file=config.target_file_path)
            targets.extend(more.targets)
        name = posixpath.basename(self._folder.shown.rstrip("/")) or "/"
        return add_value(config.value.strip() or name, targets)

    def service_account(self, config: IamConfig) -> list[Resource]:
        """The service account of an IAMPolicyGenerator."""
        if config.cloud != "gke":
            raise InputError(f"cloud provider {config.cloud} not supported yet", field="cloud")
        account = config.service_account
        metadata: dict[str, Any] = {
            "annotations": {
                "iam.gke.io/gcp-service-account": (
                    f"{account.name}@{account.project_id}.iam.gserviceaccount.com"
                )
            },
            "name": config.kubernetes_service.name,
        }
        if config.kubernetes_service.namespace:
            metadata["namespace"] = config.kubernetes_service.namespace
        value = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}
        return [Resource(value, self._schemas)]

    def _maker(
        self,
        config: Resource,
        table: Mapping[str, Callable[[Plugins, Any], Any]],
        other: Mapping[str, Any],
        what: str,
    ) -> Callable[[Plugins, Any], Any]:
        gvk = config.gvk
        if gvk.group or gvk.version != "builtin":
            raise InputError(
                "external plugins disabled; unable to load external plugin "
                f"'{config.original_id.gvk.kind}'",
                hint="exec and container functions are not run",
            )
        if gvk.kind in table:
            return table[gvk.kind]
        if gvk.kind in other:
            raise InputError(f"plugin {config.original_id} not a {what}")
        raise InputError(f"unable to load builtin {gvk}")


def in_file(error: InputError, path: str) -> InputError:
    """A YAML error with the file that it is in."""
    if "MalformedYAMLError" in error.message:
        return InputError(f"{error.message} in File: {path}")
    return error


def _record(config: Any, record: type[Any]) -> Any:
    return to_record(config, record, strict=False)


def _labels(_: Plugins, config: Any) -> Transformer:
    found: LabelConfig = _record(config, LabelConfig)
    return set_entries(found.labels or {}, field_specs(found.field_specs))


def _annotations(_: Plugins, config: Any) -> Transformer:
    found: AnnotationConfig = _record(config, AnnotationConfig)
    return set_entries(found.annotations or {}, field_specs(found.field_specs))


def _affixes(kinds: str) -> Callable[[Plugins, Any], Transformer]:
    def make(_: Plugins, config: Any) -> Transformer:
        found: AffixConfig = _record(config, AffixConfig)
        if found.field_specs is None:
            raise InputError("fieldSpecs is not expected to be nil", field="fieldSpecs")
        specs = field_specs(found.field_specs)
        steps = []
        if "prefix" in kinds:
            steps.append(add_prefix(found.prefix, specs))
        if "suffix" in kinds:
            steps.append(add_suffix(found.suffix, specs))

        def transform(resources: ResMap) -> None:
            for step in steps:
                step(resources)

        return transform

    return make


def _namespace(_: Plugins, config: Any) -> Transformer:
    found: NamespaceConfig = _record(config, NamespaceConfig)
    mode = found.set_role_binding_subjects
    if mode and mode not in SUBJECT_MODES:
        legal = '"defaultOnly", "none" or "allServiceAccounts"'
        raise InputError(
            f'invalid value "{mode}" for setRoleBindingSubjects: must be one of {legal}'
        )
    return set_namespace(
        found.metadata.namespace if found.metadata else "",
        field_specs(found.field_specs),
        unset_only=found.unset_only,
        subjects=mode,
    )


def _image(_: Plugins, config: Any) -> Transformer:
    found: ImageConfig = _record(config, ImageConfig)
    return set_image(found.image_tag, field_specs(found.field_specs))


def _replica(_: Plugins, config: Any) -> Transformer:
    found: ReplicaConfig = _record(config, ReplicaConfig)
    return set_replicas(found.replica, field_specs(found.field_specs))


def _json_patch(plugins: Plugins, config: Any) -> Transformer:
    found: JsonPatchConfig = _record(config, JsonPatchConfig)
    return plugins.json_patch(found.target, found.path, found.json_op)


def _merge_patch(plugins: Plugins, config: Any) -> Transformer:
    found: MergePatchConfig = _record(config, MergePatchConfig)
    if not found.paths and not found.patches:
        raise InputError("empty file path and empty patch content")
    return plugins.strategic(found.paths, found.patches)


def _patch(plugins: Plugins, config: Any) -> Transformer:
    found: PatchConfig = _record(config, PatchConfig)
    return plugins.patch(
        Patch(path=found.path, patch=found.patch, target=found.target, options=found.options)
    )


def _data(kind: str) -> Callable[[Plugins, Any], list[Resource]]:
    def make(plugins: Plugins, config: Any) -> list[Resource]:
        given = _record(config, GeneratorConfig)
        metadata = given.metadata or ObjectMeta()
        args = GeneratorArgs(
            name=given.name or metadata.name,
            namespace=given.namespace or metadata.namespace,
            behavior=given.behavior,
            literals=given.literals,
            files=given.files,
            envs=given.envs,
            env=given.env,
            options=given.options,
            type=given.type,
        )
        return plugins.data(kind, args)

    return make


def _chart(plugins: Plugins, config: Any) -> list[Resource]:
    found: ChartConfig = _record(config, ChartConfig)
    options = HelmGlobals(chart_home=found.chart_home, config_home=found.config_home)
    return plugins.chart(found, options)


_GENERATORS: Final[Mapping[str, Callable[[Plugins, Any], list[Resource]]]] = {
    "ConfigMapGenerator": _data("ConfigMap"),
    "SecretGenerator": _data("Secret"),
    "IAMPolicyGenerator": lambda plugins, config: plugins.service_account(
        _record(config, IamConfig)
    ),
    "HelmChartInflationGenerator": _chart,
}
_TRANSFORMERS: Final[Mapping[str, Callable[[Plugins, Any], Transformer]]] = {
    "AnnotationsTransformer": _annotations,
    "HashTransformer": lambda _plugins, _config: add_hashes,
    "ImageTagTransformer": _image,
    "LabelTransformer": _labels,
    "NamespaceTransformer": _namespace,
    "PatchJson6902Transformer": _json_patch,
    "PatchStrategicMergeTransformer": _merge_patch,
    "PatchTransformer": _patch,
    "PrefixSuffixTransformer": _affixes("prefix suffix"),
    "PrefixTransformer": _affixes("prefix"),
    "SuffixTransformer": _affixes("suffix"),
    "ReplacementTransformer": lambda plugins, config: plugins.replacements(
        _record(config, ReplacementConfig).replacements
    ),
    "ReplicaCountTransformer": _replica,
    "ValueAddTransformer": lambda plugins, config: plugins.value_add(
        _record(config, ValueAddConfig)
    ),
}
