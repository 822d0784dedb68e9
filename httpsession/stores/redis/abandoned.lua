-- Remove a session of a shard that no request came back to, among the first to be over. ARGV: how many are looked at, then
-- the keys of those that are being used. Return its key and its fields, or nil.
local used = {}
for at = 2, #ARGV do
    used[find(ARGV[at], true) or ""] = true
end
for _, key in ipairs(redis.call("ZRANGE", KEYS[1], 0, ARGV[1] - 1)) do
    local found, record = find(key, false)
    if found and record.accessed == record.created and not used[key] then
        return take_out(key)
    end
end
return nil
