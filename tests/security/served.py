"""The probe application for real servers: its store and its folder come by the environment."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from tests.security.probe import CONFIGS, Mounts

FOLDER = Path(os.environ["HTTPSESSION_TEST_FOLDER"])
# All that the package logs, in one file of all workers.
_handler = logging.FileHandler(FOLDER / "events", delay=True)
logging.getLogger("httpsession").addHandler(_handler)
logging.getLogger("httpsession").setLevel(logging.DEBUG)

application = Mounts(os.environ["HTTPSESSION_TEST_STORE"], FOLDER)
for mount in CONFIGS:
    application[mount]
