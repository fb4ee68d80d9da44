"""Asyncio building blocks: clock, keyed work queue, broadcast, services. Knows no domain."""
