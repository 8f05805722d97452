package redis

import "github.com/redis/go-redis/v9"

// Redis runs a script as a whole. Times are microseconds since 1970, which a
// number of Lua holds exactly. They are stored as text, unchanged, because Lua
// would print them with 14 digits.

// hit checks every counter before it raises any. KEYS are the counters. ARGV[1]
// is now. Then follow, for each counter, its limit, the end of a window that
// starts now, and how long Redis keeps the counter. It returns nothing, or the
// index of the first counter that has reached its limit and the end of its
// window.
var hit = redis.NewScript(`
local now = tonumber(ARGV[1])
local running = {}
for i, key in ipairs(KEYS) do
	local limit, ends, hits = tonumber(ARGV[3 * i - 1]), ARGV[3 * i], 0
	local held = redis.call('HMGET', key, 'hits', 'ends')
	if held[2] and tonumber(held[2]) > now then
		running[i], hits, ends = true, tonumber(held[1]), held[2]
	end
	if hits >= limit then
		return {i - 1, ends}
	end
end
for i, key in ipairs(KEYS) do
	if running[i] then
		redis.call('HINCRBY', key, 'hits', 1)
	else
		redis.call('HSET', key, 'hits', 1, 'ends', ARGV[3 * i])
		redis.call('PEXPIRE', key, ARGV[3 * i + 1])
	end
end
return {}`)

// unhit lowers each counter above zero by one, unless KEYS[1] says that this
// call was done before. ARGV[1] is how long KEYS[1] is kept.
var unhit = redis.NewScript(`
if not redis.call('SET', KEYS[1], 1, 'NX', 'PX', ARGV[1]) then
	return 0
end
for i = 2, #KEYS do
	local hits = redis.call('HGET', KEYS[i], 'hits')
	if hits and tonumber(hits) > 0 then
		redis.call('HINCRBY', KEYS[i], 'hits', -1)
	end
end
return 1`)

// remove deletes counters.
var remove = redis.NewScript(`
for _, key in ipairs(KEYS) do
	redis.call('DEL', key)
end
return 1`)
