"""Turns accepted webhooks into runs and refreshes; polls behind them."""

from towline.controllers.delivery.controller import DeliveryController, PushListener

__all__ = ["DeliveryController", "PushListener"]
