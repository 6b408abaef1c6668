# promise: what a sandbox leaves in its workspace leads nobody who collects it out of the workspace
# outcome: ok
# The side that collects must skip every link, socket and queue below, and not wait for the queue.
import os, socket

os.symlink("/etc/passwd", "innocent.txt")
os.symlink("/", "everything")
os.symlink("../../../../../../etc/shadow", "relative.txt")
os.symlink("/proc/self/environ", "environment.txt")
os.symlink("loop", "loop")
os.mkfifo("queue.csv")
socket.socket(socket.AF_UNIX).bind("socket.csv")
os.mkdir("deep")
os.symlink("/proc/1/root", "deep/door")
for name in [b"two\nlines.txt", b"\xff\xfe.bin", b"-rf", b"a" * 255, b"\x1b[2J.txt", "\u202egnp.exe".encode()]:
    with open(name, "w") as file:
        file.write("mine")
folder = "d"
for _ in range(200):  # deeper than PATH_MAX in all
    folder += "/" + "d" * 15
os.makedirs(folder)
with open("sparse.bin", "wb") as file:
    file.truncate(1 << 20)
os.chmod("deep", 0)
print("HELD")
