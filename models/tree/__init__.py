"""The message tree: branches as runs of messages, kept in buckets."""

from models.tree.address import MAIN, Address
from models.tree.append import Appended
from models.tree.draft import Draft, TreeLimits
from models.tree.growth import Growing, Texts
from models.tree.history import History
from models.tree.page import BranchEnd, CursorError, Page, Row, Window
from models.tree.plant import Sprout
from models.tree.purge import Purged
from models.tree.sight import Sight
from models.tree.tree import MessageTree
from models.tree.watch import TreeWatcher

__all__ = [
    "MAIN",
    "Address",
    "Appended",
    "BranchEnd",
    "CursorError",
    "Draft",
    "Growing",
    "History",
    "MessageTree",
    "Page",
    "Purged",
    "Row",
    "Sight",
    "Sprout",
    "Texts",
    "TreeLimits",
    "TreeWatcher",
    "Window",
]
