-- Remove sessions of a shard that are due. ARGV: the time, and how many at most. Return the key and the fields of each
-- that was in the sorted set; no fields if there was no session.
local taken = {}
for _, key in ipairs(redis.call("ZRANGEBYSCORE", KEYS[1], "-inf", ARGV[1], "LIMIT", 0, ARGV[2])) do
    if find(key, false) then
        taken[#taken + 1] = take_out(key)
    else
        redis.call("DEL", base .. "s:" .. key)
        redis.call("ZREM", KEYS[1], key)
        taken[#taken + 1] = {key, {}}
    end
end
return taken
