"""The page docs/reference/servlet.md, made from the code and the tests: ``python -m tests.reference`` prints it."""
