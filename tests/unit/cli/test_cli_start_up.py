"""Short commands load little; every command can be loaded."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys

import click
import pytest

from towline.cli.main import _COMMANDS, cli

HEAVY = ("aiohttp", "yaml", "starlette", "rich", "sqlalchemy", "pygit2", "uvicorn")


def loaded_after(arguments: str) -> set[str]:
    code = (
        "import sys, json\n"
        f"sys.argv = ['towline', *{arguments!r}.split()]\n"
        "from towline.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print(json.dumps(sorted(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True
    )
    return set(json.loads(done.stderr.splitlines()[-1]))


@pytest.mark.parametrize("arguments", ["--help", "app --help", "pipeline --help", "status --help"])
def test_help_and_client_commands_load_no_server_parts(arguments: str) -> None:
    assert loaded_after(arguments).isdisjoint(HEAVY)


@pytest.mark.parametrize("name", sorted(_COMMANDS))
def test_every_command_loads_and_has_help(name: str) -> None:
    command = importlib.import_module(_COMMANDS[name][0]).command
    assert isinstance(command, click.Command)
    assert command.help


def test_the_list_of_commands_is_complete() -> None:
    context = click.Context(cli)
    assert cli.list_commands(context) == sorted(_COMMANDS)
    assert cli.get_command(context, "nonsense") is None
