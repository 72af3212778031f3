#!/usr/bin/python3
"""TCP proxy that breaks an RTSP connection (RTP interleaved over TCP) on command.

    python3 fault_proxy.py --listen 0 --target 127.0.0.1:8554 [--control]

First stdout line: {"port": P}.  With --control one command per stdin line, each answered by one
JSON line once it is in force; EOF on stdin is quit.  Without it, runs until killed.

    freeze    forward nothing either way; connections stay open, new ones are accepted but stay mute
    thaw      go on where it froze: nothing was lost unless a peer gave up
    cut       reset (RST) every connection, both sides; new ones are served as before
    drop N    lose every N-th RTP packet of each connection; 0 loses none
    quit      reset every connection and exit

Invariants
  * What is forwarded is forwarded byte for byte, in order.  Only whole interleaved RTP packets are
    ever left out: '$' frames from the target on even channels, never RTCP, never RTSP text.
  * A target that refuses the connection shows to the client as a closed connection.
  * A frozen proxy soon stops reading, so the target's send buffer fills as it would with a dead link.
"""
import argparse, asyncio, json, re, socket, struct, sys, threading

CHUNK = 65536
LENGTH = re.compile(rb"\r\nContent-Length[ \t]*:[ \t]*(\d+)", re.I)


class Framer:
    """Cuts the target's byte stream into '$' frames and RTSP messages; leaves out what is to be lost."""

    def __init__(self, proxy):
        self.proxy, self.buf, self.raw, self.seen = proxy, bytearray(), False, 0

    def feed(self, data):
        self.buf += data
        out = bytearray()
        while self.buf:
            size = self.size()
            if size is None or size > len(self.buf):
                break
            if not self.lost():
                out += self.buf[:size]
            del self.buf[:size]
        return out

    def size(self):
        """Length of the unit the buffer starts with, None while that cannot be told."""
        if self.raw:
            return len(self.buf)
        if self.buf[0] == 0x24:
            return 4 + int.from_bytes(self.buf[2:4], "big") if len(self.buf) >= 4 else None
        end = self.buf.find(b"\r\n\r\n")
        if end < 0:
            self.raw = len(self.buf) > CHUNK  # not RTSP: from here on a plain proxy
            return len(self.buf) if self.raw else None
        body = LENGTH.search(self.buf, 0, end)
        return end + 4 + (int(body[1]) if body else 0)

    def lost(self):
        if self.raw or self.buf[0] != 0x24 or self.buf[1] % 2:
            return False
        self.seen += 1
        if self.proxy.every and self.seen % self.proxy.every == 0:
            self.proxy.dropped += 1
            return True
        return False


class Proxy:
    def __init__(self, host, port):
        self.host, self.port = host, port
        self.flow = asyncio.Event()
        self.flow.set()
        self.every = self.dropped = 0
        self.sessions = {}  # task of a client connection -> the writers it holds

    async def serve(self, reader, writer):
        task, writers = asyncio.current_task(), [writer]
        self.sessions[task] = writers
        pumps = []
        try:
            await self.flow.wait()
            far_reader, far_writer = await asyncio.open_connection(self.host, self.port)
            writers.append(far_writer)
            pumps = [asyncio.ensure_future(self.pump(reader, far_writer)),
                     asyncio.ensure_future(self.pump(far_reader, writer, Framer(self)))]
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            for pump in pumps:
                pump.cancel()
            for w in writers:
                w.close()
            self.sessions.pop(task, None)

    async def pump(self, reader, writer, framer=None):
        data = True
        try:
            while data:
                data = await reader.read(CHUNK)
                await self.flow.wait()
                if framer:  # at the end also what is left of a unit
                    writer.write(framer.feed(data) if data else framer.buf)
                else:
                    writer.write(data)
                await writer.drain()
        except OSError:
            pass

    def cut(self):
        for task, writers in list(self.sessions.items()):
            for w in writers:
                sock = w.get_extra_info("socket")
                try:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                except OSError:
                    pass  # gone already
                w.transport.abort()
            task.cancel()

    def command(self, line):
        word, *args = line.split() or [""]
        if word == "freeze" and not args:
            self.flow.clear()
        elif word == "thaw" and not args:
            self.flow.set()
        elif word in ("cut", "quit") and not args:
            self.cut()
        elif word == "drop" and len(args) == 1 and args[0].isdigit():
            self.every = int(args[0])
        else:
            return {"error": "not a command: " + line.strip()}
        return {"done": line.strip(), "connections": len(self.sessions), "dropped": self.dropped}


async def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--listen", type=int, default=0, help="port, 0 picks a free one")
    ap.add_argument("--bind", default="127.0.0.1")
    ap.add_argument("--target", required=True, metavar="HOST:PORT")
    ap.add_argument("--control", action="store_true", help="read commands from stdin")
    args = ap.parse_args()
    host, _, port = args.target.rpartition(":")
    proxy, loop, done = Proxy(host.strip("[]"), int(port)), asyncio.get_running_loop(), asyncio.Event()
    server = await asyncio.start_server(proxy.serve, args.bind, args.listen)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)

    def obey(line):
        print(json.dumps(proxy.command(line)), flush=True)
        if line.split() == ["quit"]:
            done.set()

    def read_commands():
        for line in sys.stdin:
            loop.call_soon_threadsafe(obey, line)
        loop.call_soon_threadsafe(obey, "quit")

    if args.control:
        threading.Thread(target=read_commands, daemon=True).start()
    await done.wait()
    server.close()
    await asyncio.sleep(0.05)  # lets the aborted transports close


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        pass
