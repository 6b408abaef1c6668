# promise: abstract UNIX sockets of the host, which have no file, are of another world
# outcome: ok
import socket

try:
    names = [line.split()[7] for line in open("/proc/net/unix").read().splitlines()[1:] if len(line.split()) > 7]
except OSError:
    names = []
if names:
    raise SystemExit(f"BROKEN: {names}")
for name in ["/tmp/.X11-unix/X0", "/tmp/dbus-", "/org/freedesktop/systemd1/notify", "/run/systemd/private", "belljar", "containerd",
             "/com/ubuntu/upstart", "ISCSIADM_ABSTRACT_NAMESPACE"]:
    for kind in [socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET]:
        with socket.socket(socket.AF_UNIX, kind) as probe:
            if probe.connect_ex("\0" + name) == 0:
                raise SystemExit(f"BROKEN: {name} answers")
print("HELD")
