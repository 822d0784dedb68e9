-- The beginning of every script. The first of KEYS names a session, or the sorted set of a shard, and so tells the base.
-- What a script did before an error stays done. While a slot of a Cluster moves, a name that is on another node raises an
-- error. So each script looks at all that it will change (`look`) before it changes anything. Where a name may hold a value
-- of another type, a command for the right type is the look. The first change needs none.
local base, own = string.match(KEYS[1], "^(.-}:)s:(.*)$")
base = base or string.match(KEYS[1], "^(.-}:)due$")
local LAYOUT, SIZE, VERSION = "<Bddddd", 41, 1
local NUMBER, NUMBER_SIZE = "<d", 8
-- The mark before the name of an attribute.
local ATTRIBUTE = ":"

local function number(value)
    return string.format("%.17g", value)
end

local function look(...)
    for _, name in ipairs({...}) do
        redis.call("EXISTS", base .. name)
    end
end

-- Return the reply to a command that reads; nil if the value has another type.
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

-- Return the record that the fields of a hash hold: the packed numbers, the interval of a newcomer and the user, each
-- false if there is none. Return nil if they hold none.
local function unpacked(packed, newcomer, principal)
    if type(packed) ~= "string" or #packed ~= SIZE or string.byte(packed) ~= VERSION then
        return nil
    end
    if newcomer and #newcomer ~= NUMBER_SIZE then
        return nil
    end
    local _, created, accessed, used, deadline, interval = struct.unpack(LAYOUT, packed)
    newcomer = newcomer and struct.unpack(NUMBER, newcomer) or 0
    local sum = created + accessed + used + deadline + interval + newcomer
    if sum ~= sum then
        return nil
    end
    return {
        created = created, accessed = accessed, used = used, deadline = deadline, interval = interval,
        newcomer = newcomer, principal = principal,
    }
end

-- Return the key that the session with this key has now, and its record; nil if there is no session. The marks of former
-- keys lead to it if `follows`. An empty mark, which a login leaves, leads nowhere.
local function find(key, follows)
    for _ = 1, HOPS do
        local name = base .. "s:" .. key
        local packed = read("HGET", name, "r")
        local record = packed and unpacked(packed, redis.call("HGET", name, "n"), redis.call("HGET", name, "p"))
        if record then
            return key, record
        end
        if packed ~= false or not follows then
            return nil
        end
        key = read("GET", base .. "m:" .. key)
        if not key or key == "" then
            return nil
        end
    end
    return nil
end

-- Return whether no client has come back or logged in.
local function is_newcomer(record)
    return record.accessed <= record.created and not record.principal
end

-- Return the time at which a session expires.
local function due(record)
    local interval = record.interval > 0 and record.interval or math.huge
    if record.newcomer > 0 and is_newcomer(record) then
        interval = math.min(record.newcomer, interval)
    end
    return math.min(math.max(record.accessed, record.used) + interval + SLACK, record.deadline)
end

-- Return the milliseconds for which Redis keeps a session that expires at the time `at`, if no sweep removes it. `now` is
-- the caller's time. Infinite is for ever.
local function life(at, now)
    return at - now < FOREVER and 1000 * (math.max(at - now, 0) + RETENTION) or math.huge
end

local function set_life(name, milliseconds)
    if milliseconds < math.huge then
        redis.call("PEXPIRE", name, string.format("%.0f", milliseconds))
    else
        redis.call("PERSIST", name)
    end
end

local function index_due(key, at)
    redis.call("ZADD", base .. "due", number(at), key)
end

-- Store a record that has changed, and move the time at which the session expires.
local function store(key, record, now)
    local name, at = base .. "s:" .. key, due(record)
    index_due(key, at)
    redis.call("HSET", name, "r", struct.pack(
        LAYOUT, VERSION, record.created, record.accessed, record.used, record.deadline, record.interval
    ))
    set_life(name, life(at, now))
end

-- Return the fields of a session, names and values in turn, without the attributes.
local function small_fields(key)
    local name, fields = base .. "s:" .. key, {}
    for _, field in ipairs(redis.call("HKEYS", name)) do
        if string.sub(field, 1, 1) ~= ATTRIBUTE then
            fields[#fields + 1] = field
            fields[#fields + 1] = redis.call("HGET", name, field)
        end
    end
    return fields
end

-- Add a key to the set of a user. The set lives as long as each of its sessions. If it must live longer, it gets RETENTION
-- seconds more, so that not every request prolongs it.
local function index_principal(principal, key, at, now)
    local name, least = base .. "u:" .. principal, life(at, now)
    local left = redis.call("PTTL", name)
    redis.call("SADD", name, key)
    if left ~= -1 and left < least then
        set_life(name, least + 1000 * RETENTION)
    end
end

-- Remove a key from the set of a user. A value of another type must not fail the end of a session. A key that stays there
-- does no harm, since the sessions themselves tell their user.
local function unindex_principal(principal, key)
    redis.pcall("SREM", base .. "u:" .. principal, key)
end

-- Remove a session and return its key and its fields.
local function remove(key, record)
    local name, principal = base .. "s:" .. key, record.principal
    local fields = redis.call("HGETALL", name)
    if principal then
        look("u:" .. principal)
    end
    redis.call("ZREM", base .. "due", key)
    redis.call("DEL", name)
    if principal then
        unindex_principal(principal, key)
    end
    return {key, fields}
end
