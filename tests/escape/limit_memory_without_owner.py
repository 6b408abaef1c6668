# promise: memory that belongs to no process (memfd, pipes, sockets, shared segments) counts as well
# outcome: out_of_memory|ok
# limits: memory=128M open_files=512
# needs-wall: cgroup
import mmap, os, socket

total = 0
keep = []
try:
    for number in range(100):
        handle = os.memfd_create(f"m{number}")
        keep.append(handle)
        for _ in range(8):
            total += os.write(handle, b"x" * (1 << 20))
        left, right = socket.socketpair()
        left.setblocking(False)
        keep.append((left, right))
        total += left.send(b"x" * (1 << 20))
        shared = mmap.mmap(-1, 4 << 20)
        shared.write(b"x" * (4 << 20))
        keep.append(shared)
        total += 4 << 20
except (OSError, MemoryError) as error:
    print(error)
if total > 128 << 20:
    raise SystemExit(f"BROKEN: {total >> 20} MiB were given")
print("HELD")
