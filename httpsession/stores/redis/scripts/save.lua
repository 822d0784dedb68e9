-- Change a session, or nothing. Return 1 if the session was changed, and 0 if there is no such session or a value is not
-- the expected one. ARGV: the time; the new key or nothing; 1 if the change is a login; 1 if all attributes go but those
-- that are put; then triples of a sign, a field and a value. The signs:
--   ? the field must have this value      ! there must be no such field
--   = the field gets this value           - the field goes
--   i the new interval                    d the new deadline
--   p the user that is logged in          n no user is logged in
local TRIPLES, KEY_SIZE = 5, 32
local now, new_key, is_login, clears = tonumber(ARGV[1]), ARGV[2], ARGV[3] == "1", ARGV[4] == "1"
local moves = new_key ~= ""
local key, record = find(own, is_login or not moves)
if not key or (moves and redis.call("EXISTS", base .. "s:" .. new_key) == 1) then
    return 0
end
local name, principal = base .. "s:" .. key, record.principal
local target = moves and new_key or key
local binds, user, stores = false, principal, moves

local function has(field)
    -- A value that is too long is ignored by loads, too.
    return redis.call("HEXISTS", name, field) == 1 and redis.call("HSTRLEN", name, field) <= MAX_VALUE
end

-- Return the former keys that still lead to the session, in a list.
local function former_keys()
    local former, found, leads = redis.call("HGET", name, "f") or "", {}, {[key] = true}
    local each = string.rep(".", KEY_SIZE)
    for former_key in string.gmatch(former, each) do
        leads[former_key] = true
    end
    for former_key in string.gmatch(former, each) do
        if leads[read("GET", base .. "m:" .. former_key)] then
            found[#found + 1] = former_key
        end
    end
    return found
end

local function mark(former_key, next_key)
    redis.call("SET", base .. "m:" .. former_key, next_key, "PX", string.format("%.0f", 1000 * FOLLOW))
end

for at = TRIPLES, #ARGV, 3 do
    local sign, field, value = ARGV[at], ARGV[at + 1], ARGV[at + 2]
    if sign == "?" and redis.call("HGET", name, field) ~= value then
        return 0
    elseif sign == "!" and has(field) then
        return 0
    elseif sign == "i" then
        -- The request that changes the interval is using the session, though its access is not flushed yet.
        record.interval, record.used, stores = tonumber(value), math.max(record.used, now), true
    elseif sign == "d" then
        record.deadline, stores = tonumber(value), true
    elseif sign == "p" then
        binds, user = true, value
    elseif sign == "n" then
        binds, user = true, false
    end
end
if record.newcomer > 0 and binds then
    -- The session of a newcomer who logs in has its own interval.
    record.principal, stores = user, true
end
local unbinds = principal and (moves or principal ~= user)
local former = moves and former_keys()
if stores then
    redis.call("ZCARD", base .. "due")
end
if moves then
    look("m:" .. key, "m:" .. new_key)
end
if unbinds then
    look("u:" .. principal)
end

if binds or moves or clears then
    -- If its memory is full, Redis refuses this command, before anything has changed.
    redis.call("HSET", name, "r", redis.call("HGET", name, "r"))
end
if (binds or stores) and user then
    index_principal(user, target, due(record), now)
end
if moves then
    redis.call("RENAME", name, base .. "s:" .. new_key)
    redis.call("ZREM", base .. "due", key)
    name = base .. "s:" .. new_key
    former[#former + 1] = key
    if is_login then
        for _, former_key in ipairs(former) do
            mark(former_key, "")
        end
        redis.call("HDEL", name, "f")
    else
        mark(key, new_key)
        redis.call("HSET", name, "f", string.sub(table.concat(former), -KEY_SIZE * HOPS))
    end
    redis.call("DEL", base .. "m:" .. new_key)
end
if unbinds then
    unindex_principal(principal, key)
end
if binds and user then
    redis.call("HSET", name, "p", user)
elseif binds then
    redis.call("HDEL", name, "p")
end
if clears then
    for _, field in ipairs(redis.call("HKEYS", name)) do
        if string.sub(field, 1, 1) == ATTRIBUTE then
            redis.call("HDEL", name, field)
        end
    end
end
for at = TRIPLES, #ARGV, 3 do
    local sign, field, value = ARGV[at], ARGV[at + 1], ARGV[at + 2]
    if sign == "=" then
        redis.call("HSET", name, field, value)
    elseif sign == "-" then
        redis.call("HDEL", name, field)
    end
end
if stores then
    store(target, record, now)
end
return 1
