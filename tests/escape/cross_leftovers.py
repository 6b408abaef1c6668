# promise: a new sandbox holds nothing that another one left behind
# outcome: ok
# The runner runs it twice, each time in a new sandbox.
import os

folders = [folder for folder in ["/workspace", "/tmp", "/dev/shm", "/home/user", "/var/tmp"] if os.path.isdir(folder)]
for folder in folders:
    found = [f"{place}/{name}" for place, _, names in os.walk(folder) for name in names if "secret of" in name]
    if found:
        raise SystemExit(f"BROKEN: {found}")
for folder in folders:
    try:
        with open(f"{folder}/secret of mine", "w") as file:
            file.write("for nobody else")
    except OSError:
        pass
if "left_behind" in globals() or hasattr(os, "left_behind"):
    raise SystemExit("BROKEN: another one's variables")
left_behind = os.left_behind = True
print("HELD")
