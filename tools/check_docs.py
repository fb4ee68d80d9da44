"""Checks the documentation: relative links lead somewhere, YAML and TOML examples parse."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import yaml

LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)#\s]+)(?:#[^)]*)?\)")
FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def tracked() -> list[Path]:
    """Markdown files of the repository."""
    listing = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "*.md"],
        check=True,
        capture_output=True,
        text=True,
    )
    return [Path(line) for line in listing.stdout.splitlines() if Path(line).exists()]


def problems(path: Path) -> list[str]:
    """What is wrong in a file."""
    text = path.read_text()
    found: list[str] = []
    for match in LINK.finditer(text):
        target = match.group(1)
        outside = "://" in target or target.startswith("mailto:")
        if not outside and not (path.parent / target).exists():
            found.append(f"{path}: link to {target}, which does not exist")
    for language, body in FENCE.findall(text):
        try:
            if language in {"yaml", "yml"}:
                list(yaml.safe_load_all(body))
            elif language == "toml":
                tomllib.loads(body)
        except (yaml.YAMLError, tomllib.TOMLDecodeError) as error:
            found.append(f"{path}: {language} example does not parse: {error}")
    return found


def main() -> int:
    """Prints problems; 1 when there are any."""
    files = tracked()
    found = [problem for path in files for problem in problems(path)]
    for problem in found:
        print(problem)
    print(f"{len(files)} documents, {len(found)} problems")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
