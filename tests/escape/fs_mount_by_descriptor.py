# promise: the newer mount calls, which work on descriptors, are refused as well
# outcome: ok
import ctypes, errno, os

libc = ctypes.CDLL(None, use_errno=True)
AT_FDCWD, AT_RECURSIVE = -100, 0x8000
attributes = (ctypes.c_uint64 * 4)(0, 1, 0, 0)  # clear "read-only"
calls = {  # the same numbers on every architecture
    "open_tree": (428, AT_FDCWD, b"/usr", 1), "move_mount": (429, AT_FDCWD, b"/usr", AT_FDCWD, b"/tmp", 0),
    "fsopen": (430, b"tmpfs", 0), "fsconfig": (431, 0, 0, 0, 0, 0), "fsmount": (432, 0, 0, 0), "fspick": (433, AT_FDCWD, b"/", 0),
    "mount_setattr": (442, AT_FDCWD, b"/", AT_RECURSIVE, ctypes.byref(attributes), 32),
    "open_tree_attr": (467, AT_FDCWD, b"/", 1, ctypes.byref(attributes), 32),
}
old = {"x86_64": {"pivot_root": 155, "chroot": 161}, "aarch64": {"pivot_root": 41, "chroot": 51}}[os.uname().machine]
calls["pivot_root"] = (old["pivot_root"], b"/tmp", b"/tmp")
calls["chroot"] = (old["chroot"], b"/tmp")
for name, (number, *arguments) in calls.items():
    if libc.syscall(number, *arguments) >= 0:
        raise SystemExit(f"BROKEN: {name} worked")
    if ctypes.get_errno() not in (errno.EPERM, errno.ENOSYS):
        raise SystemExit(f"BROKEN: {name} got through: {errno.errorcode[ctypes.get_errno()]}")
print("HELD")
