"""Print the page: ``python -m tests.tools.reference``."""

from .page import rendered

print(rendered())
