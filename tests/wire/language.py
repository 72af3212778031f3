"""The language of wire scripts (README.md): tokens, what is sent, patterns."""

import re

WORDS = {"rong": ("rong", "mat-khau-rong"), "hep": ("hep", "mat-khau-hep")}
TOKEN = re.compile(
    r"""\s+|(?P<comment>\#.*)|(?P<string>"(?:\\.|[^"\\])*")|(?P<raw>'(?:\\.|[^'\\])*')|(?P<brace>[{}()])"""
    r"""|(?P<repeat>\d+\*(?=\()|\d+\*[0-9a-fA-F]{2})|(?P<word>\$[a-z]+)|(?P<bind>@[a-z0-9]+(?:/s)?(?:![a-z0-9]+)*)"""
    r"""|(?P<any>[0-9a-fA-F?]{2}(?<=\?)|\?[0-9a-fA-F])|(?P<key>(?:has|lacks|ok|~)(?![a-z])|upto +\d+)|(?P<hex>(?:[0-9a-fA-F]{2})+)(?![0-9a-zA-Z*?])"""
)
LINE = re.compile(r"([a-z]\w*(?:\|[a-z]\w*)*)(>|<\*|<|!)\s*(.*)$")


EOF = object()


class Wrong(Exception):
    pass


def unescape(text):
    return re.sub(r"\\u\{([0-9a-fA-F]+)\}|\\(.)", lambda m: chr(int(m[1], 16)) if m[1] else m[2], text).encode()


def with_length(data):
    return len(data).to_bytes(2, "big") + data


def varint(n):
    out = bytearray()
    while True:
        out.append(n & 0x7F | (0x80 if n > 0x7F else 0))
        n >>= 7
        if not n:
            return bytes(out)


def tokens(text):
    at, out = 0, []
    while at < len(text):
        m = TOKEN.match(text, at)
        if not m:
            raise Wrong(f"not understood: {text[at:]}")
        at = m.end()
        if m.lastgroup and m.lastgroup != "comment":
            out.append((m.lastgroup, m[0]))
    return out


def tree(flat):
    """Nested lists for { } and N*( )."""
    stack, kinds = [[]], []
    for kind, text in flat:
        if text in ("{", "("):
            if text == "(":
                count = stack[-1].pop()
                if count[0] != "repeat":
                    raise Wrong("( only stands after N*")
                kinds.append(("times", int(count[1][:-1])))
            else:
                kinds.append(("braces", 0))
            stack.append([])
        elif text in ("}", ")"):
            inside, (kind, n) = stack.pop(), kinds.pop()
            stack[-1].append((kind, inside, n))
        else:
            stack[-1].append((kind, text))
    if len(stack) != 1:
        raise Wrong("brackets are not balanced")
    return stack[0]


def literal(kind, text, env, count=None):
    if kind == "hex":
        return bytes.fromhex(text)
    if kind == "string":
        return with_length(unescape(text[1:-1]))
    if kind == "raw":
        return unescape(text[1:-1])
    if kind == "repeat":
        n, byte = text.split("*")
        return bytes.fromhex(byte) * int(n)
    if kind == "word" and text == "$n" and count is not None:
        return count.to_bytes(2, "big")
    if kind == "word" and text[1:] in WORDS:
        return b"".join(with_length(w.encode()) for w in WORDS[text[1:]])
    if kind == "bind":
        name = re.match(r"@([a-z0-9]+)", text)[1]
        if name in env:
            return with_length(env[name]) if text.endswith("/s") else env[name]
        raise Wrong(f"{text} is not known yet")
    return None


def build(nodes, env, count=None):
    out = b""
    for node in nodes:
        if node[0] == "braces":
            inside = build(node[1], env, count)
            out += varint(len(inside)) + inside
        elif node[0] == "times":
            out += b"".join(build(node[1], env, i + 1) for i in range(node[2]))
        else:
            data = literal(node[0], node[1], env, count)
            if data is None:
                raise Wrong(f"{node[1]} has no place in what is sent")
            out += data
    return out


def read_varint(data, at):
    value = 0
    for i in range(4):
        if at + i >= len(data):
            raise Wrong("cut length")
        value |= (data[at + i] & 0x7F) << 7 * i
        if not data[at + i] & 0x80:
            if i and data[at + i] == 0:
                raise Wrong("length is not in its shortest form")
            return value, at + i + 1
    raise Wrong("length of more than four bytes")


def match(nodes, data, env, whole=True):
    """Raises Wrong unless data (the whole of it) fits; binds into env."""
    at = 0
    for node in nodes:
        if node[0] == "braces":
            n, at = read_varint(data, at)
            if at + n > len(data):
                raise Wrong("inner length is larger than the packet")
            match(node[1], data[at : at + n], env)
            at += n
        elif node == ("key", "~"):
            at = len(data)
        elif node == ("key", "ok"):
            if at < len(data) and data[at] != 0:
                raise Wrong(f"reason {data[at]:02x} instead of success")
            at = len(data)
        elif node[0] == "any":
            got = data[at : at + 1].hex()
            if not got or any(w not in ("?", g) for w, g in zip(node[1].lower(), got)):
                raise Wrong(f"at byte {at}: {got or 'end'}, not {node[1]}")
            at += 1
        elif node[0] == "bind":
            m = re.match(r"@([a-z0-9]+)(/s)?((?:![a-z0-9]+)*)$", node[1])
            n = 2
            if m[2]:
                n = int.from_bytes(data[at : at + 2], "big")
                at += 2
            got = data[at : at + n]
            at += n
            if len(got) < n or not m[2] and got == b"\0\0":
                raise Wrong(f"{node[1]}: {got.hex()}")
            if env.setdefault(m[1], got) != got:
                raise Wrong(f"{node[1]} is {env[m[1]].hex()}, came {got.hex()}")
            if any(env.get(o) == got for o in m[3].split("!")[1:]):
                raise Wrong(f"{node[1]}: {got.hex()} came before")
        else:
            want = literal(node[0], node[1], env)
            if want is None:
                raise Wrong(f"{node[1]} has no place in a pattern")
            if data[at : at + len(want)] != want:
                raise Wrong(f"at byte {at}: not {node[1]}")
            at += len(want)
    if whole and at != len(data):
        raise Wrong(f"{len(data) - at} bytes more than expected")


def found(nodes, data, env):
    for at in range(len(data)):
        trial = dict(env)
        try:
            match(nodes, data[at:], trial, whole=False)
        except Wrong:
            continue
        env.update(trial)
        return True
    return False


class Pattern:
    def __init__(self, text):
        flat, self.has, self.lacks, self.upto = tokens(text), [], [], None
        cut = next((i for i, t in enumerate(flat) if t[0] == "key" and t[1][:4] in ("has", "lack", "upto")), len(flat))
        self.nodes, rest = tree(flat[:cut]), flat[cut:]
        while rest:
            kind, rest = rest[0][1], rest[1:]
            n = next((i for i, t in enumerate(rest) if t[0] == "key"), len(rest))
            if kind.startswith("upto"):
                self.upto = int(kind[4:])
            else:
                (self.has if kind == "has" else self.lacks).append(tree(rest[:n]))
            rest = rest[n:]

    def check(self, packet, env):
        trial = dict(env)
        match(self.nodes, packet, trial)
        for nodes in self.has:
            if not found(nodes, packet, trial):
                raise Wrong("lacks " + " ".join(n[1] for n in nodes))
        for nodes in self.lacks:
            if found(nodes, packet, dict(trial)):
                raise Wrong("has " + " ".join(n[1] for n in nodes))
        if self.upto and len(packet) > self.upto:
            raise Wrong(f"{len(packet)} bytes are more than {self.upto}")
        env.update(trial)
