# promise: programs find what they ask about themselves: user, home, name, processors, memory, limits
# outcome: ok
import getpass, grp, os, platform, pwd, resource, socket, sys

assert getpass.getuser() == "user" and pwd.getpwuid(os.getuid()).pw_dir == "/home/user"
assert grp.getgrgid(os.getgid()).gr_name and os.getcwd() == "/workspace"
assert os.cpu_count() >= 1 and len(os.sched_getaffinity(0)) >= 1 and os.getloadavg()
assert platform.system() == "Linux" and platform.platform() and socket.gethostname()
assert os.sysconf("SC_PHYS_PAGES") > 0 and "MemTotal" in open("/proc/meminfo").read()
assert "processor" in open("/proc/cpuinfo").read() and "cpu " in open("/proc/stat").read()
assert resource.getrusage(resource.RUSAGE_SELF).ru_utime >= 0 and os.times().user >= 0
assert sys.executable.startswith("/") and sys.getdefaultencoding() == "utf-8" and sys.stdout.encoding.lower() == "utf-8"
assert os.access("/dev/null", os.W_OK) and open("/dev/urandom", "rb").read(4)
print("WORKS")
