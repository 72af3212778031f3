"""Connections that speak MQTT byte by byte: TCP, and WebSocket by hand."""

import base64
import os
import re
import socket
import time

from language import EOF, Wrong, read_varint

BOUND = 3.0


class Connection:
    def __init__(self, address):
        self.socket = socket.create_connection(address, timeout=BOUND)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer, self.ended = b"", False

    def send(self, data):
        try:
            self.socket.settimeout(20)
            self.socket.sendall(data)
        except OSError:
            pass  # the server closed meanwhile: the next line that reads will tell

    def cut(self):
        if len(self.buffer) < 2:
            return None
        try:
            n, at = read_varint(self.buffer, 1)
        except Wrong as e:
            if "cut" in str(e):
                return None
            raise
        if len(self.buffer) < at + n:
            return None
        packet, self.buffer = self.buffer[: at + n], self.buffer[at + n :]
        return packet

    def take(self, until):
        """A packet, EOF, or None when the time is over."""
        while True:
            packet = self.cut()
            if packet is not None:
                return packet
            if self.ended:
                return EOF
            left = until - time.monotonic()
            if left <= 0:
                return None
            self.socket.settimeout(left)
            try:
                got = self.socket.recv(1 << 16)
            except TimeoutError:
                return None
            except OSError:
                got = b""
            self.ended = not got
            self.came(got)

    def came(self, got):
        self.buffer += got


class WebSocket(Connection):
    """The same over WebSocket: each send is one binary frame."""

    def __init__(self, address):
        super().__init__(address)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET /mqtt HTTP/1.1\r\nHost: {address[0]}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n".encode()
        )
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            byte = self.socket.recv(1)
            if not byte:
                raise Wrong(f"the handshake ended: {answer}")
            answer += byte
        lines = answer.decode("latin-1").lower().split("\r\n")
        if " 101 " not in lines[0] or not any(re.fullmatch(r"sec-websocket-protocol:\s*mqtt\s*", line) for line in lines):
            raise Wrong(f"the handshake was answered {answer}")
        self.frames = b""

    def send(self, data, kind=2):
        mask, n = os.urandom(4), len(data)
        length = bytes([0x80 | n]) if n < 126 else b"\xfe" + n.to_bytes(2, "big") if n < 65536 else b"\xff" + n.to_bytes(8, "big")
        super().send(bytes([0x80 | kind]) + length + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(data)))

    def came(self, got):
        self.frames += got
        while len(self.frames) >= 2:
            kind, n, at = self.frames[0] & 0x0F, self.frames[1] & 0x7F, 2
            if n >= 126:
                at = 4 if n == 126 else 10
                n = int.from_bytes(self.frames[2:at], "big") if len(self.frames) >= at else len(self.frames)
            if len(self.frames) < at + n:
                return
            data, self.frames = self.frames[at : at + n], self.frames[at + n :]
            if kind in (0, 2):
                self.buffer += data
            elif kind == 8:
                self.ended = True
            elif kind == 1:
                raise Wrong("the server sent a text frame")
