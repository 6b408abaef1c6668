"""Tells which Python this is, as one JSON object. Runs under the host's own interpreter, with -I -S."""
import json, os, sys, sysconfig
print(json.dumps({
    "executable": os.path.realpath(getattr(sys, "_base_executable", "") or sys.executable),
    "base_prefix": os.path.realpath(sys.base_prefix),
    "implementation": sys.implementation.name,
    "version": list(sys.version_info[:3]),
    "abi": sysconfig.get_config_var("SOABI") or "",
}))
