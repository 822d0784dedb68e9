-- Remove sessions of a shard that are due. ARGV: the time, and how many at most. Return the key and the fields of each
-- that was in the sorted set: no fields if that is no session, nil if there is nothing. It fails only if it has removed
-- none.
local function take(key)
    if find(key, false) then
        return take_out(key)
    end
    redis.call("ZREM", KEYS[1], key)
    return {key, redis.call("DEL", base .. "s:" .. key) == 1 and {}}
end

local taken, failure = {}, nil
for _, key in ipairs(redis.call("ZRANGEBYSCORE", KEYS[1], "-inf", ARGV[1], "LIMIT", 0, ARGV[2])) do
    local is_taken, what = pcall(take, key)
    if is_taken then
        taken[#taken + 1] = what
    else
        failure = what
    end
end
if failure and #taken == 0 then
    error(failure, 0)
end
return taken
