-- Write to a store that is being filled. ARGV: its id; then for each command the count of its
-- words, and these. Returns 0 where somebody else has begun to fill it.
local meta = redis.call('HMGET', 'chw:meta', 'format', 'store')
if meta[1] ~= '0' or meta[2] ~= ARGV[1] then
    return 0
end
local at = 2
while at <= #ARGV do
    local count = tonumber(ARGV[at])
    redis.call(unpack(ARGV, at + 1, at + count))
    at = at + 1 + count
end
return 1
