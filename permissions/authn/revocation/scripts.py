"""What Redis does in one step for revocations. All keys share a slot of a Redis Cluster.

KEYS: state (hash: epoch, born, version), log (rules by version), ends (rules by their end), tips (ids by version),
workers (names by when they asked last), acks (name to the epoch and version that it has taken).

A version is a rule's number of arrival; the same rule may arrive again, and is moved. An epoch ends when Redis has
lost something: its versions mean nothing after that. Only a Redis that was filled from MongoDB has an epoch.
"""

from typing import Final

_NOW: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
"""

_PUT: Final = """
local function put(rule, expires, id)
  local version = redis.call('HINCRBY', KEYS[1], 'version', 1)
  redis.call('ZADD', KEYS[2], version, rule)
  redis.call('ZADD', KEYS[3], expires, rule)
  redis.call('ZADD', KEYS[4], version, version .. ':' .. id)
  redis.call('ZREMRANGEBYRANK', KEYS[4], 0, -1002)
  return version
end
"""

PUBLISH: Final = (
    _PUT
    + """
-- ARGV: channel, rule, its end (ms), its id. Answers {epoch, version}, or {} where Redis has to be filled first.
local epoch = redis.call('HGET', KEYS[1], 'epoch')
if not epoch then return {} end
local version = put(ARGV[2], ARGV[3], ARGV[4])
redis.call('PUBLISH', ARGV[1], version)
return {epoch, version}
"""
)

FILL: Final = (
    _PUT
    + """
-- ARGV: channel, then of each rule itself, its end and its id. Answers how many were missing.
local missing = 0
for i = 2, #ARGV, 3 do
  if not (redis.call('ZSCORE', KEYS[2], ARGV[i]) and redis.call('ZSCORE', KEYS[3], ARGV[i])) then
    put(ARGV[i], ARGV[i + 1], ARGV[i + 2])
    missing = missing + 1
  end
end
if missing > 0 then redis.call('PUBLISH', ARGV[1], 'filled') end
return missing
"""
)

SEAL: Final = (
    _NOW
    + """
-- ARGV: channel, the epoch that has ended ('' for none), the new one. Answers the epoch that is in force now.
local epoch = redis.call('HGET', KEYS[1], 'epoch') or ''
if epoch ~= ARGV[2] then return epoch end
-- Numbers go on after whatever is left. In each key stands a mark: without it, the key was lost by itself.
local top = redis.call('ZRANGE', KEYS[2], -1, -1, 'WITHSCORES')
local version = math.max(tonumber(top[2] or 0), tonumber(redis.call('HGET', KEYS[1], 'version') or 0)) + 1
redis.call('HSET', KEYS[1], 'epoch', ARGV[3], 'born', now, 'version', version)
redis.call('ZADD', KEYS[2], 0, '*')
redis.call('ZADD', KEYS[3], '+inf', '*')
redis.call('ZADD', KEYS[4], '+inf', '*', version, version .. ':' .. ARGV[3])
redis.call('PUBLISH', ARGV[1], 'sealed')
return ARGV[3]
"""
)

SYNC: Final = (
    _NOW
    + """
-- ARGV: the worker's name, the epoch, version and tip that it has taken, most rules to answer, ms after which a
-- silent worker is forgotten, 1 where it is reading on in what it was given anew. Answers {how it stands, epoch,
-- version, its tip, rules with their versions in turn …}: 'ok' those after the worker's version, 'anew' those from
-- the first on, 'lost' none: Redis has to be filled.
redis.call('ZADD', KEYS[5], now, ARGV[1])
local silent = redis.call('ZRANGEBYSCORE', KEYS[5], '-inf', now - ARGV[6], 'LIMIT', 0, 100)
if #silent > 0 then
  redis.call('ZREM', KEYS[5], unpack(silent))
  redis.call('HDEL', KEYS[6], unpack(silent))
end
local ended = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now, 'LIMIT', 0, 500)
if #ended > 0 then
  redis.call('ZREM', KEYS[2], unpack(ended))
  redis.call('ZREM', KEYS[3], unpack(ended))
end
local state = redis.call('HMGET', KEYS[1], 'epoch', 'version')
if not state[1] then return {'lost', '', 0} end
for i = 2, 4 do
  if not redis.call('ZSCORE', KEYS[i], '*') then return {'lost', state[1], 0} end
end
local version, mine = tonumber(state[2]), tonumber(ARGV[3])
local stands = 'ok'
if state[1] ~= ARGV[2] or (mine < version - 900 and ARGV[7] == '0') then
  stands, mine = 'anew', 0
elseif mine > version then
  return {'lost', state[1], version}
elseif mine > 0 and ARGV[7] == '0' then
  local tip = redis.call('ZRANGEBYSCORE', KEYS[4], mine, mine)
  if tip[1] ~= mine .. ':' .. ARGV[4] then return {'lost', state[1], version} end
end
if stands == 'ok' then redis.call('HSET', KEYS[6], ARGV[1], state[1] .. ':' .. mine) end
local news = redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. mine, '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[5])
local tip = redis.call('ZRANGEBYSCORE', KEYS[4], version, version)
return {stands, state[1], version, tip[1] or '', unpack(news)}
"""
)

LAGGING: Final = (
    _NOW
    + """
-- ARGV: epoch, version, ms within which a worker must have asked to count as living, ms that an epoch must be old.
-- Answers {epoch, whether it is old enough, names of the workers that have not taken the version …}.
local state = redis.call('HMGET', KEYS[1], 'epoch', 'born')
local answer = {state[1] or '', (state[2] and now - state[2] >= tonumber(ARGV[4])) and 1 or 0}
for _, name in ipairs(redis.call('ZRANGEBYSCORE', KEYS[5], now - ARGV[3], '+inf')) do
  local epoch, version = string.match(redis.call('HGET', KEYS[6], name) or '', '^(.*):(%d+)$')
  if epoch ~= ARGV[1] or tonumber(version) < tonumber(ARGV[2]) then answer[#answer + 1] = name end
end
return answer
"""
)

LEAVE: Final = """
-- ARGV: the worker's name
redis.call('ZREM', KEYS[5], ARGV[1])
redis.call('HDEL', KEYS[6], ARGV[1])
"""
