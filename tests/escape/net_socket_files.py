# promise: no socket or queue of the host lies anywhere in the file tree
# outcome: ok
import os, stat

for folder, folders, names in os.walk("/"):
    if folder == "/":
        folders[:] = [name for name in folders if name not in ["proc", "usr"]]
    for name in names:
        try:
            mode = os.lstat(f"{folder}/{name}").st_mode
        except OSError:
            continue
        if stat.S_ISSOCK(mode) or stat.S_ISFIFO(mode):
            raise SystemExit(f"BROKEN: {folder}/{name}")
print("HELD")
