-- Remove the session that has this key, or had it recently, and return its key and its fields; nil if there is none.
local key, record = find(own, true)
return key and remove(key, record)
