"""Regular expressions with the syntax, semantics and error texts of Go's regexp package.

Matching takes time linear in the text whatever the pattern: it is done by the RE2 library.
"""

from towline.text.re2.pattern import Pattern, RegexError, compile_pattern, quote_meta

__all__ = ["Pattern", "RegexError", "compile_pattern", "quote_meta"]
