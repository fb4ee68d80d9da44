"""YAML and JSON text exactly as the Kubernetes tools written in Go print them. Pure."""

from towline.text.goyaml.emitter import dump
from towline.text.goyaml.json import dump_json

__all__ = ["dump", "dump_json"]
