"""Pillow's pictures: `show()` shows them as a result, and `save()` too where the context asks for that.

Pillow itself is imported by whoever needs it; it is altered as it comes.
"""

import functools
import sys

MODULE = "PIL.Image"
# Set to 1 in a context's environment: a picture that is saved under a name is shown as well.
SHOW_SAVED = "BELLJAR_SHOW_SAVED"
_wishes = {"show_saved": False}


def take_wish(environment):
    """Read and remove what this context's environment asks for."""
    _wishes["show_saved"] = environment.pop(SHOW_SAVED, "") == "1"


class Altering:
    """An import finder. Finds nothing but Pillow's module, once, and that through the other finders."""

    def find_spec(self, fullname, path=None, target=None):
        """Return the module's own specification with a loader that alters it."""
        if fullname != MODULE:
            return None
        sys.meta_path.remove(self)
        import importlib.util

        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            run = spec.loader.exec_module
            spec.loader.exec_module = lambda module: (run(module), alter(module))
        return spec


def install():
    """Alter Pillow now or when it is imported."""
    if MODULE in sys.modules:
        alter(sys.modules[MODULE])
    else:
        sys.meta_path.insert(0, Altering())


def alter(module):
    """Make the class show itself here and not in a program of a desktop."""
    kind = module.Image
    save = kind.save

    @functools.wraps(kind.show)
    def shown(self, title=None):
        display(self)

    @functools.wraps(save)
    def saved(self, fp, format=None, **params):
        save(self, fp, format, **params)
        if _wishes["show_saved"] and isinstance(fp, str):
            display(self)

    kind.show, kind.save = shown, saved


def display(value):
    """Send a value as a result."""
    from IPython.display import display as show

    show(value)
