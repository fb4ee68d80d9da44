"""`towline helm`: Helm's `template` command, in process and with Helm's own arguments."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

_SWITCHES = {
    "include-crds": "Print the files of crds/ as well.",
    "skip-crds": "Accepted for Helm's sake; CRDs are left out unless --include-crds is given.",
    "skip-tests": "Leave test hooks out.",
    "no-hooks": "Leave hooks out.",
    "is-upgrade": "Set .Release.IsUpgrade instead of .Release.IsInstall.",
    "skip-schema-validation": "Do not check values against values.schema.json.",
    "dependency-update": "Fetch missing dependencies.",
    "release-name": "Put the output of --output-dir into a folder named for the release.",
    "generate-name": "Make a name for the release.",
    "devel": "Consider pre-releases of the chart.",
    "pass-credentials": "Send credentials to other hosts than the repository's.",
    "insecure-skip-tls-verify": "Do not check certificates of chart repositories.",
    "plain-http": "Speak plain HTTP with chart registries.",
    "debug": "Print manifests even if they are not YAML.",
}
_TEXTS = {
    "kube-version": "Kubernetes version for .Capabilities.KubeVersion.",
    "name-template": "Template of the release's name.",
    "output-dir": "Write files into this folder instead of printing.",
    "version": "Version, or constraint on the version, of the chart.",
    "repo": "URL of the chart repository.",
    "username": "User at the chart repository.",
    "password": "Password at the chart repository.",
    "ca-file": "Certificate authority of the chart repository.",
    "cert-file": "Client certificate for the chart repository.",
    "key-file": "Key of that certificate.",
}
_LISTS = {
    "set": "Set values: key=value,key=value.",
    "set-string": "Set text values.",
    "set-file": "Set values to the content of files.",
    "set-json": "Set JSON values.",
    "set-literal": "Set one value to the text as it is.",
}
# Options of an installation, which change nothing about the templates.
_IGNORED_SWITCHES = (
    "atomic",
    "create-namespace",
    "disable-openapi-validation",
    "enable-dns",
    "force",
    "force-conflicts",
    "force-replace",
    "hide-notes",
    "render-subchart-notes",
    "replace",
    "rollback-on-failure",
    "server-side",
    "take-ownership",
    "wait",
    "wait-for-jobs",
)
_IGNORED_TEXTS = ("description", "keyring", "labels", "timeout", "kubeconfig", "kube-context")
_REFUSED = ("validate", "verify")
_SHORT = {"generate-name": "-g", "labels": "-l"}


class _HelmCommand(click.Command):
    """Takes `--switch=true` and `--switch=false` as Helm does."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, _plain_switches(args))


def _plain_switches(args: Sequence[str]) -> list[str]:
    names = {f"--{name}" for name in (*_SWITCHES, *_IGNORED_SWITCHES, *_REFUSED)}
    result: list[str] = []
    for arg in args:
        name, equals, value = arg.partition("=")
        if not equals or name not in names:
            result.append(arg)
        elif value.lower() in {"true", "t", "1"}:
            result.append(name)
        elif value.lower() not in {"false", "f", "0"}:
            raise click.BadParameter(f'invalid argument "{value}" for "{name}" flag')
    return result


def _options(function: F) -> F:
    for name in (*_IGNORED_SWITCHES, *_REFUSED):
        function = click.option(f"--{name}", is_flag=True, hidden=True)(function)
    for name in _IGNORED_TEXTS:
        short = [_SHORT[name]] if name in _SHORT else []
        function = click.option(f"--{name}", *short, hidden=True)(function)
    for name, text in _LISTS.items():
        field = name.replace("-", "_") + "_values"
        function = click.option(f"--{name}", field, multiple=True, help=text)(function)
    for name, text in _TEXTS.items():
        function = click.option(f"--{name}", default="", help=text)(function)
    for name, text in _SWITCHES.items():
        short = [_SHORT[name]] if name in _SHORT else []
        function = click.option(f"--{name}", *short, is_flag=True, help=text)(function)
    return function


@click.group()
def command() -> None:
    """Helm charts, rendered in process."""


@command.command(cls=_HelmCommand)
@click.argument("arguments", nargs=-1, required=True, metavar="[NAME] CHART")
@click.option("-n", "--namespace", default="default", help="Namespace of the release.")
@click.option("-f", "--values", multiple=True, help="Files with values, or their URLs.")
@click.option("-a", "--api-versions", multiple=True, help="API versions for .Capabilities.")
@click.option("-s", "--show-only", multiple=True, help="Print these templates only.")
@click.option("--dry-run", is_flag=False, flag_value="client", default="client", hidden=True)
@click.option("--post-renderer", multiple=True, hidden=True)
@click.option("--post-renderer-args", multiple=True, hidden=True)
@click.option(
    "--helm",
    "major",
    type=click.Choice(["3", "4"]),
    default="3",
    show_default=True,
    help="Which Helm's rules apply.",
)
@_options
def template(arguments: tuple[str, ...], major: str, **options: Any) -> None:
    """Print the manifests of CHART as `helm template` does."""
    from towline.cli.compiled_templates import kept_templates
    from towline.cli.helm_template import run_template
    from towline.errors import TowlineError

    for name in _REFUSED:
        if options[name]:
            raise click.UsageError(f"--{name} is not supported: nothing here asks a cluster or key")
    if options["post_renderer"]:
        raise click.UsageError("--post-renderer runs a program, which is not supported")
    if options["dry_run"] not in {"client", "true", "none", ""}:
        raise click.UsageError("--dry-run=server is not supported")
    try:
        with kept_templates():
            run_template(arguments, int(major), options, sys.stdout.buffer)
    except TowlineError as error:
        written = getattr(error, "written", "")
        if options["debug"] and written:
            click.echo(written.strip())
        advice = "" if options["debug"] else _advice(error)
        click.echo(f"Error: {error.message}{advice}", err=True)
        sys.exit(1)


def _advice(error: Exception) -> str:
    from towline.render.helm.errors import RenderError

    if isinstance(error, RenderError):
        return "\n\nUse --debug flag to render out invalid YAML"
    return ""
