"""The `towline` command: a table of commands whose modules are loaded only when they run."""

from __future__ import annotations

import importlib
import sys

import click

from towline import __version__
from towline.errors import TowlineError

_COMMANDS = {
    "app": ("towline.cli.app", "Applications: list, get, sync, history, delete"),
    "controller": ("towline.cli.controller", "Run the GitOps engine alone against a cluster"),
    "demo": ("towline.cli.demo", "Play the whole story on this machine"),
    "down": ("towline.cli.down", "Stop a running `towline up`"),
    "drydock": ("towline.cli.drydock", "The embedded cluster alone"),
    "helm": ("towline.cli.helm", "Render Helm charts as `helm template` does"),
    "image": ("towline.cli.image", "Base images for offline use"),
    "kustomize": ("towline.cli.kustomize", "Kustomize in process: build"),
    "pipeline": ("towline.cli.pipeline", "Pipelines: lint, list, runs, logs, start"),
    "render": ("towline.cli.render", "Render applications without a cluster"),
    "status": ("towline.cli.status", "What runs, and where"),
    "trace": ("towline.cli.trace", "Follow a commit to its pods"),
    "up": ("towline.cli.up", "Start everything"),
}


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        entry = _COMMANDS.get(cmd_name)
        if entry is None:
            return None
        command = importlib.import_module(entry[0]).command
        assert isinstance(command, click.Command)  # noqa: S101  # a wrong table is a bug
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, _COMMANDS[name][1]) for name in sorted(_COMMANDS)])


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="towline")
def cli() -> None:
    """From git push to healing pods: CI, registry, GitOps engine and an embedded Kubernetes."""


def main() -> None:
    """Runs the command line; exit codes: 0 ok, 1 failed, 2 usage, 20 differences found."""
    try:
        cli.main(standalone_mode=False)
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        sys.exit(130)
    except TowlineError as error:
        click.echo(f"towline: error: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
