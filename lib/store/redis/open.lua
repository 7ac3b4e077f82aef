-- Open the store, or make it. ARGV: the id of a new one; empty: there must be one.
-- Returns its format, id and count of commits; nils where there is none.
--
-- Keys, all of one database:
--   chw:meta                       hash: format (0: being filled), store (id),
--                                  generation, commits, settlements, artifacts (counters),
--                                  rewriting, rewritten (runs of the server: store_redis.c)
--   chw:artifacts:KIND             hash: VERSION:NAME -> "order published_s size"
--   chw:artifact:KIND:VERSION      the bytes
--   chw:aliases                    set of KIND:NAME:ALIAS
--   chw:alias:KIND:NAME:ALIAS      list of versions: a move pushes, a rollback pops
--   chw:client:ID                  hash: below (watermark), SEQUENCE -> record
--   chw:periods                    set of those with demand
--   chw:demand:PERIOD              hash: REGION\0TARGET\0TIER\0{n,p,q} -> integer
--   chw:dead                       hash: CLIENT and SEQUENCE -> letter
--   chw:dead:told                  hash: the same -> what is told of it; not of letters that
--                                  an older release buried
--   chw:dead:keys                  sorted set of them, completed by letter_page.lua
-- Sequences are 16 hexadecimal digits, so that their order is that of the texts.
if ARGV[1] ~= '' and redis.call('EXISTS', 'chw:meta') == 0 then
    redis.call('HSET', 'chw:meta', 'format', 1, 'store', ARGV[1], 'generation', 0,
               'commits', 0, 'settlements', 0, 'artifacts', 0)
end
return redis.call('HMGET', 'chw:meta', 'format', 'store', 'commits')
