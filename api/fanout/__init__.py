"""Fan-out: one execution and one serialisation for all who asked the same of a conversation with the same rights."""

from api.fanout.members import Member, Outlet
from api.fanout.questions import Question, Questions
from api.fanout.rendering import Renderer
from api.fanout.rooms import Rooms

__all__ = ["Member", "Outlet", "Question", "Questions", "Renderer", "Rooms"]
