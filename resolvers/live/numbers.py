"""Which of a channel's numbered events are out: one that never comes leaves a hole, and becomes a gap that is told.

Writers beside each other may be out of order for a moment, so a hole counts once it is as old as `HOLE_MS`.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

HOLE_MS: Final = 3_000
"""Longest that an event may take from its write until it is out; the retry of one whose writer died comes in time."""

NUMBERS: Final = """
local function heard(number, out, hole, history, keep)
    local told = redis.call('HMGET', KEYS[2], 'to', 'high', 'since')
    local time = redis.call('TIME')
    local now = time[1] * 1000 + math.floor(time[2] / 1000)
    local to = tonumber(told[1] or number)
    local high = math.max(tonumber(told[2] or to), number)
    if out and number > to then redis.call('HSET', KEYS[2], string.format('%d', number), 1) end
    local from = to
    while redis.call('HDEL', KEYS[2], string.format('%d', to + 1)) == 1 do to = to + 1 end
    local since = tonumber(told[3] or now)
    if to > from or from >= tonumber(told[2] or to) then since = now end
    if to < high and now - since >= tonumber(hole) then
        redis.call('DEL', KEYS[2])
        to = high
        local id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', history, '*', 'g', '')
        redis.call('EXPIRE', KEYS[1], keep)
        redis.call('PUBLISH', KEYS[1], id .. ' g ')
    end
    redis.call('HSET', KEYS[2], 'to', to, 'high', high, 'since', string.format('%d', since))
    redis.call('EXPIRE', KEYS[2], keep)
    return to >= high
end
"""
"""For a script: `to`, all up to which are out; `high`, the highest known; `since` when there is a hole; and those
out of order. What was before the first that is known here is nobody's: who subscribed then has read what was stored."""

CHECK: Final = (
    NUMBERS
    + """
if heard(tonumber(ARGV[1]), false, ARGV[2], ARGV[3], ARGV[4]) then return 1 end
return 0
"""
)


def numbers_name(channel: str) -> bytes:
    """The key of a channel's numbers, in the slot of its stream."""
    return b"parley:told:{%b}" % channel.encode()


@dataclass
class Numbers:
    """The same in memory."""

    clock: Callable[[], float] = time.monotonic
    to: int | None = None
    high: int = 0
    since: float = 0.0
    out: set[int] = field(default_factory=set)

    def heard(self, number: int, *, out: bool, hole_ms: int) -> bool | None:
        """Whether all up to the highest known are out; None where one never came, which counts as told from now on."""
        before, high = self.to, self.high
        to = number if before is None else before
        self.high = max(high, number, to)
        if out and number > to:
            self.out.add(number)
        while to + 1 in self.out:
            to += 1
            self.out.discard(to)
        if before is None or to > before or before >= high:
            self.since = self.clock()
        self.to = to
        if to >= self.high:
            return True
        if (self.clock() - self.since) * 1000 < hole_ms:
            return False
        self.to = self.high
        self.out.clear()
        return None
