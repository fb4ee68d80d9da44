"""How the time package quotes text in its errors: what is not ASCII shows as bytes."""

from __future__ import annotations


def quote(text: str) -> str:
    """The text between double quotes."""
    shown = []
    for byte in text.encode("utf-8", "surrogateescape"):
        if byte < 0x20 or byte >= 0x80:
            shown.append(f"\\x{byte:02x}")
        elif byte in b'"\\':
            shown.append("\\" + chr(byte))
        else:
            shown.append(chr(byte))
    return f'"{"".join(shown)}"'
