-- Remove a session if it is due at the time in ARGV, and return its key and its fields; nil if it is not there or not due.
local key, record = find(own, false)
return key and due(record) <= tonumber(ARGV[1]) and take_out(key) or nil
