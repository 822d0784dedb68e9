-- Create a session if its key is free. ARGV: the time; 1 and the user, or 0 and nothing; then names and values of the other
-- fields, the record first, and then the interval of a newcomer if there is one. Return 1 if the session was created.
local FIELDS, MANY = 4, 1000
local now, is_bound, principal = tonumber(ARGV[1]), ARGV[2] == "1", ARGV[3]
local newcomer = ARGV[FIELDS + 2] == "n" and ARGV[FIELDS + 3]
local at = due(unpacked(ARGV[FIELDS + 1], newcomer, is_bound and principal))
if redis.call("EXISTS", KEYS[1]) == 1 then
    return 0
end
if is_bound then
    redis.call("ZCARD", base .. "due")
    index_principal(principal, own, at, now)
end
index_due(own, at)
for first = FIELDS, #ARGV, MANY do
    redis.call("HSET", KEYS[1], unpack(ARGV, first, math.min(first + MANY - 1, #ARGV)))
end
if is_bound then
    redis.call("HSET", KEYS[1], "p", principal)
end
set_life(KEYS[1], life(at, now))
return 1
