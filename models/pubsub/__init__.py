"""What Redis publishes: one connection that listens a process, and in a cluster one a server, for whoever listens."""

from models.pubsub.listener import Ear, Listener
from models.pubsub.opening import listening_by, open_listener

__all__ = ["Ear", "Listener", "listening_by", "open_listener"]
