"""Print the page: ``python -m tests.reference``."""

from .page import rendered

print(rendered())
