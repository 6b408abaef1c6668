# promise: files of the host that are none of the sandbox's business are not there
# outcome: ok
import glob, os

for path in ["/etc/shadow", "/etc/gshadow", "/etc/sudoers", "/etc/machine-id", "/etc/ssh/*", "/etc/ssl/private/*",
             "/root/*", "/root/.*", "/home/*", "/var/lib/*", "/var/log/*", "/run/*", "/var/run/*", "/srv/*", "/mnt/*",
             "/media/*", "/boot/*", "/opt/*/credentials*", "/proc/1/root/etc/shadow", "/proc/self/root/etc/shadow"]:
    for found in glob.glob(path):
        if found in ["/home/user", "/run/lock", "/run/user"]:
            continue
        try:
            if os.path.isdir(found):
                content = os.listdir(found)
            else:
                content = open(found, "rb").read(16)
        except OSError:
            continue
        if content:
            raise SystemExit(f"BROKEN: read {found}")
print("HELD")
