"""Compiles the modules under a root on every CPU, as if it were at another path, so that no path of this host is in
the bytecode. Prints `@done total`. Leaves the tests of packages out: nobody runs them in a sandbox, and they are a
third of the work. A file that is no valid Python is normal in a package (templates, code for other versions); a disk
that is full is not: exit code 1.

Plain forks with a pipe, not multiprocessing: its workers would wait for ever if this process were killed, and hold the
lock of the build; it also needs semaphores, which not every host has."""
import os, py_compile, signal, sys

EVERY = 16


def sources(top):
    for folder, folders, files in os.walk(top):
        folders[:] = sorted(name for name in folders if name not in ("tests", "__pycache__"))
        yield from (os.path.join(folder, name) for name in sorted(files) if name.endswith(".py"))


def work(root, mount, paths, progress):
    """One worker: compiles these, tells by a byte when another `EVERY` are done. Dies of SIGPIPE with its parent."""
    for done, path in enumerate(paths, 1):
        try:
            py_compile.compile(path, dfile=mount + path.removeprefix(root), doraise=True, quiet=2)
        except OSError as error:
            print(f"{path}: {error}", flush=True)
            return 1
        except Exception:
            pass
        if done % EVERY == 0:
            os.write(progress, b".")
    return 0


def run(root, mount):
    paths = list(sources(root))
    workers = []
    told, tell = os.pipe()
    count = len(os.sched_getaffinity(0))
    for at in range(count):
        child = os.fork()
        if child == 0:
            status = 1
            try:
                os.close(told)
                signal.signal(signal.SIGPIPE, signal.SIG_DFL)
                status = work(root, mount, paths[at::count], tell)
            finally:
                os._exit(status)
        workers.append(child)
    os.close(tell)
    done = 0
    while part := os.read(told, 64):
        done += len(part) * EVERY
        print(f"@{done} {len(paths)}", flush=True)
    if any([os.waitpid(child, 0)[1] for child in workers]):
        sys.exit("a worker failed")
    print(f"@{len(paths)} {len(paths)}", flush=True)


run(*sys.argv[1:])
