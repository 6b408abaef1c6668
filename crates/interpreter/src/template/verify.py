"""Imports each named module once. Prints `@done total name`, at the end `=` and the installed packages as JSON."""
import importlib, json, os, sys
from importlib import metadata

names = sys.argv[1:]
for done, name in enumerate(names, 1):
    importlib.import_module(name)
    print(f"@{done} {len(names)} {name}", flush=True)
if "matplotlib" in sys.modules:
    importlib.import_module("matplotlib.font_manager")  # writes the font cache to MPLCONFIGDIR
    import matplotlib
    if not any(name.startswith("fontlist") for name in os.listdir(matplotlib.get_cachedir())):
        sys.exit("matplotlib wrote no font cache")
packages = {d.metadata["Name"]: d.version for d in metadata.distributions()}
print("=" + json.dumps([{"name": n, "version": packages[n]} for n in sorted(packages, key=str.lower)]), flush=True)
os._exit(0)  # some libraries' threads would delay an ordinary exit
