"""Configurations of built-in generators and transformers, as records."""

from __future__ import annotations

from towline.render.kustomize.model import (
    FieldConfig,
    GeneratorArgs,
    HelmChart,
    Image,
    ObjectMeta,
    PatchOptions,
    Record,
    Replacement,
    Replica,
    Selector,
)
from towline.render.kustomize.value_add import AddTarget


class LabelConfig(Record, frozen=True):
    """Configuration of a LabelTransformer.

    Attributes:
        labels: What to set.
        field_specs: Where.
    """

    labels: dict[str, str] | None = None
    field_specs: tuple[FieldConfig, ...] = ()


class AnnotationConfig(Record, frozen=True):
    """Configuration of an AnnotationsTransformer.

    Attributes:
        annotations: What to set.
        field_specs: Where.
    """

    annotations: dict[str, str] | None = None
    field_specs: tuple[FieldConfig, ...] = ()


class AffixConfig(Record, frozen=True):
    """Configuration of a PrefixTransformer or SuffixTransformer.

    Attributes:
        prefix: What to put before names.
        suffix: What to put after names.
        field_specs: Where.
    """

    prefix: str = ""
    suffix: str = ""
    field_specs: tuple[FieldConfig, ...] | None = None


class NamespaceConfig(Record, frozen=True):
    """Configuration of a NamespaceTransformer.

    Attributes:
        metadata: Its namespace is the one to set.
        field_specs: Where.
        unset_only: Only where none is set.
        set_role_binding_subjects: Which subjects of role bindings.
    """

    metadata: ObjectMeta | None = None
    field_specs: tuple[FieldConfig, ...] = ()
    unset_only: bool = False
    set_role_binding_subjects: str = ""


class ImageConfig(Record, frozen=True):
    """Configuration of an ImageTagTransformer.

    Attributes:
        image_tag: The change.
        field_specs: Where.
    """

    image_tag: Image = Image()
    field_specs: tuple[FieldConfig, ...] = ()


class ReplicaConfig(Record, frozen=True):
    """Configuration of a ReplicaCountTransformer.

    Attributes:
        replica: The number.
        field_specs: Where.
    """

    replica: Replica = Replica()
    field_specs: tuple[FieldConfig, ...] = ()


class JsonPatchConfig(Record, frozen=True):
    """Configuration of a PatchJson6902Transformer.

    Attributes:
        target: The resource.
        path: File with the operations.
        json_op: The operations.
    """

    target: Selector | None = None
    path: str = ""
    json_op: str = ""


class MergePatchConfig(Record, frozen=True):
    """Configuration of a PatchStrategicMergeTransformer.

    Attributes:
        paths: Files, or patches themselves.
        patches: Patches.
    """

    paths: tuple[str, ...] = ()
    patches: str = ""


class PatchConfig(Record, frozen=True):
    """Configuration of a PatchTransformer.

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


class ReplacementConfig(Record, frozen=True):
    """Configuration of a ReplacementTransformer.

    Attributes:
        replacements: What to copy.
    """

    replacements: tuple[Replacement, ...] = ()


class ValueAddConfig(Record, frozen=True):
    """Configuration of a ValueAddTransformer.

    Attributes:
        value: What to set; the folder's name if empty.
        targets: Where.
        target_file_path: A file with more targets.
    """

    value: str = ""
    targets: tuple[AddTarget, ...] = ()
    target_file_path: str = ""


class GeneratorConfig(GeneratorArgs, frozen=True):
    """Configuration of a ConfigMapGenerator or SecretGenerator.

    Attributes:
        metadata: Name and namespace when the fields themselves have none.
    """

    metadata: ObjectMeta | None = None


class ChartConfig(HelmChart, frozen=True):
    """Configuration of a HelmChartInflationGenerator.

    Attributes:
        chart_home: Folder of vendored charts.
        config_home: Unused.
    """

    chart_home: str = ""
    config_home: str = ""


class NamedService(Record, frozen=True):
    """A service account of Kubernetes.

    Attributes:
        name: Its name.
        namespace: Its namespace.
    """

    name: str = ""
    namespace: str = ""


class CloudAccount(Record, frozen=True):
    """A service account of the cloud.

    Attributes:
        name: Its name.
        project_id: Its project.
    """

    name: str = ""
    project_id: str = ""


class IamConfig(Record, frozen=True):
    """Configuration of an IAMPolicyGenerator.

    Attributes:
        cloud: Which cloud; only `gke`.
        kubernetes_service: The account in the cluster.
        service_account: The account in the cloud.
    """

    cloud: str = ""
    kubernetes_service: NamedService = NamedService()
    service_account: CloudAccount = CloudAccount()
