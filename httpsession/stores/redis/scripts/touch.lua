-- Record accesses of the sessions in KEYS. ARGV: for each, when its request arrived and when it ended; then 1 to have the
-- sessions returned in which a user is logged in, each as its key and its fields without the attributes.
local logins = ARGV[2 * #KEYS + 1] == "1" and {}
for at, name in ipairs(KEYS) do
    local arrived, ended = tonumber(ARGV[2 * at - 1]), tonumber(ARGV[2 * at])
    local key, record = find(string.match(name, "^.-}:s:(.*)$"), true)
    if key and due(record) > arrived then
        local accessed, used = math.max(record.accessed, arrived), math.max(record.used, ended)
        if accessed > record.accessed or used > record.used then
            record.accessed, record.used = accessed, used
            local now, principal = math.max(arrived, ended), record.principal
            store(key, record, now)
            if principal and logins then
                logins[#logins + 1] = {key, small_fields(key)}
            end
            if principal then
                -- A value of another type in place of the user's set must not fail the accesses of other sessions.
                pcall(index_principal, principal, key, due(record), now)
            end
        end
    end
end
return logins or nil
