"""Makes a fork of the zygote unlike its siblings: random states, ids, environment, threads.

Cannot be renewed in a running process: the string hash seed, the address layout, `id()` values.
"""

import os
import sys
import time

SEED_BYTES = 48
TWISTER_WORDS = 624
_holders = []
_libraries = []


def survey():
    """In the zygote, after the imports: remember what every fork has to renew.

    Generators that some library made while it was imported would repeat in all forks, so the
    whole heap is searched for them, rather than a list of known libraries.
    """
    import gc
    import random

    kinds = [random.Random]
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        kinds += [numpy_random.RandomState, numpy_random.Generator]
    kinds = tuple(kinds)
    # SystemRandom keeps no state that could repeat; the module's own generator is seeded anyway.
    _holders[:] = [
        held for held in gc.get_objects()
        if isinstance(held, kinds) and not isinstance(held, random.SystemRandom)
        and held is not random._inst
    ]
    ssl = sys.modules.get("_ssl")
    if ssl is not None:
        # Its generator takes milliseconds to set up; every fork then only mixes new bytes in.
        ssl.RAND_bytes(1)
    _libraries[:] = _thread_pools()


def _thread_pools():
    """Return threadpoolctl's controllers of the BLAS and OpenMP libraries loaded so far."""
    if "numpy" not in sys.modules:
        return []
    try:
        import threadpoolctl
    except ImportError:
        return []
    return threadpoolctl.ThreadpoolController().lib_controllers


def after_fork(environment, cwd):
    """Renew everything; `environment` becomes the whole of `os.environ`."""
    from . import context

    os.chdir(cwd)
    renewed = dict(environment)
    for name in ("PATH", "LANG", "TZ"):
        if name in os.environ:
            renewed.setdefault(name, os.environ[name])
    threads = context.apply_environment(renewed)
    moved_home = renewed["HOME"] != os.environ.get("HOME")
    # Not os.environ.clear(): it takes time in proportion to the square of the variables.
    for name in [name for name in os.environ if name not in renewed]:
        del os.environ[name]
    for name, value in renewed.items():
        if os.environ.get(name) != value:
            os.environ[name] = value
    time.tzset()
    _renew_random()
    _renew_names()
    _renew_shell(moved_home)
    if threads is not None and threads > 1:
        _raise_threads(threads)


def _renew_random():
    import random

    random.seed(os.urandom(SEED_BYTES))
    for holder in _holders:
        _reseed(holder)
    ssl = sys.modules.get("_ssl")
    if ssl is not None:
        ssl.RAND_add(os.urandom(SEED_BYTES), float(SEED_BYTES))
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.manual_seed(int.from_bytes(os.urandom(7), "little"))


def random_states(namespace):
    """Give new states to the generators that came with libraries, and to those that user code named."""
    import random

    _renew_random()
    kinds = (random.Random,)
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        kinds += (numpy_random.RandomState, numpy_random.Generator)
        # The global one may have come after the fork of the zygote.
        if not any(held is numpy_random.mtrand._rand for held in _holders):
            _reseed(numpy_random.mtrand._rand)
    for held in list(namespace.values()):
        # Not `isinstance`, which asks an object of user code what it is.
        if issubclass(type(held), kinds) and not issubclass(type(held), random.SystemRandom):
            _reseed(held)


def _reseed(holder):
    """Give one generator, Python's or numpy's, a new state."""
    bits = getattr(holder, "bit_generator", None)
    try:
        if bits is not None:
            bits.state = type(bits)().state
        elif type(holder).__module__.startswith("numpy"):
            _fill_state(holder)
        else:
            holder.seed(os.urandom(SEED_BYTES))
    except Exception:
        # A subclass with rules of its own (a quasi-random sequence): it is deterministic anyway.
        return


def _fill_state(state):
    """Fill numpy's old generator, the global one among them, with random words: its `seed` is slow."""
    numpy = sys.modules["numpy"]
    words = numpy.frombuffer(os.urandom(TWISTER_WORDS * 4), dtype="<u4")
    state.set_state(("MT19937", words, TWISTER_WORDS, 0, 0.0))


def _renew_names():
    """Forget names and keys that modules would otherwise share with sibling forks."""
    tempfile = sys.modules.get("tempfile")
    if tempfile is not None:
        tempfile._name_sequence = None
        tempfile.tempdir = None
    uuid = sys.modules.get("uuid")
    if uuid is not None:
        uuid._node = uuid._last_timestamp = None
    process = sys.modules.get("multiprocessing.process")
    if process is not None:
        process.current_process().authkey = os.urandom(32)


def _renew_shell(moved_home):
    """Tell IPython's shell where it is now."""
    module = sys.modules.get("IPython.core.interactiveshell")
    if module is None or not module.InteractiveShell.initialized():
        return
    instance = module.InteractiveShell.instance()
    instance.starting_dir = os.getcwd()
    visited = instance.user_ns["_dh"]
    visited[:] = [type(visited[0])(instance.starting_dir)]
    if moved_home:
        instance.home_dir = os.path.expanduser("~")
        instance.init_ipython_dir(None)


def _raise_threads(count):
    """Allow BLAS and OpenMP more threads than the one that the zygote keeps them at."""
    for library in _libraries:
        try:
            library.set_num_threads(count)
        except Exception:
            # A library without that call keeps its one thread: slower, not wrong.
            continue
