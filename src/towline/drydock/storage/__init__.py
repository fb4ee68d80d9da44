"""The embedded cluster's store: objects in memory, a revision log in SQLite, watches in order."""

from towline.drydock.storage.record import ADDED, DELETED, MODIFIED, Change, Record, StoreKey
from towline.drydock.storage.store import Store, Subscriber

__all__ = [
    "ADDED",
    "DELETED",
    "MODIFIED",
    "Change",
    "Record",
    "Store",
    "StoreKey",
    "Subscriber",
]
