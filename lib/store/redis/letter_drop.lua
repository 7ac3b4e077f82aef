-- Drop a dead letter. ARGV: its key. Returns 0 where there is none.
local dropped = redis.call('HDEL', 'chw:dead', ARGV[1])
redis.call('HDEL', 'chw:dead:told', ARGV[1])
redis.call('ZREM', 'chw:dead:keys', ARGV[1])
if dropped == 1 then
    redis.call('HINCRBY', 'chw:meta', 'commits', 1)
end
return dropped
