"""The functions of Helm's templates: Sprig's, and YAML, JSON and TOML. Pure.

What they need of the world comes in an `Environment`.
"""

from towline.render.sprig.environment import Environment
from towline.render.sprig.table import functions

__all__ = ["Environment", "functions"]
