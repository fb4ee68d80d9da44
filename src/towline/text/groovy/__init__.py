"""The Groovy subset of Jenkinsfiles: lexer, parser, typed tree, interpreter."""
