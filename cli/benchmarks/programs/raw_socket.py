"""The least that can be done for an answer: a request written to a socket, and what comes read from it.

Given the URL of a server it prints the seconds until the first piece is there.
"""

from __future__ import annotations

import socket
import sys
import time
from statistics import median
from urllib.parse import urlsplit

ANSWERS = 200
BODY = b'{"model":"instant","prompt":"x","stream":true}'
REQUEST = (
    b"POST /api/generate HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(BODY), BODY)
)


def until_the_first(connection: socket.socket) -> float:
    """Seconds until the first piece of an answer is there, over a connection that is open already."""
    began = time.perf_counter()
    connection.sendall(REQUEST)
    data = connection.recv(65536)
    while b'"done": false}\n' not in data:
        data += connection.recv(65536)
    taken = time.perf_counter() - began
    while not data.endswith(b"0\r\n\r\n"):
        data += connection.recv(65536)
    return taken


def main() -> None:
    """Measure over one connection, as a client does."""
    url = urlsplit(sys.argv[1])
    with socket.create_connection((url.hostname, url.port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        until_the_first(connection)
        seconds = median(until_the_first(connection) for _ in range(ANSWERS))
    sys.stdout.write(f"{seconds}\n")


if __name__ == "__main__":
    main()
