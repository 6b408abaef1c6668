"""Puts off imports that a fresh interpreter makes but seldom needs.

While IPython is being imported, placeholders stand for a few modules. One that is asked for an
attribute loads the real module; afterwards the placeholders leave `sys.modules`, so that
user code always imports the real thing.
"""

import importlib
import sys
import types

# Module → functions that are imported by name but only called much later, if ever.
POSTPONED = {
    "logging.config": ("dictConfig",),
    "urllib.parse": ("quote_from_bytes",),
    "ipaddress": (),
    "datetime": (),
    "glob": (),
}


class Later(types.ModuleType):
    """Stands for a module until somebody needs it."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(load(self), name)


def load(placeholder):
    """Import the module that the placeholder stands for."""
    name = placeholder.__name__
    if sys.modules.get(name) is placeholder:
        remove(name)
    real = importlib.import_module(name)
    placeholder.__dict__.update(
        (key, value) for key, value in real.__dict__.items() if not key.startswith("__")
    )
    return real


def remove(name):
    """Take a placeholder out of the import system."""
    placeholder = sys.modules.pop(name)
    parent, _, child = name.rpartition(".")
    if parent in sys.modules and sys.modules[parent].__dict__.get(child) is placeholder:
        delattr(sys.modules[parent], child)


def _function(placeholder, name):
    def call(*arguments, **keywords):
        return getattr(load(placeholder), name)(*arguments, **keywords)

    call.__name__ = name
    return call


class Postponed:
    """A context: imports within it may get placeholders."""

    def __enter__(self):
        for name, functions in POSTPONED.items():
            if name in sys.modules:
                continue
            placeholder = sys.modules[name] = Later(name)
            for function in functions:
                setattr(placeholder, function, _function(placeholder, function))

    def __exit__(self, *_exception):
        for name in POSTPONED:
            if isinstance(sys.modules.get(name), Later):
                remove(name)
