# promise: the sandbox cannot lift its own limits: the files of its cgroup are out of reach
# outcome: ok
import os

for folder, folders, names in os.walk("/sys"):
    for name in names:
        if name in ["cgroup.procs", "release_agent", "notify_on_release", "tasks"] or name.startswith(("memory.", "pids.")):
            raise SystemExit(f"BROKEN: {folder}/{name} is there")
for line in open("/proc/self/mountinfo"):
    place = line.split()[4]
    # A container engine may have mounted them before it covered what lies above.
    if " - cgroup" in line and os.path.isdir(place) and os.listdir(place):
        raise SystemExit(f"BROKEN: cgroups are in reach: {line}")
for line in open("/proc/self/cgroup"):
    path = line.strip().split(":", 2)[2]
    if path.count("/") > 2:
        raise SystemExit(f"BROKEN: the host's cgroup is named: {path}")
print("HELD")
