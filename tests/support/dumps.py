"""Every byte that a store keeps."""

from __future__ import annotations


def folder_dump(folder):
    """Return the names and the contents of the files in a folder: of a database, its log and its locks."""
    files = sorted(path for path in folder.iterdir() if path.is_file())
    return b"\n".join(path.name.encode() + path.read_bytes() for path in files)


def server_dump(server):
    """Return all names and values of a Redis server, the dump of each, and the file that it saves."""
    client = server.client
    client.config_set("rdbcompression", "no")
    parts = []
    for name in client.scan_iter(count=1000):
        read = {
            b"hash": client.hgetall,
            b"zset": lambda one: client.zrange(one, 0, -1, withscores=True),
            b"set": client.smembers,
            b"string": client.get,
        }[client.type(name)]
        parts += [name, str(read(name)).encode(), client.dump(name)]
    client.save()
    saved = server.folder / "dump.rdb"
    parts.append(saved.read_bytes())
    saved.unlink()
    return b"\n".join(parts)
