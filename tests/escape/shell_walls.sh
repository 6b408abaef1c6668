# promise: a shell stands behind the same walls as an interpreter
# outcome: ok
broken() { echo "BROKEN: $1"; exit 1; }
[ "$(id -u)" != 0 ] || broken "root"
grep -q '^CapEff:[[:space:]]*0*$' /proc/self/status || broken "capabilities"
grep -q '^Seccomp:[[:space:]]*2$' /proc/self/status || broken "no filter"
! grep -q '^NoNewPrivs:[[:space:]]*0$' /proc/self/status || broken "new privileges"
! head -c 1 /etc/shadow 2>/dev/null || broken "/etc/shadow"
! unshare -Ur true 2>/dev/null || broken "a namespace"
! mount -t tmpfs none /tmp 2>/dev/null || broken "a mount"
! touch /usr/planted 2>/dev/null || broken "/usr"
! (exec 9<>/dev/tcp/169.254.169.254/80) 2>/dev/null || broken "the network"
! (exec 9<>/dev/tcp/127.0.0.1/22) 2>/dev/null || broken "the host's loopback"
grep -q gvisor /proc/cmdline || ! cat /proc/1/environ 2>/dev/null | grep -q . || broken "the guest's environment"
echo HELD
