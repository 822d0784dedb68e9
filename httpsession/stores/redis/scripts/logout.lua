-- Note when the logins of a user end everywhere, and forget what no session can be older than. KEYS: two sorted sets of
-- users: by the time before which logins count no more, and by the time from which on no session is older. ARGV: the
-- present time; then nothing, or the user and the two times.
local MANY = 1000
local function move_on(name, user, at)
    local known = redis.call("ZSCORE", name, user)
    if not known or tonumber(known) < tonumber(at) then
        redis.call("ZADD", name, at, user)
    end
end

if ARGV[2] then
    move_on(KEYS[2], ARGV[2], ARGV[4])
    move_on(KEYS[1], ARGV[2], ARGV[3])
end
for _, user in ipairs(redis.call("ZRANGEBYSCORE", KEYS[2], "-inf", ARGV[1], "LIMIT", 0, MANY)) do
    redis.call("ZREM", KEYS[1], user)
    redis.call("ZREM", KEYS[2], user)
end
