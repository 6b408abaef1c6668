# promise: nothing can be mounted, moved or unmounted
# outcome: ok
import ctypes, os

libc = ctypes.CDLL(None, use_errno=True)
os.makedirs("/tmp/m", exist_ok=True)
MS_REMOUNT, MS_BIND, MS_MOVE, MS_REC, MS_PRIVATE = 32, 4096, 8192, 16384, 1 << 18
attempts = [(b"none", b"/tmp/m", kind, 0, None) for kind in [b"tmpfs", b"proc", b"sysfs", b"cgroup", b"cgroup2", b"devpts",
                                                            b"mqueue", b"debugfs", b"bpf", b"ramfs"]]
attempts += [
    (b"none", b"/tmp/m", b"overlay", 0, b"lowerdir=/usr,upperdir=/tmp/u,workdir=/tmp/w"),
    (b"none", b"/tmp/m", b"fuse", 0, b"fd=0,rootmode=40000,user_id=0,group_id=0"),
    (b"/dev/sda1", b"/tmp/m", b"ext4", 0, None), (b"/dev/vda", b"/tmp/m", b"ext4", 0, None),
    (b"/", b"/tmp/m", None, MS_BIND | MS_REC, None), (b"/proc", b"/tmp/m", None, MS_MOVE, None),
    (None, b"/", None, MS_REMOUNT | MS_BIND, None), (None, b"/usr", None, MS_REMOUNT | MS_BIND, None),
    (None, b"/", None, MS_REC | MS_PRIVATE, None),
]
for source, target, kind, flags, options in attempts:
    if libc.mount(source, target, kind, ctypes.c_ulong(flags), options) == 0:
        raise SystemExit(f"BROKEN: mounted {kind or source} on {target}")
for line in open("/proc/self/mountinfo"):
    if libc.umount2(line.split()[4].encode(), 2) == 0:
        raise SystemExit(f"BROKEN: unmounted {line.split()[4]}")
print("HELD")
