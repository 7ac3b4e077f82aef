-- Every alias and where it is: KIND:NAME:ALIAS, VERSION, ...
local all = {}
for _, which in ipairs(redis.call('SMEMBERS', 'chw:aliases')) do
    all[#all + 1] = which
    all[#all + 1] = redis.call('LINDEX', 'chw:alias:' .. which, -1)
end
return all
