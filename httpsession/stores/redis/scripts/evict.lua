-- Remove a newcomer's session of a shard. ARGV: how many of the first and of the last to expire are looked at, then the
-- keys that requests are using. Return its key and its fields, or nil.
local many, used = tonumber(ARGV[1]), {}
for at = 2, #ARGV do
    used[find(ARGV[at], true) or ""] = true
end
for _, start in ipairs({0, math.max(many, redis.call("ZCARD", KEYS[1]) - many)}) do
    for _, key in ipairs(redis.call("ZRANGE", KEYS[1], start, start + many - 1)) do
        local found, record = find(key, false)
        if found and is_newcomer(record) and not used[key] then
            return remove(key, record)
        end
    end
end
return nil
