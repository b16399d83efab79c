"""What Redis does in one step for a session. KEYS: the session's record, its user's index (one slot)."""

from typing import Final

OPEN: Final = """
-- ARGV: session id, now, expiry (ms), then the record's fields and values
redis.call('HSET', KEYS[1], unpack(ARGV, 4))
redis.call('PEXPIREAT', KEYS[1], ARGV[3])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', ARGV[2])
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1])
local last = redis.call('ZRANGE', KEYS[2], -1, -1, 'WITHSCORES')
redis.call('PEXPIREAT', KEYS[2], last[2])
"""

ROTATE: Final = """
-- ARGV: session id, presented digest, successor's digest, now, ip, ms to remember an end, reason of a reuse
-- Answers {why not, record}.
local state = redis.call('HMGET', KEYS[1], 'refresh', 'ended')
if state[2] then return {state[2], {}} end
if not state[1] then return {'session_ended', {}} end
-- The second case is this very call again: the client library repeats a call whose answer was lost.
if state[1] == ARGV[2] or state[1] == ARGV[3] then
  redis.call('HSET', KEYS[1], 'refresh', ARGV[3], 'used', ARGV[4], 'ip', ARGV[5])
  return {'', redis.call('HGETALL', KEYS[1])}
end
-- A token of this family that was used before: somebody has a copy. Nobody of the family goes on.
redis.call('HSET', KEYS[1], 'ended', ARGV[7])
redis.call('HDEL', KEYS[1], 'refresh')
redis.call('PEXPIRE', KEYS[1], ARGV[6])
redis.call('ZREM', KEYS[2], ARGV[1])
return {ARGV[7], {}}
"""

END: Final = """
-- ARGV: session id, reason, ms to remember it
redis.call('ZREM', KEYS[2], ARGV[1])
if redis.call('HEXISTS', KEYS[1], 'refresh') == 0 then return 0 end
redis.call('HSET', KEYS[1], 'ended', ARGV[2])
redis.call('HDEL', KEYS[1], 'refresh')
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
"""
