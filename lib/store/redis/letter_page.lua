-- A page of dead letters, by key. ARGV: the key before it, or nothing; how many. Returns for
-- each its key and what is told of it, nil where an older release has buried it.
local keys = 'chw:dead:keys'
if redis.call('HLEN', 'chw:dead') ~= redis.call('ZCARD', keys) then
    for _, key in ipairs(redis.call('HKEYS', 'chw:dead')) do
        redis.call('ZADD', keys, 0, key)
    end
end
local first = ARGV[1] == '' and '-' or '(' .. ARGV[1]
local page = {}
for _, key in ipairs(redis.call('ZRANGEBYLEX', keys, first, '+', 'LIMIT', 0, ARGV[2])) do
    page[#page + 1] = key
    page[#page + 1] = redis.call('HGET', 'chw:dead:told', key)
end
return page
