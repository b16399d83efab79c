"""What Redis does in one step with a text that grows: its stream, the text, and what is known of it, by key.

What is announced stands behind `lineage.SETTLE`, with the stream's mark as fourth key, and `pieces.ADD_PIECE`.
"""

from typing import Final

APPEND: Final = """
local state = redis.call('HMGET', KEYS[3], 'author', 'ended', 'saved', 'saved_at', 'second', 'pieces')
local length = redis.call('STRLEN', KEYS[2])
if not state[1] then return {'lost', 0, 0} end
if state[1] ~= ARGV[1] then return {'foreign', 0, 0} end
local offset, text = tonumber(ARGV[3]), ARGV[4]
if offset > length then return {state[2] and 'ended' or 'gap', length, 0} end
local stop = offset + #text
local known = math.min(stop, length)
if known > offset then
    local there = redis.call('GETRANGE', KEYS[2], offset, known - 1)
    if there ~= string.sub(text, 1, known - offset) then return {'differs', length, 0} end
end
if stop <= length then return {'taken', length, 0} end
if state[2] then return {'ended', length, 0} end
if stop > tonumber(ARGV[5]) then return {'full', length, 0} end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local pieces = state[5] == time[1] and tonumber(state[6]) + 1 or 1
if pieces > tonumber(ARGV[6]) then return {'fast', length, 0} end
local new = string.sub(text, length - offset + 1)
settle(KEYS[1], KEYS[4], ARGV[11])
redis.call('APPEND', KEYS[2], new)
local due = stop - tonumber(state[3]) >= tonumber(ARGV[7]) or now - tonumber(state[4]) >= tonumber(ARGV[8])
redis.call('HSET', KEYS[3], 'at', now, 'second', time[1], 'pieces', pieces)
if due then redis.call('HSET', KEYS[3], 'saved', stop, 'saved_at', now) end
redis.call('EXPIRE', KEYS[2], ARGV[9])
redis.call('EXPIRE', KEYS[3], ARGV[9])
local payload = ARGV[2] .. ' ' .. length .. ' ' .. new
add_piece(ARGV[12], payload, ARGV[10], ARGV[11])
return {'taken', stop, due and 1 or 0}
"""
"""What is known already is compared; what is new is added. `due`: it is time to save, and this caller's to do."""

OPEN: Final = """
if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
local time = redis.call('TIME')
redis.call('SET', KEYS[1], ARGV[2])
redis.call('HSET', KEYS[2], 'author', ARGV[1], 'at', time[1] * 1000 + math.floor(time[2] / 1000))
redis.call('HSET', KEYS[2], 'saved', #ARGV[2], 'saved_at', 0, 'second', 0, 'pieces', 0)
redis.call('EXPIRE', KEYS[1], ARGV[3])
redis.call('EXPIRE', KEYS[2], ARGV[3])
return 1
"""
"""Unless it is open. `saved_at` is long ago, so that the first piece is saved: then the store says if it may grow."""

SEAL: Final = """
local state = redis.call('HMGET', KEYS[2], 'author', 'ended', 'at')
if not state[1] then return {'lost', 0, ''} end
local length = redis.call('STRLEN', KEYS[1])
if ARGV[1] ~= '' and tonumber(ARGV[1]) ~= length then return {'gap', length, ''} end
local time = redis.call('TIME')
local quiet = time[1] * 1000 + math.floor(time[2] / 1000) - tonumber(state[3])
if not state[2] and quiet < tonumber(ARGV[2]) then return {'live', length, ''} end
redis.call('HSET', KEYS[2], 'ended', 1)
return {'taken', length, redis.call('GET', KEYS[1]) or ''}
"""
"""Nothing is added any more, so what is read here is all."""

ADMIT: Final = """
local time = tonumber(redis.call('TIME')[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', time - ARGV[3])
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then
    if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
    redis.call('ZADD', KEYS[1], time, ARGV[1])
end
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 1
"""
"""One more of those that somebody has at a time; the same once."""
