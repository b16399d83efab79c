"""The message tree as servers and commands use it."""

from api.settings import Settings
from models.attachments.watcher import AttachmentWatcher
from models.database import Database
from models.search.removals import IndexWatcher
from models.tree import MessageTree, Texts, TreeLimits
from models.tree.growth import STORED
from models.tree.watch import Watchers


def message_tree(settings: Settings, database: Database, texts: Texts = STORED) -> MessageTree:
    """The message tree, with whoever is told where it changes.

    `texts` knows what messages say that are being written; commands see what is stored.
    """
    watchers = Watchers(IndexWatcher(database.db), AttachmentWatcher(database.db))
    return MessageTree(database.db, tree_limits(settings), watchers, texts)


def tree_limits(settings: Settings) -> TreeLimits:
    """The tree's part of the settings."""
    return TreeLimits(
        bucket_messages=settings.bucket_messages,
        bucket_bytes=settings.bucket_bytes,
        message_bytes=settings.message_bytes,
        metadata_bytes=settings.metadata_bytes,
        kept_bytes=settings.kept_page_bytes,
    )
