-- Return the sessions of a user in one shard, each as its key and its fields without the attributes. Keys of sessions that
-- are gone leave the user's set. KEYS: the sorted set of the shard, and the user's set. ARGV: the user.
local found = {}
for _, key in ipairs(redis.call("SMEMBERS", KEYS[2])) do
    local found_key, record = find(key, false)
    if found_key and record.principal == ARGV[1] then
        found[#found + 1] = {key, small_fields(key)}
    else
        redis.call("SREM", KEYS[2], key)
    end
end
return found
