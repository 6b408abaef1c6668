"""The environment of one execution: set before its code runs, put back afterwards.

Names that the execution did not bring are the cell's own: what it does to them stays.
"""

import os

# Kept, because a cell may bind another object to that name.
_environ = os.environ


class Borrowed:
    """A context: within it the process has these variables as well."""

    def __init__(self, variables):
        self._variables = variables
        self._before = []

    def __enter__(self):
        for name, value in self._variables.items():
            self._before.append((name, _environ.get(name)))
            _environ[name] = value

    def __exit__(self, *_exception):
        while self._before:
            name, value = self._before.pop()
            if value is None:
                _environ.pop(name, None)
            else:
                _environ[name] = value


def of(header):
    """Return what an `execute` frame brings, which nearly always is nothing."""
    return Borrowed(header.get("env") or {})
