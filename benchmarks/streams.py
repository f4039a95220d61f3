"""One request whose answer is read while its body is still being sent."""

import socket
import threading

_READ_BYTES = 2**16


def exchange(port: int, path: str, body: bytes) -> int:
    """Sends lines to a service of this machine on one connection; how many come back.

    The socket is used as it is: a client's library would take longer than the service.

    Raises:
        RuntimeError: the answer is no stream.
    """
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        f"Content-Type: application/x-ndjson\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port)) as connection:
        sender = threading.Thread(target=connection.sendall, args=(head.encode() + body,))
        sender.start()
        answer = b"".join(iter(lambda: connection.recv(_READ_BYTES), b""))
        sender.join()
    if not answer.startswith(b"HTTP/1.1 200 "):
        raise RuntimeError(f"The service said {answer[:100]!r}.")
    # Each line of an answer is an object.
    return answer.count(b"}\n")
