"""A context in an interpreter of its own (no zygote): trimmed imports, then `context.serve`."""

import gc
import os
import socket
import sys


def serve(sock):
    """Serve the guest on this connected socket; never returns."""
    # The imports make much that stays: collecting in between costs a tenth of the start.
    gc.disable()
    from . import later

    with later.Postponed():
        from . import context, frames, streams

        context.apply_environment(os.environ)
        streams.prepare()
        context.start_session()
        channel = frames.Channel(socket.socket(fileno=context.hide(sock.detach())))
        made = context.Context(channel)
    gc.freeze()
    gc.enable()
    context.serve(made)


def serve_descriptor(descriptor):
    """Serve the socket at this descriptor; never returns."""
    try:
        sock = socket.socket(fileno=descriptor)
    except OSError as error:
        sys.exit(f"belljar driver: cannot use descriptor {descriptor}: {error}")
    serve(sock)
