"""How fast time passes in a replay."""

from __future__ import annotations

#: Seconds that pass between two steps, and in each request.
STEP, REQUEST = 0.2, 0.01
