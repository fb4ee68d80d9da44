"""Go's text/template language: lexer, parser and a compiler to Python code objects."""
