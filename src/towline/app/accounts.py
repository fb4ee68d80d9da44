"""The first account."""

from __future__ import annotations

from pathlib import Path

from towline.app.folder import write_private
from towline.store import Store
from towline.web.auth.passwords import Passwords, new_password

ADMIN = "admin"


async def ensure_admin(store: Store, passwords: Passwords, path: Path) -> str | None:
    """Makes the admin account with a random password when there is none.

    Args:
        store: Where accounts are.
        passwords: Hashes.
        path: File that gets the password (0600), so that scripts on this machine can log in.

    Returns:
        The password if it was made just now.
    """
    if await store.accounts.get(ADMIN) is not None and path.exists():
        return None
    password = new_password()
    # The file first: an account whose password nobody knows would be worse than a spare file.
    write_private(path, password + "\n")
    await store.accounts.put(ADMIN, await passwords.hash(password), "admin")
    return password
