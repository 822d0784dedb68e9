-- Return keys and records of a user's sessions in one shard, and forget those that are gone. KEYS: the sorted set of the
-- shard, and the user's set. ARGV: the user.
local found = {}
for _, key in ipairs(redis.call("SMEMBERS", KEYS[2])) do
    if find(key, false) and principal_of(key) == ARGV[1] then
        found[#found + 1] = {key, redis.call("HGET", base .. "s:" .. key, "r")}
    else
        redis.call("SREM", KEYS[2], key)
    end
end
return found
