"""Ports of the loopback address, for the servers that tests start."""

import socket

HOST = "127.0.0.1"


def free_port() -> int:
    """A port at which nothing listens."""
    with socket.create_server((HOST, 0)) as probe:
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    """Whether something listens there."""
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0
