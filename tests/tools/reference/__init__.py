"""The page docs/reference/servlet.md, made from code and tests: ``python -m tests.tools.reference`` prints it."""
