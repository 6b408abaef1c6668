"""Forks a process that is nobody's child here: not found by `os.wait`, not killed with its parent's descendants.

Usually that takes a child that forks and ends, which copies all page tables twice. Where this machine's code is known, the
child in between borrows this process's memory instead (as `vfork` does), so that there is one copy only.
"""

import contextlib
import ctypes
import errno
import mmap
import os
import platform

SIGCHLD = 17
CLONE_VM, CLONE_VFORK = 0x100, 0x4000
SYS_RSEQ = 334
RSEQ_SIGNATURE = 0x53053053

# long born(int (*fork)(void), int *born): what clone(2) returned, or 0 in the fork. Between the two calls of the kernel
# this process sleeps, and what the one in between pushes lies below its stack pointer.
X86_64 = bytes.fromhex(
    "53"              # push rbx
    "4154"            # push r12
    "4883ec08"        # sub  rsp, 8          the stack is aligned for a call
    "4989fc"          # mov  r12, rdi
    "4889f3"          # mov  rbx, rsi
    "bf11410000"      # mov  edi, CLONE_VM | CLONE_VFORK | SIGCHLD
    "31f6"            # xor  esi, esi        the same stack
    "31d2"            # xor  edx, edx
    "4d31d2"          # xor  r10, r10
    "4d31c0"          # xor  r8, r8
    "b838000000"      # mov  eax, SYS_clone
    "0f05"            # syscall
    "4885c0"          # test rax, rax
    "7515"            # jnz  end             the parent, or an error
    "41ffd4"          # call r12             fork()
    "4898"            # cdqe
    "4885c0"          # test rax, rax
    "740b"            # jz   end             the fork
    "8903"            # mov  [rbx], eax
    "31ff"            # xor  edi, edi
    "b83c000000"      # mov  eax, SYS_exit   the one in between
    "0f05"            # syscall
    "4883c408"        # end: add rsp, 8
    "415c"            # pop  r12
    "5b"              # pop  rbx
    "c3"              # ret
)
_prepared = None


def orphan():
    """Fork. Return 0 in the fork, whose parent is the first process; None here, when it is there; raise OSError."""
    global _prepared
    if _prepared is None:
        _prepared = _Quick.prepare()
    return _prepared.fork() if _prepared else _in_two_steps()


def _in_two_steps():
    """Have a child fork and end."""
    told, tell = os.pipe()
    pid = os.fork()
    if pid:
        os.close(tell)
        code = os.read(told, 1)
        os.close(told)
        _reap(pid)
        if code != b"\0":
            raise OSError(code[0] if code else errno.ENOMEM, "fork")
        return None
    code = 0
    try:
        if os.fork() == 0:
            os.close(told)
            os.close(tell)
            return 0
    except OSError as error:
        code = error.errno or 1
    os.write(tell, bytes([code & 0xFF]))
    os._exit(0)


def _reap(pid):
    # User code may wait for children by itself.
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)


class _Quick:
    """The code above, ready to be called with the interpreter locked."""

    def __init__(self, library):
        code = mmap.mmap(-1, mmap.PAGESIZE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, mmap.PROT_READ | mmap.PROT_WRITE)
        code.write(X86_64)
        address = ctypes.addressof(ctypes.c_char.from_buffer(code))
        if library.mprotect(ctypes.c_void_p(address), mmap.PAGESIZE, mmap.PROT_READ | mmap.PROT_EXEC):
            raise OSError("no memory can hold code")
        self.memory = code
        self.library = library
        self.error_number = getattr(library, "__errno_location")
        self.error_number.restype = ctypes.POINTER(ctypes.c_int)
        self.library.pthread_self.restype = ctypes.c_void_p
        self.rseq = _rseq(library)
        self.call = ctypes.PYFUNCTYPE(ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)(address)
        self.real_fork = ctypes.cast(library.fork, ctypes.c_void_p)

    @classmethod
    def prepare(cls):
        """Return one, or False where this machine or its C library is another."""
        if platform.machine() != "x86_64" or ctypes.sizeof(ctypes.c_void_p) != 8:
            return False
        try:
            return cls(ctypes.PyDLL(None))
        except (OSError, AttributeError, ValueError):
            return False

    def fork(self):
        """See `orphan`."""
        born = ctypes.c_int(0)
        ctypes.pythonapi.PyOS_BeforeFork()
        between = self.call(self.real_fork, ctypes.addressof(born))
        number = self.error_number()[0]
        if between == 0:
            self.tell_the_kernel()
            ctypes.pythonapi.PyOS_AfterFork_Child()
            return 0
        ctypes.pythonapi.PyOS_AfterFork_Parent()
        if between < 0:
            raise OSError(-between, "fork")
        _reap(between)
        if born.value <= 0:
            raise OSError(number or errno.ENOMEM, "fork")
        return None

    def tell_the_kernel(self):
        """Have this thread's CPU number written where the C library looks for it, which ended with the borrowed memory."""
        if self.rseq is not None:
            self.library.syscall(*self.rseq)


def _rseq(library):
    """Return the arguments with which the C library has registered this thread's restartable sequences, if it has."""
    try:
        size = ctypes.c_uint.in_dll(library, "__rseq_size").value
        offset = ctypes.c_ssize_t.in_dll(library, "__rseq_offset").value
    except ValueError:
        return None
    at = ctypes.c_void_p(library.pthread_self() + offset)
    return (SYS_RSEQ, at, max(size, 32), 0, RSEQ_SIGNATURE) if size else None
