"""The rights that the Redis user of a store needs."""

from __future__ import annotations

from typing import Final

#: The commands that the store sends, and those that its scripts use. Without ``info`` only the version stays unknown.
COMMANDS: Final = (
    *("eval", "evalsha", "info", "select"),
    *("del", "exists", "get", "persist", "pexpire", "pttl", "rename", "set"),
    *("hdel", "hexists", "hget", "hgetall", "hkeys", "hset", "hstrlen"),
    *("sadd", "scard", "smembers", "srem"),
    *("zadd", "zcard", "zrange", "zrangebyscore", "zrem", "zscan", "zscore"),
)
#: Further commands behind Sentinels, and in a Cluster.
SENTINEL_COMMANDS: Final = ("role",)
CLUSTER_COMMANDS: Final = ("asking", "cluster|slots")


def rights(prefix: str, *more: str) -> list[str]:
    """Return the rules for ``ACL SETUSER`` that allow what a store with this prefix does, and nothing else.

    Args:
        prefix: the prefix in the URL of the store.
        more: further commands.
    """
    return ["resetkeys", f"~{prefix}{{*", "resetchannels", "-@all", *(f"+{name}" for name in (*COMMANDS, *more))]
