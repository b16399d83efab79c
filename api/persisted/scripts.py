"""What Redis does in one step for automatic persisted queries. All keys share a slot of a Redis Cluster.

KEYS: texts (hash: text by digest), used (digests by when they were last used, ms), size (bytes of all texts),
and to put one in: own (the digests that its user has put in, by when).
"""

from typing import Final

_NOW: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
"""

FIND: Final = (
    _NOW
    + """
-- ARGV: digest, life (ms). Answers the text, which lives on from now, or false.
local used = redis.call('ZSCORE', KEYS[2], ARGV[1])
if not used or now - used > tonumber(ARGV[2]) then return false end
redis.call('ZADD', KEYS[2], now, ARGV[1])
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, ARGV[2]) end
return redis.call('HGET', KEYS[1], ARGV[1])
"""
)

PUT: Final = (
    _NOW
    + """
-- ARGV: digest, text, life (ms), most texts, most bytes, most texts and bytes of one user. Answers whether it was new.
local life = tonumber(ARGV[3])
local function size(digest) return redis.call('HSTRLEN', KEYS[1], digest) end
local function drop(digest)
  redis.call('DECRBY', KEYS[3], size(digest))
  redis.call('HDEL', KEYS[1], digest)
  redis.call('ZREM', KEYS[2], digest)
end
for _, digest in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now - life, 'LIMIT', 0, 100)) do drop(digest) end
local new = redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], now, ARGV[1])
if new == 1 then
  redis.call('INCRBY', KEYS[3], #ARGV[2])
  redis.call('ZADD', KEYS[4], now, ARGV[1])
  redis.call('PEXPIRE', KEYS[4], life)
  -- His own go first, so that nobody pushes out what others use by sending much.
  local his = 0
  for _, digest in ipairs(redis.call('ZRANGE', KEYS[4], 0, -1)) do his = his + size(digest) end
  while redis.call('ZCARD', KEYS[4]) > tonumber(ARGV[6]) or his > tonumber(ARGV[7]) do
    local oldest = redis.call('ZPOPMIN', KEYS[4])[1]
    his = his - size(oldest)
    drop(oldest)
  end
  while redis.call('ZCARD', KEYS[2]) > tonumber(ARGV[4])
      or tonumber(redis.call('GET', KEYS[3])) > tonumber(ARGV[5]) do
    local oldest = redis.call('ZRANGE', KEYS[2], 0, 0)[1]
    if not oldest then break end
    drop(oldest)
  end
end
for place = 1, 3 do redis.call('PEXPIRE', KEYS[place], life) end
return new
"""
)
