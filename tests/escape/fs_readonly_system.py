# promise: what the system and the template consist of cannot be changed from inside
# outcome: ok
import os, sys

folders = ["/", "/usr", "/usr/bin", "/usr/lib", "/bin", "/lib", "/etc", "/.belljar", "/.belljar/driver",
           "/.belljar/template", os.path.dirname(os.__file__), os.path.dirname(sys.executable), "/dev", "/proc", "/var"]
for folder in folders:
    if not os.path.isdir(folder):
        continue
    for attempt in [
        lambda: os.open(f"{folder}/planted", os.O_CREAT | os.O_WRONLY),
        lambda: os.mkdir(f"{folder}/planted.d"),
        lambda: os.symlink("/workspace", f"{folder}/planted.l"),
        lambda: os.chmod(folder, 0o777),
        lambda: os.rename(folder, folder + ".old"),
    ]:
        try:
            attempt()
        except OSError:
            continue
        raise SystemExit(f"BROKEN: changed {folder}")
for path in [sys.executable, os.__file__, "/etc/passwd", "/etc/hosts", "/usr/bin/env"]:
    for flags in [os.O_WRONLY, os.O_RDWR, os.O_WRONLY | os.O_APPEND, os.O_WRONLY | os.O_TRUNC]:
        try:
            os.open(path, flags)
        except OSError:
            continue
        raise SystemExit(f"BROKEN: opened {path} for writing")
print("HELD")
