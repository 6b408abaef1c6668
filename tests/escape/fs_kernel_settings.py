# promise: no kernel setting under /proc can be written
# outcome: ok
import os

null = os.stat("/dev/null")
targets = ["/proc/sysrq-trigger", "/proc/self/uid_map", "/proc/self/gid_map", "/proc/self/setgroups", "/proc/1/oom_score_adj",
           "/proc/irq/default_smp_affinity", "/proc/mtrr", "/proc/acpi/wakeup", "/proc/scsi/scsi"]
for folder, _, names in os.walk("/proc/sys"):
    targets += [f"{folder}/{name}" for name in names]
for path in targets:
    try:
        handle = os.open(path, os.O_WRONLY)
        if path.startswith("/proc/self"):
            os.write(handle, b"0 0 1")
        if os.path.samestat(os.fstat(handle), null):  # covered
            continue
    except OSError:
        continue
    raise SystemExit(f"BROKEN: {path} is open for writing")
print("HELD")
