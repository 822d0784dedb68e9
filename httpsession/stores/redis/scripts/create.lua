-- Keep a new session if the key is free. ARGV: the time, 1 and the principal or 0 and nothing, then names and values of all
-- fields, the record first. Return whether it was.
local FIELDS, MANY = 4, 1000
local now, is_bound, principal = tonumber(ARGV[1]), ARGV[2] == "1", ARGV[3]
local over = due(unpacked(ARGV[FIELDS + 1]))
if redis.call("EXISTS", KEYS[1]) == 1 then
    return 0
end
if is_bound then
    redis.call("ZCARD", base .. "due")
    join(principal, own, over, now)
end
enter(own, over)
for first = FIELDS, #ARGV, MANY do
    redis.call("HSET", KEYS[1], unpack(ARGV, first, math.min(first + MANY - 1, #ARGV)))
end
if is_bound then
    redis.call("HSET", KEYS[1], "p", principal)
end
limit(KEYS[1], life(over, now))
return 1
