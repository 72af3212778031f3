#!/usr/bin/env python3
"""Runs wire scripts (see README.md) against an MQTT broker: run.py [-j N] [-k WORD] [-v] [-w PORT] HOST PORT FILE..."""

import argparse
import concurrent.futures
import re
import socket
import sys
import time

from language import EOF, LINE, Pattern, Wrong, build, tokens, tree
from wires import BOUND, Connection, WebSocket


def show(packet):
    if packet is EOF:
        return "the end"
    if packet is None:
        return "nothing"
    return packet[:80].hex() + ("..." if len(packet) > 80 else "") + " " + repr(packet[:80])


def ms(text):
    return int(re.fullmatch(r"(\d+)ms", text)[1]) / 1000


class Scenario:
    def __init__(self, file, title):
        self.file, self.title, self.lines = file, title, []

    def run(self, address, websocket):
        self.address, self.websocket, self.open, self.env, self.before = address, websocket, {}, {}, time.monotonic()
        try:
            i = 0
            while i < len(self.lines):
                number, line = self.lines[i]
                i += 1
                try:
                    if line == "unordered":
                        block = []
                        while self.lines[i][1] != "end":
                            block.append(self.lines[i][1])
                            i += 1
                        i += 1
                        self.unordered(block)
                    else:
                        self.step(line)
                except Wrong as e:
                    return f"{self.file}:{number}: {line}\n      {e}"
                self.before = time.monotonic()
            return None
        finally:
            for c in self.open.values():
                c.socket.close()

    def connection(self, name):
        if name not in self.open:
            raise Wrong(f"connection {name} was never opened")
        return self.open[name]

    def step(self, line):
        if m := re.fullmatch(r"wait (\d+ms)", line):
            time.sleep(ms(m[1]))
            return
        m = LINE.match(line)
        if not m:
            raise Wrong("not understood")
        names, what, rest = m[1].split("|"), m[2], m[3]
        name = names[0]
        if what == ">":
            data = build(tree(tokens(rest)), self.env)
            if name not in self.open or self.open[name].ended and not self.open[name].buffer:
                self.open[name] = WebSocket(self.websocket) if name.startswith("ws") else Connection(self.address)
            self.open[name].send(data)
        elif what == "!":
            self.act(name, rest)
        else:
            self.expect(names, what == "<*", rest)

    def act(self, name, rest):
        c = self.connection(name)
        if rest == "close":
            c.socket.close()
            del self.open[name]
        elif rest == "finish":
            c.socket.shutdown(socket.SHUT_WR)
        elif rest.startswith("text "):
            c.send(build(tree(tokens(rest[5:])), self.env), kind=1)
        elif m := re.fullmatch(r"within (\d+ms)\.\.(\d+ms) (.*)", rest):
            got = c.take(self.before + ms(m[2]))
            took = time.monotonic() - self.before
            if got is None or took < ms(m[1]):
                raise Wrong(f"came after {took * 1000:.0f} ms: {show(got)}")
            if m[3] == "eof":
                if got is not EOF:
                    raise Wrong(f"came {show(got)}")
            else:
                self.fits(Pattern(m[3]), got)
        else:
            raise Wrong("not understood")

    def fits(self, pattern, got):
        if got is EOF or got is None:
            raise Wrong(f"came {show(got)}")
        try:
            pattern.check(got, self.env)
        except Wrong as e:
            raise Wrong(f"{e}; came {show(got)}") from None

    def any_of(self, names, until):
        while True:
            for name in names:
                got = self.connection(name).take(min(until, time.monotonic() + (0.02 if len(names) > 1 else BOUND)))
                if got is not None:
                    return name, got
            if time.monotonic() >= until:
                return None, None

    def expect(self, names, skip, rest):
        rest = re.sub(r"^((?:eof|refused|nothing \d+ms))\s*(#.*)?$", r"\1", rest)
        if m := re.fullmatch(r"nothing (\d+ms)", rest):
            until = time.monotonic() + ms(m[1])
            for name in names:
                got = self.connection(name).take(until)
                if got is not None:
                    raise Wrong(f"came {show(got)}")
            return
        until = time.monotonic() + BOUND
        if rest == "refused":
            got = self.connection(names[0]).take(until)
            if got is not None and got is not EOF and got[0] == 0x20 and got[2] == 0 and got[3] != 0:
                got = self.connection(names[0]).take(until)
            if got is not EOF:
                raise Wrong(f"came {show(got)}")
            return
        pattern = None if rest == "eof" else Pattern(rest)
        while True:
            _, got = self.any_of(names, until)
            try:
                if pattern is None:
                    if got is not EOF:
                        raise Wrong(f"came {show(got)}")
                else:
                    self.fits(pattern, got)
                return
            except Wrong:
                if not skip or got is None or got is EOF:
                    raise

    def unordered(self, block):
        left = []
        for line in block:
            m = LINE.match(line)
            if not m or m[2] != "<":
                raise Wrong(f"not in unordered: {line}")
            left.append((m[1].split("|"), Pattern(m[3]), line))
        until = time.monotonic() + BOUND
        while left:
            name, got = self.any_of(sorted({n for names, _, _ in left for n in names}), until)
            if name is None or got is EOF:
                raise Wrong("still missing: " + left[0][2])
            for i, (names, pattern, _) in enumerate(left):
                if name in names:
                    try:
                        pattern.check(got, self.env)
                    except Wrong:
                        continue
                    del left[i]
                    break
            else:
                raise Wrong(f"on {name} came {show(got)}")


def read(path):
    out = []
    with open(path, encoding="utf-8") as f:
        for number, line in enumerate(f, 1):
            line = line.strip()
            if line.startswith("== "):
                out.append(Scenario(path.rsplit("/", 1)[-1], line[3:]))
            elif line and not line.startswith("#"):
                if not out:
                    raise SystemExit(f"{path}:{number}: before the first title")
                out[-1].lines.append((number, line))
    return out


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("-j", type=int, default=8, help="scenarios at once")
    p.add_argument("-k", default="", help="only titles that contain this")
    p.add_argument("-v", action="store_true", help="name those that pass, too")
    p.add_argument("-w", type=int, help="port of WebSocket; without it scenarios that need it are left out")
    p.add_argument("host")
    p.add_argument("port", type=int)
    p.add_argument("files", nargs="+")
    args = p.parse_args()
    scenarios = [s for f in args.files for s in read(f) if args.k in s.title]
    if not args.w:
        scenarios = [s for s in scenarios if not any(line.startswith("ws") for _, line in s.lines)]
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(args.j) as pool:
        for s, why in zip(scenarios, pool.map(lambda s: s.run((args.host, args.port), (args.host, args.w)), scenarios)):
            if why:
                failed += 1
                print(f"FAIL {s.file}: {s.title}\n   {why}")
            elif args.v:
                print(f"ok   {s.file}: {s.title}")
    print(f"{len(scenarios) - failed} of {len(scenarios)} scenarios pass")
    sys.exit(failed != 0)


if __name__ == "__main__":
    main()
