# promise: programs with the set-user-id bit give nothing
# outcome: ok
import ctypes, os, shutil, stat, subprocess

if ctypes.CDLL(None).prctl(39, 0, 0, 0, 0) != 1:  # PR_GET_NO_NEW_PRIVS
    raise SystemExit("BROKEN: new privileges can be gained")
count = 0
for folder in ["/usr/bin", "/usr/sbin", "/usr/lib", "/usr/libexec", "/bin", "/sbin"]:
    for name in os.listdir(folder) if os.path.isdir(folder) else []:
        path = f"{folder}/{name}"
        mode = os.stat(path).st_mode if os.path.exists(path) else 0
        if not stat.S_ISREG(mode) or not mode & (stat.S_ISUID | stat.S_ISGID):
            continue
        count += 1
        if not os.statvfs(path).f_flag & os.ST_NOSUID:
            raise SystemExit(f"BROKEN: the bit of {path} counts")
for command in [["su", "-c", "id -u"], ["sudo", "-n", "id", "-u"], ["newgrp"], ["pkexec", "id", "-u"]]:
    if shutil.which(command[0]):
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.stdout.strip() == "0":
            raise SystemExit(f"BROKEN: {command} made us root")
shutil.copy("/usr/bin/id", "/tmp/id")
os.chmod("/tmp/id", 0o6755)
if subprocess.run(["/tmp/id", "-u"], capture_output=True, text=True).stdout.strip() == "0":
    raise SystemExit("BROKEN: root")
print(f"{count} such programs are there")
print("HELD")
