-- Remove the session that has this key, or had it recently, and return its key and its fields; nil if there is none. ARGV:
-- nothing, or the user that must be logged in.
local key, record = find(own, true)
return key and (not ARGV[1] or record.principal == ARGV[1]) and remove(key, record) or nil
