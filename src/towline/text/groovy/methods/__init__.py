"""The methods that scripts may call on values: an allow-list, nothing is found by reflection."""

from towline.text.groovy.methods.lists import LIST
from towline.text.groovy.methods.maps import MAP
from towline.text.groovy.methods.numbers import BOOLEAN, NUMBER, STATIC
from towline.text.groovy.methods.table import Code, Frame, Method, Ready
from towline.text.groovy.methods.text import STRING

__all__ = [
    "BOOLEAN",
    "LIST",
    "MAP",
    "NUMBER",
    "STATIC",
    "STRING",
    "Code",
    "Frame",
    "Method",
    "Ready",
]
