"""What Redis does in one step for a session. KEYS: the session's record, its user's index (one slot)."""

from typing import Final

_ENDING: Final = """
local function finish(id, reason, remembered)
  redis.call('DEL', KEYS[1])
  redis.call('ZREM', KEYS[2], id)
  redis.call('HSET', KEYS[1], 'ended', reason)
  redis.call('PEXPIRE', KEYS[1], remembered)
end
"""
_INDEX: Final = """
local function list(id, ends)
  redis.call('PEXPIREAT', KEYS[1], ends)
  redis.call('ZADD', KEYS[2], ends, id)
  local last = redis.call('ZRANGE', KEYS[2], -1, -1, 'WITHSCORES')
  redis.call('PEXPIREAT', KEYS[2], last[2])
end
"""

OPEN: Final = (
    _INDEX
    + """
-- ARGV: session id, now, when it ends unless it is used (ms), then the record's fields and values
redis.call('HSET', KEYS[1], unpack(ARGV, 4))
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', ARGV[2])
list(ARGV[1], ARGV[3])
"""
)

ROTATE: Final = (
    _ENDING
    + _INDEX
    + """
-- ARGV: 1 session id, 2 presented digest, 3 successor's digest, 4 now (ms), 5 ip, 6 proof of the client,
-- 7 leeway, 8 idle limit, 9 how long to remember an end (ms), 10 how many used tokens to know,
-- 11 to 13 the reasons: of a reuse, of an expiry, of what isn't known any more
-- Answers {'', record as it was, steps from the presented token to the one that counts now},
-- or {why not, {}, whether its end was seen to}.
local state = redis.call('HMGET', KEYS[1], 'refresh', 'ended', 'expires', 'used', 'recent', 'settled')
if state[2] then return {state[2], {}, state[6] and 1 or 0} end
if not state[1] then return {ARGV[13], {}, 0} end
local now, leeway, idle = tonumber(ARGV[4]), tonumber(ARGV[7]), tonumber(ARGV[8])
if now >= tonumber(state[3]) or now >= tonumber(state[4]) + idle then
  finish(ARGV[1], ARGV[12], ARGV[9])
  return {ARGV[12], {}, 0}
end
local recent = cjson.decode(state[5] or '[]')  -- used tokens: digest, when, by whom; the newest first
local function fresh(used) return math.abs(now - tonumber(used[2])) <= leeway end
if state[1] == ARGV[2] then
  local record = redis.call('HGETALL', KEYS[1])
  local kept = { {ARGV[2], ARGV[4], ARGV[6]} }
  for _, used in ipairs(recent) do
    if #kept < tonumber(ARGV[10]) and fresh(used) then kept[#kept + 1] = used end
  end
  redis.call('HSET', KEYS[1], 'refresh', ARGV[3], 'used', ARGV[4], 'ip', ARGV[5], 'recent', cjson.encode(kept))
  list(ARGV[1], math.min(tonumber(state[3]), now + idle))
  return {'', record, 1}
end
-- Used before. The answer may have been lost, or two tabs asked at once: then the same client asks, and soon.
for steps, used in ipairs(recent) do
  -- Who proves nothing may only be this very call again: the client library repeats one whose answer was lost.
  if used[3] ~= ARGV[6] or not fresh(used) or (ARGV[6] == '' and used[2] ~= ARGV[4]) then break end
  if used[1] == ARGV[2] then return {'', redis.call('HGETALL', KEYS[1]), steps} end
end
-- Somebody has a copy. Nobody of the family goes on.
finish(ARGV[1], ARGV[11], ARGV[9])
return {ARGV[11], {}, 0}
"""
)

RECORDS: Final = """
-- KEYS: records of one user. Answers the fields and values of each.
local records = {}
for i, key in ipairs(KEYS) do records[i] = redis.call('HGETALL', key) end
return records
"""

SETTLE: Final = """
if redis.call('HEXISTS', KEYS[1], 'ended') == 1 then redis.call('HSET', KEYS[1], 'settled', 1) end
"""

END: Final = (
    _ENDING
    + """
-- ARGV: session id, reason, ms to remember it. Answers 1; 0 where it had ended before, -1 where nothing is known of it.
local state = redis.call('HMGET', KEYS[1], 'refresh', 'ended')
if state[2] then return 0 end
if not state[1] then return -1 end
finish(ARGV[1], ARGV[2], ARGV[3])
return 1
"""
)
