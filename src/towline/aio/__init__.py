"""Asyncio building blocks: clock, keyed work queue, broadcast, service scope. Knows no domain."""
