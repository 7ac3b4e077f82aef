-- Begin to fill a store that is empty, or not there, or was not filled to its end. ARGV: its
-- new id. Returns 0 where it holds something.
local meta = redis.call('HMGET', 'chw:meta', 'format', 'generation', 'commits')
local empty = not meta[1] or meta[1] == '0' or
    (meta[1] == '1' and meta[2] == '0' and meta[3] == '0')
if not empty then
    return 0
end
local cursor = '0'
repeat
    local page = redis.call('SCAN', cursor, 'MATCH', 'chw:*', 'COUNT', 1000)
    cursor = page[1]
    for _, key in ipairs(page[2]) do
        redis.call('UNLINK', key)
    end
until cursor == '0'
redis.call('HSET', 'chw:meta', 'format', 0, 'store', ARGV[1], 'generation', 0, 'commits', 0,
           'settlements', 0, 'artifacts', 0)
return 1
