-- Remove the session that has this key or had it until lately, and return its key and its fields; nil if there is none.
local key = find(own, true)
return key and take_out(key)
