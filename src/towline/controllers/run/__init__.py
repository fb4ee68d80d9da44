"""Carries out runs of pipelines."""

from towline.controllers.run.controller import RunController
from towline.controllers.run.execution import RunPorts
from towline.controllers.run.image_source import RegistrySource
from towline.controllers.run.pipelines import PipelineRegister
from towline.controllers.run.settings import RunSettings

__all__ = ["PipelineRegister", "RegistrySource", "RunController", "RunPorts", "RunSettings"]
