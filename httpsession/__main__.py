"""``python -m httpsession``: the command ``httpsession``."""

from .cli import main

main()
