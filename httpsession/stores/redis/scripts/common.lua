-- What all scripts begin with. The first of KEYS is a session's or that of the sorted set of a shard: it tells the base.
-- What a script has done before an error stays done. In a Cluster a slot may be moving while a script runs, and what is
-- elsewhere then raises an error: so each script looks at what it will change (`look`) before it changes anything. What
-- may be of a wrong type it looks at by a command for the right one; what it changes first needs no look.
local base, own = string.match(KEYS[1], "^(.-}:)s:(.*)$")
base = base or string.match(KEYS[1], "^(.-}:)due$")
local LAYOUT, SIZE, VERSION = "<Bddddd", 41, 1

local function number(value)
    return string.format("%.17g", value)
end

local function look(...)
    for _, name in ipairs({...}) do
        redis.call("EXISTS", base .. name)
    end
end

-- What a command reads; nothing if it is of another type.
local function read(...)
    local value = redis.pcall(...)
    if type(value) ~= "table" or not value.err then
        return value
    end
    if not string.find(value.err, "WRONGTYPE", 1, true) then
        redis.call(...)
    end
    return nil
end

local function unpacked(packed)
    if type(packed) ~= "string" or #packed ~= SIZE or string.byte(packed) ~= VERSION then
        return nil
    end
    local _, created, accessed, used, deadline, interval = struct.unpack(LAYOUT, packed)
    local sum = created + accessed + used + deadline + interval
    if sum ~= sum then
        return nil
    end
    return {created = created, accessed = accessed, used = used, deadline = deadline, interval = interval}
end

-- The key under which there is the session that has this one, or had it until lately, and its record; nil if none is.
local function find(key, follows)
    for _ = 1, HOPS do
        local packed = read("HGET", base .. "s:" .. key, "r")
        local record = unpacked(packed)
        if record then
            return key, record
        end
        if packed ~= false or not follows then
            return nil
        end
        key = read("GET", base .. "m:" .. key)
        if not key then
            return nil
        end
    end
    return nil
end

local function due(record)
    if record.interval <= 0 then
        return record.deadline
    end
    return math.min(math.max(record.accessed, record.used) + record.interval + SLACK, record.deadline)
end

-- For how many milliseconds from now, as the caller tells the time, Redis keeps a session, should nobody sweep: until
-- KEPT seconds after it is over, or for ever.
local function life(over, now)
    return over - now < FOREVER and 1000 * (math.max(over - now, 0) + KEPT) or math.huge
end

local function limit(name, milliseconds)
    if milliseconds < math.huge then
        redis.call("PEXPIRE", name, string.format("%.0f", milliseconds))
    else
        redis.call("PERSIST", name)
    end
end

local function enter(key, over)
    redis.call("ZADD", base .. "due", number(over), key)
end

-- Keep a record that has changed, and when the session is over.
local function keep(key, record, now)
    local name, over = base .. "s:" .. key, due(record)
    enter(key, over)
    redis.call("HSET", name, "r", struct.pack(
        LAYOUT, VERSION, record.created, record.accessed, record.used, record.deadline, record.interval
    ))
    limit(name, life(over, now))
end

local function principal_of(key)
    return redis.call("HGET", base .. "s:" .. key, "p")
end

-- A user's set is kept for as long as any of its sessions, and KEPT seconds more: so not each request prolongs it.
local function join(principal, key, over, now)
    local name, least = base .. "u:" .. principal, life(over, now)
    local left = redis.call("PTTL", name)
    redis.call("SADD", name, key)
    if left ~= -1 and left < least then
        limit(name, least + 1000 * KEPT)
    end
end

-- Whatever is in place of the user's set hinders nobody from leaving; who reads that goes by what sessions say.
local function leave(principal, key)
    redis.pcall("SREM", base .. "u:" .. principal, key)
end

-- Remove a session and return its key and its fields.
local function take_out(key)
    local name = base .. "s:" .. key
    local principal, fields = principal_of(key), redis.call("HGETALL", name)
    if principal then
        look("u:" .. principal)
    end
    redis.call("ZREM", base .. "due", key)
    redis.call("DEL", name)
    if principal then
        leave(principal, key)
    end
    return {key, fields}
end
