-- Back to the version before. ARGV: kind, name, alias. Returns the count of versions that
-- there were, and where the alias is now.
local key = 'chw:alias:' .. ARGV[1] .. ':' .. ARGV[2] .. ':' .. ARGV[3]
local count = redis.call('LLEN', key)
if count >= 2 then
    redis.call('RPOP', key)
    redis.call('PUBLISH', 'chw:changes', redis.call('HINCRBY', 'chw:meta', 'generation', 1))
end
return {count, redis.call('LINDEX', key, -1)}
