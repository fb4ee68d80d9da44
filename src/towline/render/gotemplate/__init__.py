"""Go's text/template language: lexer, parser and a compiler to Python code objects.

`kinds` and `functions` are the contract with those who write functions and values; `engine` is the
way in. The stages: `lexer`, `pipelines` and `parser` make the tree of `nodes`; `generate` (with
`frame`, `calls` and `expressions`) makes Python source of it; `units` compiles and keeps that;
`fields`, `builtins`, `formatting` and `printf` are what compiled templates call.
"""

from towline.render.gotemplate.engine import Execution, Template, TemplateSet
from towline.render.gotemplate.errors import ExecutionError, ParseError, TemplateError
from towline.render.gotemplate.fields import MissingKey
from towline.render.gotemplate.functionset import FunctionSet
from towline.render.gotemplate.limits import Limits

__all__ = [
    "Execution",
    "ExecutionError",
    "FunctionSet",
    "Limits",
    "MissingKey",
    "ParseError",
    "Template",
    "TemplateError",
    "TemplateSet",
]
