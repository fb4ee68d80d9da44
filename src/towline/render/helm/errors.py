"""What goes wrong with a chart; the messages are Helm's own.

InputError
 '- ChartError         the chart or its values cannot be used
     '- RenderError    the templates failed, or what they wrote is not YAML
"""

from __future__ import annotations

from towline.errors import InputError


class ChartError(InputError):
    """A chart, its values or a flag is wrong; the message is what Helm prints after `Error:`."""


class RenderError(ChartError):
    """Rendering itself failed.

    Attributes:
        written: What the templates wrote, when that is what is wrong; else empty.
    """

    written: str = ""
