"""Webhook intake routes."""

from towline.web.hooks.intake import DeliverySink, HookIntake, IntakeLimits

__all__ = ["DeliverySink", "HookIntake", "IntakeLimits"]
