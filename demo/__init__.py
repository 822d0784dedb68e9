"""The demo: sessions explained in steps, each a small application. Start it with ``demo/run``."""
