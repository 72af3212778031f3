#!/usr/bin/python3
"""An RTSP server whose cameras are odd, each in one way that is met in the field.

    /usr/bin/python3 odd_camera.py FOLDER

First stdout line: {"port": P}. Ends when stdin reaches EOF. Plays FOLDER/CLIP (Annex B; `.265` is H.265) to
rtsp://127.0.0.1:P/CLIP/BEHAVIOUR over TCP at 15 pictures a second, over and over; time stamps go on from round to
round. A behaviour is `name` or `name=number`; several are joined by `+`.

  plain           as it should be
  closes=S        the connection ends after S seconds
  bye=S           a goodbye (RTCP BYE) after S seconds, then nothing; the connection stands
  jitter=MS       time stamps are off by up to MS, back and forth
  stands          every picture has the same time stamp
  jump=S          after S seconds the clock is an hour ahead
  pace=PERCENT    the clock goes at so many percent
  stall=S         after S seconds nothing comes for six, then all at once
  skips           a packet's number is left out after each keyframe, and no packet
  deaf            requests after PLAY are never answered
  wrongseq        RTP-Info names a first packet that never comes
  nosets          the description holds no parameter sets
  onlysdp         the pictures hold none
  stopsets        the pictures hold theirs once, in the first
  garbage         slices hold nothing that can be decoded
  charset         the description's type has a parameter
"""
import asyncio, base64, json, os, struct, sys, time

FPS = 15


def bits(data):
    data = data.replace(b"\0\0\3", b"\0\0")
    return "".join(f"{b:08b}" for b in data[:24])


def golomb(text, at):
    zeros = text.index("1", at) - at
    return int(text[at + zeros:at + 2 * zeros + 1], 2) - 1, at + 2 * zeros + 1


class Clip:
    """Access units in the order of decoding, each with the place at which it is shown."""

    def __init__(self, path):
        self.h265 = path.endswith("265")
        nals = [n.rstrip(b"\0") for n in open(path, "rb").read().replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")[1:]]
        units, unit = [], []
        for nal in nals:
            k = self.kind(nal)
            slice_ = k < 32 if self.h265 else k in (1, 5)
            starts = slice_ and nal[2 if self.h265 else 1] & 0x80 or not slice_ and k in ((32, 33, 34, 35, 39) if self.h265 else (6, 7, 8, 9))
            if starts and any((self.kind(n) < 32) if self.h265 else self.kind(n) in (1, 5) for n in unit):
                units.append(unit)
                unit = []
            unit.append(nal)
        units.append(unit)
        self.units, self.sets = units, []
        for nal in nals:
            if self.is_set(nal) and nal not in self.sets:
                self.sets.append(nal)
        self.order = self.shown()

    def kind(self, nal):
        return nal[0] >> 1 & 63 if self.h265 else nal[0] & 31

    def is_set(self, nal):
        return self.kind(nal) in ((32, 33, 34) if self.h265 else (7, 8))

    def shown(self):
        """B pictures (never referred to) are shown before the picture that was sent before them."""
        b = [not self.h265 and self.is_b(u) for u in self.units]
        order, at = [0] * len(b), 0
        n = 0
        while n < len(b):
            run = 0
            while n + 1 + run < len(b) and b[n + 1 + run]:
                order[n + 1 + run] = at + run
                run += 1
            order[n] = at + run
            at += run + 1
            n += run + 1
        return order

    def is_b(self, unit):
        nal = next(n for n in unit if self.kind(n) in (1, 5))
        text = bits(nal[1:])
        _, at = golomb(text, 0)
        return golomb(text, at)[0] % 5 == 1

    def sdp(self, sets):
        fmtp = ""
        if sets:
            b64 = lambda nals: ",".join(base64.b64encode(n).decode() for n in nals)
            if self.h265:
                of = lambda k: b64([n for n in self.sets if self.kind(n) == k])
                fmtp = f"a=fmtp:96 sprop-vps={of(32)};sprop-sps={of(33)};sprop-pps={of(34)}\r\n"
            else:
                fmtp = f"a=fmtp:96 packetization-mode=1;sprop-parameter-sets={b64(self.sets)}\r\n"
        coding = "H265" if self.h265 else "H264"
        return f"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=odd\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\nc=IN IP4 0.0.0.0\r\na=rtpmap:96 {coding}/90000\r\n{fmtp}a=control:track1\r\n"

    def payloads(self, nal, most=1400):
        if len(nal) <= most:
            return [nal]
        head = 2 if self.h265 else 1
        out, rest = [], nal[head:]
        for at in range(0, len(rest), most):
            fu = (0x80 if at == 0 else 0) | (0x40 if at + most >= len(rest) else 0) | self.kind(nal)
            first = bytes([nal[0] & 0x81 | 49 << 1, nal[1]]) if self.h265 else bytes([nal[0] & 0xE0 | 28])
            out.append(first + bytes([fu]) + rest[at:at + most])
        return out


class Session:
    def __init__(self, clips, reader, writer):
        self.clips, self.reader, self.writer = clips, reader, writer
        self.seq, self.ssrc, self.playing = 1000, 0x1234, None

    def packet(self, payload, stamp, mark):
        head = struct.pack(">BBHII", 0x80, 96 | (0x80 if mark else 0), self.seq & 0xFFFF, stamp & 0xFFFFFFFF, self.ssrc)
        self.seq += 1
        return b"$\0" + struct.pack(">H", 12 + len(payload)) + head + payload

    async def play(self):
        odd, clip = self.odd, self.clip
        wobble = [0, 40, -30, 55, -55, 10, -20, 50]
        began, n, total = time.monotonic(), 0, len(clip.units)
        held, seen = b"", False
        while True:
            t = n / FPS
            await asyncio.sleep(max(0, began + t - time.monotonic()))
            if "closes" in odd and t >= odd["closes"]:
                return self.writer.close()
            if "bye" in odd and t >= odd["bye"]:
                self.writer.write(b"$\1\0\x08" + struct.pack(">BBHI", 0x81, 203, 1, self.ssrc))
                return
            at = (clip.order[n % total] + n // total * total) / FPS
            if "jitter" in odd:
                at += wobble[n % len(wobble)] * odd["jitter"] / 55000
            if "jump" in odd and t >= odd["jump"]:
                at += 3600
            stamp = 0 if "stands" in odd else int(at * 90000 * odd.get("pace", 100) / 100)
            nals = [x for x in clip.units[n % total] if not clip.is_set(x) or not ("onlysdp" in odd or "stopsets" in odd and seen)]
            if "garbage" in odd:
                nals = [x if clip.is_set(x) else x[:1] + b"\x88\x80" + b"\x04" * len(x) for x in nals]
            seen = True
            packets = [p for nal in nals for p in clip.payloads(nal)]
            data = b"".join(self.packet(p, 7000 + stamp, i == len(packets) - 1) for i, p in enumerate(packets))
            if "skips" in odd and any(clip.kind(x) == 5 for x in nals):
                self.seq += 1
            if "stall" in odd and odd["stall"] <= t < odd["stall"] + 6:
                held += data
            else:
                self.writer.write(held + data)
                held = b""
                await self.writer.drain()
            n += 1

    async def serve(self):
        try:
            while True:
                first = await self.reader.readexactly(1)
                if first == b"$":
                    head = await self.reader.readexactly(3)
                    await self.reader.readexactly(struct.unpack(">BH", head)[1])
                    continue
                text = (first + await self.reader.readuntil(b"\r\n\r\n")).decode()
                method, url = text.split()[:2]
                cseq = next(l.split(":")[1].strip() for l in text.split("\r\n") if l.lower().startswith("cseq"))
                parts = url.split("/", 3)[3].split("/") if url.count("/") > 2 else ["", ""]
                if method == "DESCRIBE":
                    self.path = "/".join(parts[:2])
                    self.clip = self.clips(parts[0])
                    self.odd = {k: int(v or 0) for k, _, v in (o.partition("=") for o in parts[1].split("+"))}
                more, body = "", ""
                if method == "DESCRIBE":
                    body = self.clip.sdp("nosets" not in self.odd)
                    more = f"Content-Base: {url}/\r\nContent-Type: application/sdp{';charset=utf-8' if 'charset' in self.odd else ''}\r\n"
                elif method == "SETUP":
                    more = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1234;timeout=10\r\n"
                elif method == "PLAY":
                    seq = self.seq + (30000 if "wrongseq" in self.odd else 0)
                    more = f"Session: 1234\r\nRTP-Info: url={url.rstrip('/')}/track1;seq={seq};rtptime=7000\r\n"
                elif method == "OPTIONS":
                    more = "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER\r\n"
                if self.playing and "deaf" in self.odd:
                    continue
                if body:
                    more += f"Content-Length: {len(body)}\r\n"
                self.writer.write(f"RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\n{more}\r\n{body}".encode())
                if method == "PLAY":
                    self.playing = asyncio.create_task(self.play())
                if method == "TEARDOWN":
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            if self.playing:
                self.playing.cancel()
            self.writer.close()


async def main():
    folder, known = sys.argv[1], {}

    def clip(name):
        if name not in known:
            known[name] = Clip(os.path.join(folder, name))
        return known[name]

    server = await asyncio.start_server(lambda r, w: Session(clip, r, w).serve(), "127.0.0.1", 0)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    os._exit(0)


asyncio.run(main())
