"""Error replies: their codes in all forms that servers give them, and what becomes of the connection."""

from __future__ import annotations

import pytest

from httpsession.stores.redis.answers import Decision, code_of, decide, refusal

#: Replies as servers send them, their codes and decisions.
REPLIES = {
    "READONLY You can't write against a read only replica.": ("READONLY", Decision.RETRY),
    "READONLY You can't write against a read only replica. script: 7d3, on @user_script:1.": (
        "READONLY",
        Decision.RETRY,
    ),
    "ERR Error running script (call to f_7d3): @user_script:17: @user_script: 17: "
    "-READONLY You can't write against a read only slave. ": ("READONLY", Decision.RETRY),
    "ERR Error running script (call to f_7d3): @user_script:17: -OOM command not allowed when used memory": (
        "OOM",
        Decision.LEAVE,
    ),
    "ERR Error running script (call to f_7d3): @user_script:1: user_script:1: attempt to index a nil value ": (
        "ERR",
        Decision.KEEP,
    ),
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.": ("MASTERDOWN", Decision.RETRY),
    "LOADING Redis is loading the dataset in memory": ("LOADING", Decision.RETRY),
    "NOREPLICAS Not enough good replicas to write.": ("NOREPLICAS", Decision.RETRY),
    "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist": (
        "MISCONF",
        Decision.RETRY,
    ),
    "CLUSTERDOWN The cluster is down": ("CLUSTERDOWN", Decision.RETRY),
    "CLUSTERDOWN Hash slot not served": ("CLUSTERDOWN", Decision.RETRY),
    "UNBLOCKED force unblock from blocking operation, instance state changed": ("UNBLOCKED", Decision.RETRY),
    "NOAUTH Authentication required.": ("NOAUTH", Decision.RETRY),
    "ERR Protocol error: unauthenticated multibulk length": ("ERR", Decision.RETRY),
    "ERR Protocol error: unauthenticated bulk length": ("ERR", Decision.RETRY),
    "ERR operation not permitted": ("ERR", Decision.RETRY),
    "NOPERM this user has no permissions to run the 'evalsha' command": ("NOPERM", Decision.RETRY),
    "NOPERM this user has no permissions to access one of the keys used as arguments": ("NOPERM", Decision.RETRY),
    "NOPERM ACL failure in script: The user executing the script can't run this command or subcommand": (
        "NOPERM",
        Decision.LEAVE,
    ),
    "ERR Error running script (call to f_7d3): @user_script:1: -NOPERM this user has no permissions to run": (
        "NOPERM",
        Decision.LEAVE,
    ),
    "WRONGPASS invalid username-password pair or user is disabled.": ("WRONGPASS", Decision.LEAVE),
    "OOM command not allowed when used memory > 'maxmemory'.": ("OOM", Decision.LEAVE),
    "EXECABORT Transaction discarded because of previous errors.": ("EXECABORT", Decision.LEAVE),
    "ERR max number of clients reached": ("ERR", Decision.LEAVE),
    "ERR Protocol error: invalid bulk length": ("ERR", Decision.LEAVE),
    "NOSUCHCODE of a later release": ("NOSUCHCODE", Decision.LEAVE),
    "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.": ("BUSY", Decision.KEEP),
    "UNKILLABLE Sorry the script already executed write commands": ("UNKILLABLE", Decision.KEEP),
    "WRONGTYPE Operation against a key holding the wrong kind of value": ("WRONGTYPE", Decision.KEEP),
    "NOSCRIPT No matching script. Please use EVAL.": ("NOSCRIPT", Decision.KEEP),
    "MOVED 3999 127.0.0.1:6381": ("MOVED", Decision.KEEP),
    "MOVED 3999 :6381": ("MOVED", Decision.KEEP),
    "MOVED to nowhere": ("MOVED", Decision.KEEP),
    "ASK 3999 127.0.0.1:6381": ("ASK", Decision.KEEP),
    "TRYAGAIN Multiple keys request during rehashing of slot": ("TRYAGAIN", Decision.KEEP),
    "CROSSSLOT Keys in request don't hash to the same slot": ("CROSSSLOT", Decision.KEEP),
    "ERR unknown command 'EVALSHA'": ("ERR", Decision.KEEP),
    "I am no code": ("ERR", Decision.KEEP),
    "": ("ERR", Decision.KEEP),
}


@pytest.mark.parametrize("reply", REPLIES)
def test_decisions(reply):
    """Each reply has a decision: what is about the server, or not known, never keeps the connection."""
    error = refusal(reply)

    assert (code_of(error), decide(error)) == REPLIES[reply]
