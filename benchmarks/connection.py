"""A client that does no more than it must, so that what is measured is the server."""

import http
import socket

_END_OF_HEAD = b"\r\n\r\n"
_LENGTH = b"\r\ncontent-length: "
_HEAD_BYTES = 2**16


class Connection:
    """One connection to a server on this machine.

    Args:
        port: Where it listens.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket: socket.socket | None = None

    def post(self, path: str, body: bytes, media_type: str) -> bytes:
        """The answer; a connection that was closed while others had their turns is opened again.

        Raises:
            RuntimeError: it is no 200.
        """
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\nAccept: {media_type}\r\n"
            f"Content-Type: {media_type}\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode()
        try:
            status, content = self._exchange(head, body)
        except ConnectionError:
            self._socket = None
            status, content = self._exchange(head, body)
        if status != http.HTTPStatus.OK:
            raise RuntimeError(f"{path} answered {status}: {content[:500]!r}")
        return content

    def close(self) -> None:
        """Leaves."""
        if self._socket is not None:
            self._socket.close()

    def _exchange(self, head: bytes, body: bytes) -> tuple[int, bytes]:
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=600)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        rest = self._socket.sendmsg([head, body]) - len(head)
        self._socket.sendall(memoryview(body)[max(0, rest) :])
        came = self._come(_HEAD_BYTES)
        while _END_OF_HEAD not in came:
            came += self._come(_HEAD_BYTES)
        head, _, content = came.partition(_END_OF_HEAD)
        _, _, length = head.lower().partition(_LENGTH)
        missing = int(length.partition(b"\r\n")[0]) - len(content)
        parts = [content]
        while missing > 0:
            parts.append(self._come(missing))
            missing -= len(parts[-1])
        return int(head[9:12]), b"".join(parts)

    def _come(self, most: int) -> bytes:
        part = self._socket.recv(most) if self._socket is not None else b""
        if not part:
            raise ConnectionResetError("The server has closed the connection.")
        return part
