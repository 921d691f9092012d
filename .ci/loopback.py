"""Processes on loopback: a port that is free, and waiting for a state."""

import socket
import time

DEADLINE = 60


def free_port():
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def until(what, state, deadline=DEADLINE):
    """Looks at a state until it yields something true, and returns that."""
    end = time.monotonic() + deadline
    while True:
        try:
            if value := state():
                return value
        except OSError:
            # Nobody listens yet.
            pass
        if time.monotonic() > end:
            raise SystemExit(f"waited {deadline} s in vain for {what}")
        time.sleep(0.1)
