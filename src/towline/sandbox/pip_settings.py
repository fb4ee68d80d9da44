"""pip's settings of this machine, in the form that a build can use.

A build sees the machine's index and CA certificates, mounted for its time only: neither ends up in
the image.
"""

from __future__ import annotations

import configparser
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from towline.errors import SettingsError

IN_BUILD_CA = "/etc/ssl/certs/ca-certificates.crt"
IN_BUILD_CONF = "/etc/pip.conf"
IN_BUILD_CONSTRAINTS = "/etc/pip-constraints.txt"

_KEYS = ("index-url", "extra-index-url", "trusted-host", "timeout", "retries", "proxy")
_ENVIRONMENT = {
    "PIP_INDEX_URL": "index-url",
    "PIP_EXTRA_INDEX_URL": "extra-index-url",
    "PIP_TRUSTED_HOST": "trusted-host",
    "PIP_DEFAULT_TIMEOUT": "timeout",
    "PIP_TIMEOUT": "timeout",
    "PIP_RETRIES": "retries",
    "PIP_PROXY": "proxy",
}
_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
)


class PipSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What is mounted into builds.

    Attributes:
        options: pip's options of the section `global`.
        ca_bundle: CA certificates of the machine, or None.
    """

    options: dict[str, str]
    ca_bundle: Path | None

    def render(self, *, constraints: bool) -> str:
        """The text of a pip.conf for builds."""
        options = dict(self.options)
        if self.ca_bundle is not None:
            options["cert"] = IN_BUILD_CA
        if constraints:
            options["constraint"] = IN_BUILD_CONSTRAINTS
        parser = configparser.RawConfigParser()
        parser["global"] = options
        text = io.StringIO()
        parser.write(text)
        return text.getvalue()


def machine_settings(
    environment: Mapping[str, str], *, pip_conf: str = "", ca_bundle: str = ""
) -> PipSettings:
    """Reads pip's configuration files and variables as pip itself would.

    Args:
        environment: This process's environment.
        pip_conf: A configuration file to use in the place of all that; empty for the machine's.
        ca_bundle: CA certificates to use in the place of the machine's.

    Raises:
        SettingsError: A named file is missing or malformed.
    """
    if pip_conf:
        options = _read([Path(pip_conf)], must=True)
    else:
        options = _read(_files(environment), must=False)
        for variable, key in _ENVIRONMENT.items():
            if value := environment.get(variable):
                options[key] = value
    return PipSettings(options=options, ca_bundle=_bundle(environment, ca_bundle))


def _files(environment: Mapping[str, str]) -> list[Path]:
    home = Path(environment.get("HOME") or "/root")
    config = Path(environment.get("XDG_CONFIG_HOME") or home / ".config")
    files = [
        Path("/etc/xdg/pip/pip.conf"),
        Path("/etc/pip.conf"),
        home / ".pip/pip.conf",
        config / "pip/pip.conf",
    ]
    if named := environment.get("PIP_CONFIG_FILE"):
        files = [] if named == "/dev/null" else [*files, Path(named)]
    return files


def _read(files: Sequence[Path], *, must: bool) -> dict[str, str]:
    options: dict[str, str] = {}
    for file in files:
        parser = configparser.RawConfigParser()
        try:
            parser.read_string(file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            if must:
                raise SettingsError(f"pip configuration {file}: {error}") from error
            continue
        except configparser.Error as error:
            raise SettingsError(f"pip configuration {file}: {error}") from error
        for section in ("global", "install"):
            if parser.has_section(section):
                options |= {key: value for key, value in parser.items(section) if key in _KEYS}
    return options


def _bundle(environment: Mapping[str, str], named: str) -> Path | None:
    if named:
        if not Path(named).is_file():
            raise SettingsError(f"CA bundle {named} does not exist")
        return Path(named)
    wished = [environment.get(name, "") for name in ("PIP_CERT", "SSL_CERT_FILE")]
    for candidate in [*wished, *_BUNDLES]:
        if candidate and Path(candidate).is_file():
            return Path(candidate)
    return None
