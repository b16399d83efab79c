"""What Redis does in one step: the sliding window of the library `limits`, on its keys; it may grant less than all."""

from typing import Final

TAKE: Final = """
-- KEYS: what was taken in the window before, in this one. ARGV: the limit, seconds of a window, the least that is of
-- use, the most that is wanted. Answers what is granted, and the window as it is then: as one text, for to read five
-- answers takes its reader a quarter of the call.
local limit, window = tonumber(ARGV[1]), tonumber(ARGV[2]) * 1000
local ttl = redis.call('PTTL', KEYS[2])
if ttl >= 0 and ttl < window then  -- this one is over, also in its last millisecond
  redis.call('RENAME', KEYS[2], KEYS[1])
  redis.call('SET', KEYS[2], 0, 'PX', ttl + window)
end
local before = tonumber(redis.call('GET', KEYS[1]) or '0')
local left = math.max(0, redis.call('PTTL', KEYS[1]))
local taken = tonumber(redis.call('GET', KEYS[2]) or '0')
local free = limit - math.floor(before * left / window) - taken
local granted = 0
if free >= tonumber(ARGV[3]) then
  granted = math.min(free, tonumber(ARGV[4]))
  if redis.call('EXISTS', KEYS[2]) == 1 then
    redis.call('INCRBY', KEYS[2], granted)
  else
    redis.call('SET', KEYS[2], granted, 'PX', window * 2)
  end
end
local ends = math.max(0, redis.call('PTTL', KEYS[2]) - window)
return string.format('%d %d %d %d %d', granted, before, left, taken + granted, ends)
"""
