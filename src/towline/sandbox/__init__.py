"""Child processes: limits, signals, buildah, base images."""

from towline.sandbox.base_images import BaseImages, Candidate, ImageSource
from towline.sandbox.build_request import BuildRequest
from towline.sandbox.buildah import Builder, BuilderOptions
from towline.sandbox.confinement import Confinement, View
from towline.sandbox.leftovers import reap
from towline.sandbox.pip_settings import PipSettings, machine_settings
from towline.sandbox.process import Child, Completed, Grace, Limits, run, spawn

__all__ = [
    "BaseImages",
    "BuildRequest",
    "Builder",
    "BuilderOptions",
    "Candidate",
    "Child",
    "Completed",
    "Confinement",
    "Grace",
    "ImageSource",
    "Limits",
    "PipSettings",
    "View",
    "machine_settings",
    "reap",
    "run",
    "spawn",
]
