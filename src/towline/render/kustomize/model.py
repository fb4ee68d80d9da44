"""The kustomization file and the configurations of built-in transformers, as records."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from towline.render.kustomize.ids import Gvk

KUSTOMIZATION_VERSION: Final = "kustomize.config.k8s.io/v1beta1"
COMPONENT_VERSION: Final = "kustomize.config.k8s.io/v1alpha1"
COMPONENT: Final = "Component"
KUSTOMIZATION: Final = "Kustomization"


class Record(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A part of a kustomization file; absent and null fields have their defaults."""


class Selector(Record, frozen=True):
    """Which resources; patterns where the field that holds it says so.

    Attributes:
        group: API group.
        version: API version.
        kind: Kind.
        name: Name.
        namespace: Namespace.
        annotation_selector: Selector on annotations.
        label_selector: Selector on labels.
    """

    group: str = ""
    version: str = ""
    kind: str = ""
    name: str = ""
    namespace: str = ""
    annotation_selector: str = ""
    label_selector: str = ""

    @property
    def gvk(self) -> Gvk:
        """Its kind."""
        return Gvk(self.group, self.version, self.kind)

    @property
    def is_empty(self) -> bool:
        """Whether no identity is given."""
        return not (self.group or self.version or self.kind or self.name or self.namespace)


class PatchOptions(Record, frozen=True):
    """What a patch may change beyond fields.

    Attributes:
        allow_name_change: The name.
        allow_kind_change: The kind.
    """

    allow_name_change: bool = False
    allow_kind_change: bool = False


class Patch(Record, frozen=True):
    """A patch by file or inline text.

    Attributes:
        path: File.
        patch: Text.
        target: What it applies to.
        options: What it may change.
    """

    path: str = ""
    patch: str = ""
    target: Selector | None = None
    options: PatchOptions | None = None


class Image(Record, frozen=True):
    """A change of an image.

    Attributes:
        name: Its name without tag, a pattern.
        new_name: The name to use.
        tag_suffix: What to add to the tag.
        new_tag: The tag to use.
        digest: The digest to use.
    """

    name: str = ""
    new_name: str = ""
    tag_suffix: str = ""
    new_tag: str = ""
    digest: str = ""


class Replica(Record, frozen=True):
    """A number of replicas.

    Attributes:
        name: Name of the workload.
        count: How many.
    """

    name: str = ""
    count: int = 0


class FieldConfig(Record, frozen=True):
    """A field specification as configurations write it.

    Attributes:
        group: API group.
        version: API version.
        kind: Kind.
        path: Field names joined by `/`.
        create: Whether missing fields are made.
    """

    group: str = ""
    version: str = ""
    kind: str = ""
    path: str = ""
    create: bool = False


class Label(Record, frozen=True):
    """Labels and where to set them beside the metadata.

    Attributes:
        pairs: The labels.
        include_selectors: Also in selectors and templates.
        include_templates: Also in templates.
        include_volume_claim_templates: Also in volume claim templates.
        fields: Further places.
    """

    pairs: dict[str, str] | None = None
    include_selectors: bool = False
    include_templates: bool = False
    include_volume_claim_templates: bool = False
    fields: list[FieldConfig] = []


class GeneratorOptions(Record, frozen=True):
    """What generated objects get.

    Attributes:
        labels: Labels.
        annotations: Annotations.
        disable_name_suffix_hash: No hash at the end of the name.
        immutable: The object is immutable.
    """

    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    disable_name_suffix_hash: bool = False
    immutable: bool = False


class DataSource(Record, frozen=True):
    """Where the entries of a generated object come from.

    Attributes:
        name: Its name.
        namespace: Its namespace.
        behavior: What to do when it is there already.
        literals: `key=value` entries.
        files: `[key=]path` entries.
        envs: Files with `key=value` lines.
        env: One more such file.
        options: What it gets.
    """

    name: str = ""
    namespace: str = ""
    behavior: str = ""
    literals: list[str] = []
    files: list[str] = []
    envs: list[str] = []
    env: str = ""
    options: GeneratorOptions | None = None

    @property
    def env_files(self) -> list[str]:
        """All files with `key=value` lines."""
        return [*self.envs, self.env] if self.env else self.envs


class GeneratorArgs(DataSource, frozen=True):
    """A generator of a ConfigMap or Secret.

    Attributes:
        type: Type of a Secret.
    """

    type: str = ""


class FieldOptions(Record, frozen=True):
    """Which part of a field's text counts.

    Attributes:
        delimiter: Splits the text.
        index: Which piece.
        encoding: Accepted and unused, as in the original.
        create: Whether a missing field is made.
    """

    delimiter: str = ""
    index: int = 0
    encoding: str = ""
    create: bool = False


class ReplacementSource(Selector, frozen=True):
    """The field that a replacement takes its value from.

    Attributes:
        field_path: The field; the name if empty.
        options: Which part of it.
    """

    field_path: str = ""
    options: FieldOptions | None = None


class ReplacementTarget(Record, frozen=True):
    """The fields that a replacement sets.

    Attributes:
        select: In which resources.
        reject: But not in these.
        field_paths: Which fields; the name if none is given.
        options: Which part of them.
    """

    select: Selector | None = None
    reject: list[Selector] = []
    field_paths: list[str] = []
    options: FieldOptions | None = None


class Replacement(Record, frozen=True):
    """A value that is copied to other fields.

    Attributes:
        source: The field that holds it.
        targets: Where it goes.
        source_value: The value itself.
        path: A file with replacements, instead of the others.
    """

    source: ReplacementSource | None = None
    targets: list[ReplacementTarget] | None = None
    source_value: str | None = None
    path: str = ""


class ObjectReference(Record, frozen=True):
    """The resource that a variable takes its value from.

    Attributes:
        api_version: Its API version; wins over group and version.
        group: API group.
        version: API version.
        kind: Kind.
        name: Name.
        namespace: Namespace.
    """

    api_version: str = ""
    group: str = ""
    version: str = ""
    kind: str = ""
    name: str = ""
    namespace: str = ""


class FieldReference(Record, frozen=True):
    """A field by its path.

    Attributes:
        field_path: Names joined by dots.
    """

    field_path: str = ""


class Variable(msgspec.Struct, frozen=True, kw_only=True):
    """A variable, written `$(NAME)`.

    Attributes:
        name: Its name.
        objref: The resource that has the value.
        fieldref: The field of it.
    """

    name: str = ""
    objref: ObjectReference = ObjectReference()
    fieldref: FieldReference = FieldReference()


class SortLists(Record, frozen=True):
    """Kinds that come first and last.

    Attributes:
        order_first: First.
        order_last: Last.
    """

    order_first: list[str] = []
    order_last: list[str] = []


class SortOptions(Record, frozen=True):
    """The order of the output.

    Attributes:
        order: `legacy` or `fifo`.
        legacy_sort_options: The lists of the legacy order.
    """

    order: str = ""
    legacy_sort_options: SortLists | None = None


class HelmGlobals(Record, frozen=True):
    """Where charts are.

    Attributes:
        chart_home: Folder of vendored charts.
        config_home: Folder of the tool's settings; charts are rendered in process, so unused.
    """

    chart_home: str = ""
    config_home: str = ""


class HelmChart(Record, frozen=True):
    """A chart to inflate.

    Attributes:
        name: Its name.
        version: Its version.
        repo: Its repository.
        release_name: Name of the release.
        namespace: Namespace of the release.
        additional_values_files: Further files of values.
        values_file: File of values.
        values_inline: Values.
        values_merge: How the inline values meet the file: `override`, `merge`, `replace`.
        include_crds: Whether its definitions are included.
        skip_hooks: Whether hooks are left out.
        api_versions: Capabilities.
        kube_version: Capabilities.
        name_template: Template of the release's name.
        skip_tests: Whether test hooks are left out.
        debug: Accepted.
        devel: Whether development versions count.
    """

    name: str = ""
    version: str = ""
    repo: str = ""
    release_name: str = ""
    namespace: str = ""
    additional_values_files: list[str] = []
    values_file: str = ""
    values_inline: dict[str, Any] | None = None
    values_merge: str = ""
    include_crds: bool = msgspec.field(default=False, name="includeCRDs")
    skip_hooks: bool = False
    api_versions: list[str] = []
    kube_version: str = ""
    name_template: str = ""
    skip_tests: bool = False
    debug: bool = False
    devel: bool = False


class OldHelmChart(Record, frozen=True):
    """A chart in the former way of writing.

    Attributes:
        chart_name: See `HelmChart`.
        chart_version: See `HelmChart`.
        chart_repo_url: See `HelmChart`.
        chart_home: See `HelmGlobals`.
        chart_repo_name: Unused.
        helm_bin: Unused.
        helm_home: See `HelmGlobals`.
        values: File of values.
        values_local: Values.
        values_merge: See `HelmChart`.
        release_name: See `HelmChart`.
        release_namespace: Unused, as in the original.
        extra_args: Unused, as in the original.
    """

    chart_name: str = ""
    chart_version: str = ""
    chart_repo_url: str = ""
    chart_home: str = ""
    chart_repo_name: str = ""
    helm_bin: str = ""
    helm_home: str = ""
    values: str = ""
    values_local: dict[str, Any] | None = None
    values_merge: str = ""
    release_name: str = ""
    release_namespace: str = ""
    extra_args: list[str] = []


class ObjectMeta(Record, frozen=True):
    """Metadata of a configuration.

    Attributes:
        name: Its name.
        namespace: Its namespace.
        labels: Its labels.
        annotations: Its annotations.
    """

    name: str = ""
    namespace: str = ""
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None


class Kustomization(Record, frozen=True):
    """A kustomization file. The fields are those of kustomize's reference, by the same names."""

    api_version: str = ""
    kind: str = ""
    metadata: ObjectMeta | None = None
    openapi: dict[str, str] | None = None
    name_prefix: str = ""
    name_suffix: str = ""
    namespace: str = ""
    common_labels: dict[str, str] | None = None
    labels: list[Label] | None = None
    common_annotations: dict[str, str] | None = None
    patches_strategic_merge: list[str] | None = None
    patches_json6902: list[Patch] | None = msgspec.field(default=None, name="patchesJson6902")
    patches: list[Patch] | None = None
    images: list[Image] | None = None
    image_tags: list[Image] | None = None
    replacements: list[Replacement] | None = None
    replicas: list[Replica] | None = None
    vars: list[Variable] | None = None
    sort_options: SortOptions | None = None
    resources: list[str] | None = None
    components: list[str] | None = None
    crds: list[str] | None = None
    bases: list[str] | None = None
    config_map_generator: list[GeneratorArgs] | None = None
    secret_generator: list[GeneratorArgs] | None = None
    helm_globals: HelmGlobals | None = None
    helm_charts: list[HelmChart] | None = None
    helm_chart_inflation_generator: list[OldHelmChart] | None = None
    generator_options: GeneratorOptions | None = None
    configurations: list[str] | None = None
    generators: list[str] | None = None
    transformers: list[str] | None = None
    validators: list[str] | None = None
    build_metadata: list[str] | None = None
