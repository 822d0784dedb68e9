-- Remove a session if it is due at the time in ARGV, and return its key and its fields; otherwise nil.
local key, record = find(own, false)
return key and due(record) <= tonumber(ARGV[1]) and remove(key, record) or nil
