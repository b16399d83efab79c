"""Whether a server has all that a stream ever told: one that took over from another may lack the newest of it.

Redis copies to replicas what it has confirmed already. Therefore each stream carries a mark of the server that wrote
it; whoever finds another server's mark first puts a gap into the stream, behind what was saved and before what comes:
so everybody who reads past it, now or later, learns that events may be missing.
"""

from typing import Final

from models.redis import Topology

_SETTLE: Final = """
local function settle(stream, mark, seconds)
    local before, here = redis.call('GET', mark), self()
    if before and before ~= here and not moved(before) then
        local id = redis.call('XADD', stream, '*', 'g', '')
        redis.call('EXPIRE', stream, seconds)
        redis.call('PUBLISH', stream, id .. ' g ')
    end
    redis.call('SET', mark, here, 'EX', seconds)
end
"""

_CLUSTER: Final = """
local function self() return redis.call('CLUSTER', 'MYID') end
-- Who was it is a master still, with slots of its own: then this slot was moved here, with all that is in it.
local function moved(before)
    for line in string.gmatch(redis.call('CLUSTER', 'NODES'), '[^\\n]+') do
        if string.sub(line, 1, #before) == before then
            local flags = string.match(line, '^%S+ %S+ (%S+)')
            local serves = string.find(flags, 'master') and string.find(line, ' connected %d')
            return serves and not string.find(flags, 'fail')
        end
    end
    return false
end
"""

_SENTINEL: Final = """
-- It changes with every master, and where one starts again.
local function self() return string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)') end
local function moved() return false end
"""

SETTLE: Final = {
    Topology.SINGLE: "local function settle() end",  # nobody takes over; what was confirmed is in its file
    Topology.SENTINEL: _SENTINEL + _SETTLE,
    Topology.CLUSTER: _CLUSTER + _SETTLE,
}
"""In front of each script on a stream, which calls `settle(stream, mark, seconds to keep)` before all else."""


def mark_name(stream: bytes) -> bytes:
    """The key of a stream's mark, in the stream's slot, for the braces are the stream's."""
    return stream + b":origin"
