"""Custom resource definitions: their validation, and that of the objects they bring. Pure."""
