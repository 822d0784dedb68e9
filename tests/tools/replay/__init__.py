"""Replays recordings of Apache Tomcat against this package and compares all that was observed.

``python -m tests.tools.replay [FILE...]``; the recordings and their format are in ``recordings/``.
"""
