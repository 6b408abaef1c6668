# promise: files that show the kernel's memory, messages or keys tell nothing
# outcome: ok
import os

for path in ["/proc/kcore", "/proc/kmsg", "/dev/kmsg", "/dev/mem", "/dev/kmem", "/dev/port", "/proc/keys", "/proc/key-users",
             "/proc/timer_list", "/proc/sched_debug", "/proc/kpagecount", "/proc/kpageflags", "/proc/slabinfo", "/proc/modules",
             "/proc/iomem", "/proc/ioports", "/proc/config.gz", "/proc/cmdline", "/proc/latency_stats",
             "/sys/kernel/debug/fake", "/sys/kernel/tracing/trace", "/sys/firmware/efi/efivars", "/sys/kernel/notes"]:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        content = os.read(handle, 4096)
    except OSError:
        continue
    if content.strip(b"\0\n ") and b"gvisor" not in content:  # a kernel in user space tells of itself
        raise SystemExit(f"BROKEN: {path} says {content[:40]!r}")
try:
    addresses = {line.split()[0].strip("0") for line in open("/proc/kallsyms")}
except OSError:
    addresses = {""}
if addresses - {""}:
    raise SystemExit("BROKEN: /proc/kallsyms shows addresses")
print("HELD")
