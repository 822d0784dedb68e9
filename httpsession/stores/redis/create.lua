-- Keep a new session if the key is free. ARGV: the record, the time, 1 and the principal or 0 and nothing, then names and
-- values of fields. Return whether it was.
local record, now, is_bound, principal = unpacked(ARGV[1]), tonumber(ARGV[2]), ARGV[3] == "1", ARGV[4]
if redis.call("EXISTS", KEYS[1]) == 1 then
    return 0
end
look("due", is_bound and "u:" .. principal or "due")
for at = 5, #ARGV, 2 do
    redis.call("HSET", KEYS[1], ARGV[at], ARGV[at + 1])
end
if is_bound then
    bind(own, principal)
end
keep(own, record, now)
return 1
