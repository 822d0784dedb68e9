-- Remove sessions of a shard that are due. ARGV: the time, and how many at most. Return the key and the fields of each key
-- that was in the sorted set: no fields if its value is no session, nil if it has none. The script fails only if it has
-- removed nothing.
local function claim(key)
    local found, record = find(key, false)
    if found then
        return remove(key, record)
    end
    redis.call("ZREM", KEYS[1], key)
    return {key, redis.call("DEL", base .. "s:" .. key) == 1 and {}}
end

local claimed, failure = {}, nil
for _, key in ipairs(redis.call("ZRANGEBYSCORE", KEYS[1], "-inf", ARGV[1], "LIMIT", 0, ARGV[2])) do
    local is_claimed, found = pcall(claim, key)
    if is_claimed then
        claimed[#claimed + 1] = found
    else
        failure = found
    end
end
if failure and #claimed == 0 then
    error(failure, 0)
end
return claimed
