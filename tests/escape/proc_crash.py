# promise: a crash writes no core file and starts no crash handler of the host
# outcome: ok
import os, resource, signal

for number in [signal.SIGABRT, signal.SIGSEGV, signal.SIGQUIT]:
    child = os.fork()
    if child == 0:
        try:
            resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        except (ValueError, OSError):
            pass
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status):
        raise SystemExit("BROKEN: the child did not crash")
    if os.WCOREDUMP(status):
        raise SystemExit("BROKEN: a core was dumped")
if [name for name in os.listdir(".") if "core" in name]:
    raise SystemExit("BROKEN: a core file")
print("HELD")
