-- The demand of a period, or of all. ARGV: the period or 0. Returns PERIOD, {FIELD, SUM, ...}, ...
local periods = {ARGV[1]}
if ARGV[1] == '0' then
    periods = redis.call('SMEMBERS', 'chw:periods')
end
local all = {}
for _, period in ipairs(periods) do
    all[#all + 1] = period
    all[#all + 1] = redis.call('HGETALL', 'chw:demand:' .. period)
end
return all
