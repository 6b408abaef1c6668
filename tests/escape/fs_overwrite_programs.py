# promise: the program of a running process, ours or the guest's, cannot be overwritten through /proc
# outcome: ok
import os, sys, time

script = "/workspace/program"
with open(script, "w") as file:
    file.write("#!/proc/self/exe\n")
os.chmod(script, 0o755)
deadline = time.monotonic() + 0.3
while time.monotonic() < deadline:  # the race of CVE-2019-5736: wait for the moment when the text is not busy
    for link in ["/proc/self/exe", "/proc/1/exe", f"/proc/{os.getppid()}/exe", "/proc/thread-self/exe"]:
        for flags in [os.O_WRONLY, os.O_RDWR]:
            try:
                os.open(link, flags)
            except OSError:
                continue
            raise SystemExit(f"BROKEN: {link} is open for writing")
    try:
        path = os.open("/proc/1/exe", os.O_PATH)
        os.open(f"/proc/self/fd/{path}", os.O_WRONLY)
    except OSError:
        continue
    raise SystemExit("BROKEN: the guest's program is open for writing")
for line in open("/proc/self/maps"):
    fields = line.split()
    if len(fields) > 5 and fields[5].startswith(("/usr", "/lib", "/.belljar")) and os.access(fields[5], os.W_OK):
        raise SystemExit(f"BROKEN: {fields[5]} is writable")
print("HELD")
