"""Names below the domain of a test lead to this machine, as its DNS would say."""

import os
import socket


def install():
    """Begin, where the environment has such a domain."""
    domain = os.environ.get("E2B_DOMAIN", "").split(":")[0]
    if not domain.endswith(".localhost"):
        return
    look_up = socket.getaddrinfo

    def told(host, *arguments, **options):
        text = host.decode() if isinstance(host, bytes) else host
        return look_up("127.0.0.1" if text and text.endswith(domain) else host, *arguments, **options)

    socket.getaddrinfo = told
