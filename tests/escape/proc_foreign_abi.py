# promise: system calls by way of the 32-bit and x32 interfaces, whose numbers mean other things, do not exist
# outcome: ok
import ctypes, mmap, os, signal

def child(work):
    pid = os.fork()
    if pid == 0:
        try:
            os._exit(work())
        finally:
            os._exit(3)
    _, status = os.waitpid(pid, 0)
    return status

def x32():
    libc = ctypes.CDLL(None, use_errno=True)
    return 77 if libc.syscall(0x40000000 + 39) > 0 else 0  # getpid

def int80():
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(b"\xb8\x14\0\0\0\xcd\x80\xc3")  # mov eax, 20 (getpid); int 0x80; ret
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    return 77 if ctypes.CFUNCTYPE(ctypes.c_int)(address)() > 0 else 0

if os.uname().machine == "x86_64":
    for work in [x32, int80]:
        status = child(work)
        if os.WIFEXITED(status) and os.WEXITSTATUS(status) == 77:
            raise SystemExit(f"BROKEN: {work.__name__} works")
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGSYS, signal.SIGSEGV)
        if not killed and os.WEXITSTATUS(status) != 0:
            raise SystemExit(f"BROKEN: {work.__name__} ended with {status}")
print("HELD")
