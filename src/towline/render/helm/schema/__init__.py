"""values.schema.json: JSON Schema of drafts 4 to 2020-12, with the findings that Helm prints."""

from towline.render.helm.schema.check import check_values

__all__ = ["check_values"]
