"""The demo: the steps by which people learn sessions, each a small application. Start it with ``demo/run``."""
