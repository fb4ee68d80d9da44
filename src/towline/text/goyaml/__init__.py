"""YAML and JSON text exactly as the Kubernetes tools written in Go print and read it. Pure."""

from towline.text.goyaml.emitter import dump
from towline.text.goyaml.json import NilList, dump_json
from towline.text.goyaml.pretty import dump_pretty
from towline.text.goyaml.reader import load, load_json

__all__ = ["NilList", "dump", "dump_json", "dump_pretty", "load", "load_json"]
