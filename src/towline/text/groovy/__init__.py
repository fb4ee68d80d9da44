"""The Groovy subset of Jenkinsfiles: lexer, parser, typed tree, interpreter."""

from towline.text.groovy.parser import parse
from towline.text.groovy.tree import Script

__all__ = ["Script", "parse"]
