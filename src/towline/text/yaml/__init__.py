"""YAML as the Kubernetes tools written in Go read and write it. Pure; knows no Kubernetes."""

from towline.text.yaml.emitter import dump
from towline.text.yaml.limits import Limits
from towline.text.yaml.loader import Document, load_documents, load_first

__all__ = ["Document", "Limits", "dump", "load_documents", "load_first"]
