-- Enter a session in the register of a user, and return the register: keys, and since when each has its place. KEYS: the
-- register. ARGV: the time; the key; the former key or nothing; how many places there are, or nothing if the session
-- enters in any case; 1 if it becomes the latest although it has a place; for how many milliseconds the register stays;
-- then keys that leave it before.
local GONE = 7
local register, now, key, former = KEYS[1], tonumber(ARGV[1]), ARGV[2], ARGV[3]
local most, renews, life = tonumber(ARGV[4]), ARGV[5] == "1", tonumber(ARGV[6])
for at = GONE, #ARGV do
    redis.call("ZREM", register, ARGV[at])
end
local places, since, latest = redis.call("ZRANGE", register, 0, -1, "WITHSCORES"), nil, 0
for at = 1, #places, 2 do
    latest = tonumber(places[at + 1])
    if places[at] == key or (former ~= "" and places[at] == former) then
        since = latest
    end
end
if not since and most and #places >= 2 * most then
    return places
end
if not since or renews then
    -- Later than all others, whatever the clocks of the machines say.
    since = math.max(now, latest + 1e-5)
end
if former ~= "" then
    redis.call("ZREM", register, former)
end
redis.call("ZADD", register, number(since), key)
if redis.call("PTTL", register) < life then
    set_life(register, life)
end
return redis.call("ZRANGE", register, 0, -1, "WITHSCORES")
