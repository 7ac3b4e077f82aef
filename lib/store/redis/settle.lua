-- Settle a group, in order; all of it or, on an error, nothing.
-- ARGV: the count of requests; then for each
--   client, sequence, acked_below, digest, record, dead letter, what is told of that, the
--   count of its cells;
--   for each cell: period, region\0target\0tier, people, sum_p, sum_pq, none negative.
-- A record begins with the body's digest. Returns the count of commits, and for each
-- request F(irst), R(eused), A(cknowledged) or D(uplicate) and the record.
--
-- 1. Decide, writing nothing: what an earlier request of the group would have written is
--    in `below` and `records`.
-- 2. Add the demand: the only writes that can fail, so they can be taken back. (Memory
--    that is full refuses the first write of a script, and no later one.)
-- 3. Write the rest.
local at = 1
local function take()
    at = at + 1
    return ARGV[at]
end

local below, records, replies, raised, first = {}, {}, {}, {}, {}
local sums = {}

local function watermark(client)
    if not below[client] then
        below[client] = redis.call('HGET', 'chw:client:' .. client, 'below') or
            '0000000000000000'
    end
    return below[client]
end

local function recorded(client, sequence)
    return records[client .. sequence] or
        redis.call('HGET', 'chw:client:' .. client, sequence)
end

local function decide(request)
    local client, sequence = request.client, request.sequence
    if sequence < watermark(client) then
        return 'A'
    end
    if request.acked > below[client] then
        below[client] = request.acked
        raised[client] = true
    end
    local record = recorded(client, sequence)
    if not record then
        records[client .. sequence] = request.record
        first[#first + 1] = request
        return 'F'
    end
    return string.sub(record, 1, #request.digest) == request.digest and 'D' .. record or 'R'
end

for i = 1, tonumber(ARGV[1]) do
    local request = {client = take(), sequence = take(), acked = take(), digest = take(),
                     record = take(), letter = take(), told = take(), cells = {}}
    for cell = 1, tonumber(take()) do
        request.cells[cell] = {take(), take(), take(), take(), take()}
    end
    replies[i + 1] = decide(request)
end

local suffixes = {'\0n', '\0p', '\0q'}

-- Cells that came with this group are all zero then, and go.
local function take_back()
    for i = #sums, 1, -1 do
        local key, names, suffix, sum = unpack(sums[i])
        if sum ~= '0' then
            redis.call('HINCRBY', key, names .. suffix, '-' .. sum)
        end
    end
    for _, sum in ipairs(sums) do
        local key, names, zero = sum[1], sum[2], true
        for _, suffix in ipairs(suffixes) do
            zero = zero and (redis.call('HGET', key, names .. suffix) or '0') == '0'
        end
        if zero then
            redis.call('HDEL', key, names .. '\0n', names .. '\0p', names .. '\0q')
        end
    end
end

-- Cells of the same names are added up first, while numbers are exact: 64 sums of less than
-- 10^14 stay below 2^53. Larger ones are added by Redis, which has 64 bits.
local adds, merged = {}, {}
for _, request in ipairs(first) do
    for _, cell in ipairs(request.cells) do
        local id = cell[1] .. ' ' .. cell[2]
        local small = #cell[3] < 15 and #cell[4] < 15 and #cell[5] < 15
        local add = merged[id]
        if not small or not add or add.count == 64 then
            add = {period = cell[1], names = cell[2], count = 0, texts = {cell[3], cell[4],
                   cell[5]}, sums = {0, 0, 0}}
            adds[#adds + 1] = add
            merged[id] = small and add or merged[id]
        end
        add.count = add.count + 1
        for i = 1, 3 do
            add.sums[i] = add.sums[i] + tonumber(cell[2 + i])
        end
    end
end

for _, add in ipairs(adds) do
    local key = 'chw:demand:' .. add.period
    for i, suffix in ipairs(suffixes) do
        local sum = add.count == 1 and add.texts[i] or string.format('%.0f', add.sums[i])
        local added = redis.pcall('HINCRBY', key, add.names .. suffix, sum)
        if type(added) == 'table' then
            take_back()
            if not string.find(added.err, 'overflow', 1, true) then
                return added
            end
            local where = string.gsub(add.names, '%z', ' ')
            return redis.error_reply('OVERFLOW ' .. where .. ' in ' .. add.period)
        end
        sums[#sums + 1] = {key, add.names, suffix, sum}
    end
end

local settlements, periods = #first, {}
for _, request in ipairs(first) do
    redis.call('HSET', 'chw:client:' .. request.client, request.sequence, request.record)
    if request.letter ~= '' then
        local key = request.client .. request.sequence
        redis.call('HSET', 'chw:dead', key, request.letter)
        redis.call('HSET', 'chw:dead:told', key, request.told)
        redis.call('ZADD', 'chw:dead:keys', 0, key)
    end
end
for _, add in ipairs(adds) do
    periods[add.period] = true
end
for period in pairs(periods) do
    redis.call('SADD', 'chw:periods', period)
end
for client in pairs(raised) do
    local key = 'chw:client:' .. client
    for _, field in ipairs(redis.call('HKEYS', key)) do
        if field ~= 'below' and field < below[client] then
            settlements = settlements - redis.call('HDEL', key, field)
        end
    end
    redis.call('HSET', key, 'below', below[client])
end
redis.call('HINCRBY', 'chw:meta', 'settlements', settlements)
replies[1] = redis.call('HINCRBY', 'chw:meta', 'commits', 1)
return replies
