-- Change a session, or nothing. ARGV: the time, the new key or nothing, 1 if the session starts afresh; then triples of a
-- sign, a field and a value: what is expected, what is put, what is removed, in this order. Return whether all was as
-- expected.
local function has(name, field)
    -- What is too long is left out when it is read, too.
    return redis.call("HEXISTS", name, field) == 1 and redis.call("HSTRLEN", name, field) <= MAX_VALUE
end

local now, moved, afresh = tonumber(ARGV[1]), ARGV[2], ARGV[3] == "1"
local renames = moved ~= ""
local key, record = find(own, not renames)
if not key or (renames and redis.call("EXISTS", base .. "s:" .. moved) == 1) then
    return 0
end
local name, principal = base .. "s:" .. key, principal_of(key)
local former, target = redis.call("HGET", name, "f"), renames and moved or key
local binds, user, reckons = false, principal, renames

for at = 4, #ARGV, 3 do
    local sign, field, value = ARGV[at], ARGV[at + 1], ARGV[at + 2]
    if sign == "?" and redis.call("HGET", name, field) ~= value then
        return 0
    elseif sign == "!" and has(name, field) then
        return 0
    elseif sign == "i" then
        record.interval, reckons = tonumber(value), true
    elseif sign == "p" then
        binds, user = true, value
    elseif sign == "n" then
        binds, user = true, false
    end
end
local leaves = principal and (renames or principal ~= user)
if reckons then
    redis.call("ZCARD", base .. "due")
    look("m:" .. key, "m:" .. moved)
end
if leaves then
    look("u:" .. principal)
end
if afresh and former then
    look("m:" .. former)
end

if binds or renames or afresh then
    -- Redis refuses this one when its memory is full, before anything has changed.
    redis.call("HSET", name, "r", redis.call("HGET", name, "r"))
end
if (binds or reckons) and user then
    join(user, target, due(record), now)
end
if renames then
    redis.call("RENAME", name, base .. "s:" .. moved)
    redis.call("ZREM", base .. "due", key)
    redis.call("DEL", base .. "m:" .. moved)
    name = base .. "s:" .. moved
    if not afresh then
        redis.call("SET", base .. "m:" .. key, moved, "PX", string.format("%.0f", 1000 * FOLLOW))
        redis.call("HSET", name, "f", key)
    end
end
if leaves then
    leave(principal, key)
end
if binds and user then
    redis.call("HSET", name, "p", user)
elseif binds then
    redis.call("HDEL", name, "p")
end
if afresh then
    for _, field in ipairs(redis.call("HKEYS", name)) do
        if string.sub(field, 1, 1) == ":" then
            redis.call("HDEL", name, field)
        end
    end
    if former then
        redis.call("DEL", base .. "m:" .. former)
        redis.call("HDEL", name, "f")
    end
end
for at = 4, #ARGV, 3 do
    local sign, field, value = ARGV[at], ARGV[at + 1], ARGV[at + 2]
    if sign == "=" then
        redis.call("HSET", name, field, value)
    elseif sign == "-" then
        redis.call("HDEL", name, field)
    end
end
if reckons then
    keep(target, record, now)
end
return 1
