"""One kustomization: resources, generators, components, transformers, in the original's order."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

import msgspec

from towline.errors import InputError
from towline.render.kustomize.config import (
    TransformerConfig,
    config_of_crds,
    config_of_file,
    default_config,
    field_specs,
)
from towline.render.kustomize.fieldspecs import FieldSpec, merged_specs
from towline.render.kustomize.files import Folder
from towline.render.kustomize.generated import merged_maps
from towline.render.kustomize.ids import Gvk
from towline.render.kustomize.kustomization import load_kustomization
from towline.render.kustomize.labelling import (
    Transformer,
    set_entries,
    set_image,
    set_replicas,
)
from towline.render.kustomize.model import (
    COMPONENT,
    GeneratorArgs,
    GeneratorOptions,
    HelmGlobals,
    Kustomization,
    Label,
    Variable,
)
from towline.render.kustomize.naming import add_prefix, add_suffix, set_namespace
from towline.render.kustomize.origins import Origin
from towline.render.kustomize.plugins import Generator, Plugins, in_file
from towline.render.kustomize.reading import ParsedFiles, resources_of
from towline.render.kustomize.repositories import remote_base
from towline.render.kustomize.resmap import ResMap
from towline.render.kustomize.resource import Resource
from towline.render.kustomize.schema import Schemas
from towline.render.kustomize.variables import mark_sources, merged_variables
from towline.text.goyaml import dump

_METADATA_LABELS: Final = FieldSpec(Gvk(), "metadata/labels", create=True)
_VALIDATED_BY: Final = "validated-by"
Step = tuple[str, Transformer]


class Gathered:
    """What a kustomization has come to: resources, configuration, variables."""

    def __init__(self) -> None:
        self.resources = ResMap()
        self.config = TransformerConfig()
        self.variables: dict[str, Variable] = {}

    def merge(self, other: Gathered) -> None:
        """Takes over what another one has.

        Raises:
            InputError: An identity or a variable is there twice.
        """
        self.resources.extend(other.resources)
        self.config = self.config.merged(other.config)
        self.variables = merged_variables(self.variables, list(other.variables.values()))


class Build(msgspec.Struct, frozen=True):
    """What all kustomizations of one build share.

    Attributes:
        schemas: What is known of kinds.
        parsed: Parsed texts.
        warnings: What is said about deprecated fields.
    """

    schemas: Schemas
    parsed: ParsedFiles
    warnings: list[str]


class Target:
    """One kustomization.

    Args:
        folder: Its folder.
        build: What the build shares.
        edit: A change of the file's content after it is read.
    """

    def __init__(
        self,
        folder: Folder,
        build: Build,
        edit: Callable[[Kustomization], Kustomization] | None = None,
    ) -> None:
        self._folder = folder
        self._build = build
        self.kustomization, self._file = load_kustomization(folder, build.warnings)
        if edit is not None:
            self.kustomization = edit(self.kustomization)
        self._plugins = Plugins(folder, build.schemas, build.parsed)
        self._origin: Origin | None = None
        self._chart_namespace = ""

    def gather_root(self) -> Gathered:
        """Everything below this kustomization, which is the one that is built.

        Raises:
            InputError: Something below it is wrong.
        """
        self.choose_schema()
        if self.kustomization.build_metadata:
            self._origin = Origin()
        return self.gather(Gathered())

    def choose_schema(self) -> None:
        """Takes the `openapi` field into account."""
        field = self.kustomization.openapi or {}
        document = self._folder.load(field["path"]) if "path" in field else None
        self._build.schemas.choose(field, document, file=field.get("path", ""))

    def gather(self, gathered: Gathered) -> Gathered:
        """Adds everything below this kustomization to what is there, and transforms it."""
        kustomization = self.kustomization
        try:
            gathered = self._resources(gathered, kustomization.resources or [])
        except InputError as error:
            raise _prefixed("accumulating resources", error) from error
        config = self._config()
        gathered.config = gathered.config.merged(config)
        self._generate(gathered)
        try:
            gathered = self._components(gathered)
        except InputError as error:
            raise _prefixed("accumulating components", error) from error
        self._transform(gathered)
        self._validate(gathered)
        variables = kustomization.vars or []
        mark_sources(gathered.resources, variables)
        gathered.variables = merged_variables(gathered.variables, variables)
        return gathered

    def _config(self) -> TransformerConfig:
        config = default_config()
        for path in self.kustomization.configurations or []:
            config = config.merged(config_of_file(self._folder.load(path), path))
        for path in self.kustomization.crds or []:
            config = config.merged(config_of_crds(self._folder.load(path), path))
        return config

    def _resources(self, gathered: Gathered, paths: Iterable[str]) -> Gathered:
        for path in paths:
            try:
                self._add_file(gathered, path)
            except InputError as error:
                gathered = self._base(gathered, path, error)
        return gathered

    def _add_file(self, gathered: Gathered, path: str) -> None:
        resources = self._file_resources(path)
        try:
            gathered.resources.extend(resources)
        except InputError as error:
            raise _prefixed(f"merging resources from '{path}'", error) from error

    def _file_resources(self, path: str) -> list[Resource]:
        try:
            content = self._folder.load(path)
            try:
                resources = resources_of(content, self._build.schemas, self._build.parsed)
                ResMap(resources)
            except InputError as error:
                raise in_file(error, path) from error
        except InputError as error:
            raise _prefixed(f"accumulating resources from '{path}'", error) from error
        if self._origin is not None:
            for resource in resources:
                resource.origin = self._origin_below(path)
        return resources

    def _base(self, gathered: Gathered, path: str, problem: InputError) -> Gathered:
        try:
            folder = self._folder.base(path)
        except InputError as error:
            if "MalformedYAMLError" in problem.message:
                raise problem from error
            raise _prefixed(f"accumulation err='{problem.message}'", error) from error
        try:
            return self._folder_resources(gathered, folder, path, component=False)
        except InputError as error:
            raise _prefixed(f"accumulation err='{problem.message}'", error) from error

    def _components(self, gathered: Gathered) -> Gathered:
        for path in self.kustomization.components or []:
            try:
                folder = self._folder.base(path)
            except InputError as error:
                raise InputError(f'loader.New "{error.message}"') from error
            try:
                gathered = self._folder_resources(gathered, folder, path, component=True)
            except InputError as error:
                raise InputError(f'accumulateDirectory: "{error.message}"') from error
        return gathered

    def _folder_resources(
        self, gathered: Gathered, folder: Folder, path: str, *, component: bool
    ) -> Gathered:
        try:
            below = Target(folder, self._build)
        except InputError as error:
            raise _prefixed(f"couldn't make target for path '{folder.shown}'", error) from error
        below._origin = None if self._origin is None else self._origin_below(path)
        below._chart_namespace = self.kustomization.namespace or self._chart_namespace
        below.choose_schema()
        kind = below.kustomization.kind
        if component != (kind == COMPONENT):
            wanted = f"kind '{COMPONENT}'" if component else f"kind != '{COMPONENT}'"
            given = f" but got '{kind}'" if component else ""
            raise InputError(f"expected {wanted} for path '{folder.shown}'{given}")
        result = Gathered() if component else gathered
        try:
            found = below.gather(gathered if component else Gathered())
        except InputError as error:
            place = f"recursed accumulation of path '{folder.shown}'"
            raise _prefixed(place, error) from error
        try:
            result.merge(found)
        except InputError as error:
            raise _prefixed(f"recursed merging from path '{folder.shown}'", error) from error
        return result

    def _origin_below(self, path: str) -> Origin:
        origin = self._origin or Origin()
        address = remote_base(path)
        if address is not None:
            return origin.at(address.path or ".", address.repository, address.ref)
        return origin.below(path)

    def _configured(self, kind: str) -> Origin | None:
        if self._origin is None:
            return None
        file = self._origin.below(self._file).path
        return self._origin.configured(file, (("apiVersion", "builtin"), ("kind", kind)))

    def _generate(self, gathered: Gathered) -> None:
        steps: list[tuple[Origin | None, Generator]] = [
            *self._data_generators(),
            *self._charts(),
        ]
        try:
            steps.extend(
                (_origin_of(config), self._plugins.generator(config))
                for config in self._plugin_configs(self.kustomization.generators or [])
            )
        except InputError as error:
            raise _prefixed("loading generator plugins", error) from error
        for origin, generate in steps:
            made = ResMap(generate())
            if origin is not None:
                made.note_origin(origin)
            try:
                gathered.resources.absorb(made)
            except InputError as error:
                raise _prefixed("merging from generator", error) from error

    def _data_generators(self) -> list[tuple[Origin | None, Generator]]:
        shared = self.kustomization.generator_options
        steps: list[tuple[Origin | None, Generator]] = []
        for kind, entries in (
            ("ConfigMap", self.kustomization.config_map_generator),
            ("Secret", self.kustomization.secret_generator),
        ):
            for entry in entries or []:
                args = _with_options(entry, shared)
                steps.append(
                    (
                        self._configured(f"{kind}Generator"),
                        lambda kind=kind, args=args: self._plugins.data(kind, args),  # type: ignore[misc]
                    )
                )
        return steps

    def _charts(self) -> list[tuple[Origin | None, Generator]]:
        options = self.kustomization.helm_globals or HelmGlobals()
        steps: list[tuple[Origin | None, Generator]] = []
        for entry in self.kustomization.helm_charts or []:
            with _configuring("HelmChartInflationGenerator", entry):
                self._plugins.check_charts()
            namespace = entry.namespace or self.kustomization.namespace or self._chart_namespace
            chart = msgspec.structs.replace(entry, namespace=namespace)
            steps.append(
                (
                    self._configured("HelmChartInflationGenerator"),
                    lambda chart=chart: self._plugins.chart(chart, options),  # type: ignore[misc]
                )
            )
        return steps

    def _plugin_configs(self, entries: Iterable[str]) -> ResMap:
        """Configurations given inline or by path, in the order in which they are used."""
        gathered = Gathered()
        paths = []
        for entry in entries:
            try:
                found = self._plugins.read(entry.encode())
            except InputError:
                paths.append(entry)
                continue
            for resource in found:
                resource.origin = None if self._origin is None else self._origin_below(self._file)
            gathered.resources.extend(found)
        return self._resources(gathered, paths).resources

    def _transform(self, gathered: Gathered) -> None:
        steps = [
            (self._configured(kind), transform)
            for kind, transform in self._transformers(gathered.config)
        ]
        steps.extend(
            (_origin_of(config), self._plugins.transformer(config))
            for config in self._plugin_configs(self.kustomization.transformers or [])
        )
        for origin, transform in steps:
            transform(gathered.resources)
            if origin is not None:
                gathered.resources.note_transformer(origin)
            gathered.resources.drop_deleted()

    def _transformers(self, config: TransformerConfig) -> list[Step]:
        kustomization, plugins = self.kustomization, self._plugins
        steps: list[Step] = []
        if kustomization.patches_strategic_merge:
            paths = kustomization.patches_strategic_merge
            kind = "PatchStrategicMergeTransformer"
            with _configuring(kind, {"paths": paths}):
                steps.append((kind, plugins.strategic(paths)))
        for patch in kustomization.patches or []:
            with _configuring("PatchTransformer", patch):
                steps.append(("PatchTransformer", plugins.patch(patch)))
        if kustomization.namespace:
            transform = set_namespace(kustomization.namespace, config.table("namespace"))
            steps.append(("NamespaceTransformer", transform))
        if kustomization.name_prefix:
            transform = add_prefix(kustomization.name_prefix, config.table("name_prefix"))
            steps.append(("PrefixTransformer", transform))
        if kustomization.name_suffix:
            transform = add_suffix(kustomization.name_suffix, config.table("name_suffix"))
            steps.append(("SuffixTransformer", transform))
        steps.extend(self._label_steps(config))
        if kustomization.common_annotations:
            specs = config.table("common_annotations")
            transform = set_entries(kustomization.common_annotations, specs)
            steps.append(("AnnotationsTransformer", transform))
        for patch in kustomization.patches_json6902 or []:
            kind, given = "PatchJson6902Transformer", msgspec.to_builtins(patch)
            given["jsonOp"] = given.pop("patch", None)
            with _configuring(kind, {key: text for key, text in given.items() if text}):
                transform = plugins.json_patch(patch.target, patch.path, patch.patch)
            steps.append((kind, transform))
        for replica in kustomization.replicas or []:
            transform = set_replicas(replica, config.table("replicas"))
            steps.append(("ReplicaCountTransformer", transform))
        for image in kustomization.images or []:
            transform = set_image(image, config.table("images"))
            steps.append(("ImageTagTransformer", transform))
        if kustomization.replacements:
            transform = plugins.replacements(kustomization.replacements)
            steps.append(("ReplacementTransformer", transform))
        return steps

    def _label_steps(self, config: TransformerConfig) -> list[Step]:
        labels, common = self.kustomization.labels, self.kustomization.common_labels
        if not labels and not common:
            return []
        steps = [
            ("LabelTransformer", set_entries(each.pairs or {}, label_specs(each, config)))
            for each in labels or []
        ]
        steps.append(("LabelTransformer", set_entries(common or {}, config.table("common_labels"))))
        return steps

    def _validate(self, gathered: Gathered) -> None:
        for config in self._plugin_configs(self.kustomization.validators or []):
            transform = self._plugins.transformer(config)
            before = [(each.id.key, each.value) for each in gathered.resources]
            transform(gathered.resources)
            after = [(each.id.key, _unvalidated(each)) for each in gathered.resources]
            if before != after:
                raise InputError("validator shouldn't modify the resource map")


def label_specs(label: Label, config: TransformerConfig) -> tuple[FieldSpec, ...]:
    """Where an entry of the `labels` field sets its labels.

    Raises:
        InputError: Its places contradict the defaults.
    """
    try:
        specs = merged_specs(field_specs(label.fields), config.table("labels"))
        if label.include_selectors:
            return merged_specs(specs, config.table("common_labels"))
        if label.include_templates:
            specs = merged_specs(specs, config.table("template_labels"))
        if label.include_volume_claim_templates:
            specs = merged_specs(specs, config.table("volume_claim_template_labels"))
        return merged_specs(specs, [_METADATA_LABELS])
    except InputError as error:
        raise _prefixed("failed to merge labels", error) from error


def _with_options(args: GeneratorArgs, shared: GeneratorOptions | None) -> GeneratorArgs:
    if shared is None:
        return args
    own = args.options or GeneratorOptions()
    return msgspec.structs.replace(
        args,
        options=GeneratorOptions(
            labels=merged_maps(own.labels, shared.labels),
            annotations=merged_maps(own.annotations, shared.annotations),
            disable_name_suffix_hash=own.disable_name_suffix_hash
            or shared.disable_name_suffix_hash,
            immutable=own.immutable or shared.immutable,
        ),
    )


def _origin_of(config: Resource) -> Origin | None:
    origin = config.origin
    if origin is None:
        return None
    by: Mapping[str, str] = {
        "apiVersion": config.api_version,
        "kind": config.kind,
        "name": config.name,
        "namespace": config.namespace,
    }
    return origin.configured(origin.path, tuple(by.items()))


def _unvalidated(resource: Resource) -> object:
    labels = resource.metadata_map("labels")
    if _VALIDATED_BY in labels:
        labels.pop(_VALIDATED_BY)
        resource.set_metadata("labels", labels)
    return resource.value


@contextlib.contextmanager
def _configuring(kind: str, config: object) -> Iterator[None]:
    try:
        yield
    except InputError as error:
        text = dump(msgspec.to_builtins(config))
        place = f"trouble configuring builtin {kind} with config: `\n{text}`"
        raise _prefixed(place, error) from error


def _prefixed(prefix: str, error: InputError) -> InputError:
    return InputError(f"{prefix}: {error.message}", hint=error.hint)
