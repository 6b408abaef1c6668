# promise: no file can be opened by its handle, past all directories
# outcome: ok
import ctypes, errno, os

libc = ctypes.CDLL(None, use_errno=True)
name_to_handle, open_by_handle = {"x86_64": (303, 304), "aarch64": (264, 265)}[os.uname().machine]
handle = (ctypes.c_ubyte * 136)()
handle[0] = 128
mount = ctypes.c_int()
libc.syscall(name_to_handle, -100, b"/usr", ctypes.byref(handle), ctypes.byref(mount), 0)
for inode in [bytes(handle), b"\x08\0\0\0\x01\0\0\0\x02\0\0\0\0\0\0\0"]:  # /usr's own; then inode 2, an ext4's root
    buffer = ctypes.create_string_buffer(inode, 136)
    for folder in ["/", "/usr", "/workspace", "/etc"]:
        place = os.open(folder, os.O_RDONLY)
        found = libc.syscall(open_by_handle, place, buffer, os.O_RDONLY)
        if found >= 0:
            raise SystemExit(f"BROKEN: {os.listdir(found)}")
        if ctypes.get_errno() not in (errno.EPERM, errno.ENOSYS):
            raise SystemExit(f"BROKEN: the call got through: {errno.errorcode[ctypes.get_errno()]}")
print("HELD")
