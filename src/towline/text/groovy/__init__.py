"""The Groovy subset of Jenkinsfiles: lexer, parser, typed tree, interpreter."""

from towline.text.groovy import tree
from towline.text.groovy.host import Host
from towline.text.groovy.interpreter import Interpreter
from towline.text.groovy.limits import Limits, Meter
from towline.text.groovy.parser import parse
from towline.text.groovy.tree import Script
from towline.text.groovy.values import (
    UNKNOWN,
    Arguments,
    ClosureValue,
    ExceptionValue,
    HostObject,
    Site,
    Thrown,
    no_such_method,
    script_error,
    to_text,
    truth,
)

__all__ = [
    "UNKNOWN",
    "Arguments",
    "ClosureValue",
    "ExceptionValue",
    "Host",
    "HostObject",
    "Interpreter",
    "Limits",
    "Meter",
    "Script",
    "Site",
    "Thrown",
    "no_such_method",
    "parse",
    "script_error",
    "to_text",
    "tree",
    "truth",
]
