"""Pieces of growing texts among a channel's events: so many at most, and none takes another event's place.

They lie in the stream like other events, for one order and one cursor. Their ids are listed beside it: of more than
are kept the oldest are taken out, and the last of those is noted, so that who comes back from before it knows.
"""

from typing import Final

ADD_PIECE: Final = """
local function add_piece(kind, payload, most, keep)
    local id = redis.call('XADD', KEYS[1], '*', kind, payload)
    redis.call('RPUSH', KEYS[5], id)
    local over = redis.call('LLEN', KEYS[5]) - tonumber(most)
    if over > 0 then
        local old = redis.call('LPOP', KEYS[5], over)
        redis.call('XDEL', KEYS[1], unpack(old))
        redis.call('SET', KEYS[6], old[#old], 'EX', keep)
    end
    redis.call('EXPIRE', KEYS[1], keep)
    redis.call('EXPIRE', KEYS[5], keep)
    redis.call('PUBLISH', KEYS[1], id .. ' ' .. kind .. ' ' .. payload)
end
"""
"""For the script that lets a text grow."""


def pieces_name(stream: bytes) -> bytes:
    """The key of the list of those that are kept, in the stream's slot."""
    return stream + b":pieces"


def thinned_name(stream: bytes) -> bytes:
    """The key of the last one that was taken out."""
    return stream + b":thinned"
