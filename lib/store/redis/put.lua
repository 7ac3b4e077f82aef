-- Publish an artifact. ARGV: kind, name, version, published_s, size, bytes.
local kind, field = ARGV[1], ARGV[3] .. ':' .. ARGV[2]
if redis.call('HEXISTS', 'chw:artifacts:' .. kind, field) == 1 then
    return 0
end
redis.call('SET', 'chw:artifact:' .. kind .. ':' .. ARGV[3], ARGV[6])
local order = redis.call('HINCRBY', 'chw:meta', 'artifacts', 1)
redis.call('HSET', 'chw:artifacts:' .. kind, field, order .. ' ' .. ARGV[4] .. ' ' .. ARGV[5])
redis.call('PUBLISH', 'chw:changes', redis.call('HINCRBY', 'chw:meta', 'generation', 1))
return 1
