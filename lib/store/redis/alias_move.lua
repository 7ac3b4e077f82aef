-- Move an alias. ARGV: kind, name, alias, version. Returns 0 where that is no artifact.
local which = ARGV[1] .. ':' .. ARGV[2] .. ':' .. ARGV[3]
if redis.call('HEXISTS', 'chw:artifacts:' .. ARGV[1], ARGV[4] .. ':' .. ARGV[2]) == 0 then
    return 0
end
if redis.call('LINDEX', 'chw:alias:' .. which, -1) ~= ARGV[4] then
    redis.call('RPUSH', 'chw:alias:' .. which, ARGV[4])
    redis.call('SADD', 'chw:aliases', which)
    redis.call('PUBLISH', 'chw:changes', redis.call('HINCRBY', 'chw:meta', 'generation', 1))
end
return 1
