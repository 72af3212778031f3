#!/usr/bin/python3
"""Draws the clips that cameras.py replays, and reads the clock burnt into them.

    ffmpeg ... -pix_fmt gray -f rawvideo - | python3 street_clip.py     one JSON line per frame

Invariants
  * A clip is one minute of H.264 Annex B: 640x360, 15 fps, baseline, IDR every 15th frame, no B frames,
    SPS and PPS before every IDR, one slice and one access unit delimiter per frame.
  * What moves does so a whole number of times per minute: the end of the clip fits its beginning.
  * The bottom 16 rows are 40 square cells, white = 1, most significant first: 0-3 = 1010,
    4-15 = frame number mod 900, 16-23 = camera number mod 256, 24 = even parity of 4-23, rest black.
  * Frame numbers count 1/15 s of wall time; frame i of a clip is number i + phase(camera).
"""
import json, os, random, subprocess, sys, tempfile

W, H, FPS, GOP, FRAMES, CELL = 640, 360, 15, 15, 900, 16
VERSION = 1  # part of the cached file's name: raise it when a clip would come out different


def phase(camera):
    """Frames by which a camera's IDRs trail the full second, so that they do not all come at once."""
    return camera * 4 % GOP


def clock_bits(number, camera):
    bits = "{:012b}{:08b}".format(number % FRAMES, camera % 256)
    return "1010" + bits + str(bits.count("1") % 2)


def read_clock(gray):
    """(frame number mod 900, camera) of one W*H picture of 8-bit luma, None if it holds no clock."""
    row = gray[(H - CELL // 2) * W:][:W]
    bits = "".join("1" if row[x] > 127 else "0" for x in range(CELL // 2, W, CELL))
    number, camera = int(bits[4:16], 2), int(bits[16:24], 2)
    return (number, camera) if bits == clock_bits(number, camera).ljust(40, "0") else None


def rect(px, x, y, w, h, rgb):
    x0, x1 = max(0, x), min(W, x + w)
    if x1 > x0:
        line = bytes(rgb) * (x1 - x0)
        for row in range(max(0, y), min(H, y + h)):
            px[(row * W + x0) * 3:(row * W + x1) * 3] = line


def background(rng):
    """Sky, houses with lit windows, pavement, road, street lamps."""
    px = bytearray(W * H * 3)
    for y in range(215):
        rect(px, 0, y, W, 1, (8 + y // 20, 10 + y // 18, 24 + y // 12))
    x = 0
    while x < W:
        w, top, tone = rng.randint(60, 120), rng.randint(20, 110), rng.randint(16, 30)
        rect(px, x, top, w, 215 - top, (tone, tone, tone + 4))
        for wx in range(x + 8, x + w - 12, 18):
            for wy in range(top + 10, 185, 22):
                if rng.random() < 0.3:
                    rect(px, wx, wy, 9, 12, (rng.randint(140, 210), 125, 60))
        x += w
    rect(px, 0, 215, W, 25, (52, 50, 48))
    rect(px, 0, 240, W, H - 240, (34, 34, 37))
    for x in range(rng.randint(0, 40), W, 80):
        rect(px, x, 288, 36, 4, (120, 120, 112))
    for lamp in range(rng.randint(30, 90), W, 170):
        rect(px, lamp - 2, 120, 4, 102, (26, 26, 26))
        for y in range(60, 260):
            for x in range(max(0, lamp - 75), min(W, lamp + 75)):
                d2 = (x - lamp) ** 2 + (y - 122) ** 2 * (1 if y < 122 else 0.3)
                if d2 < 5600:
                    glow, i = 2200 / (d2 + 14) * (1 - d2 / 5600), (y * W + x) * 3
                    for c, k in enumerate((1.0, 0.8, 0.45)):
                        px[i + c] = min(255, px[i + c] + int(glow * k))
    return px


# Rectangles (x, y, w, h, colour) of a thing heading east; colour None is the thing's own.
CAR = (30, 130, ((128, 20, 52, 10, (74, 72, 58)), (36, 10, 90, 16, None), (58, 0, 50, 10, None),
                 (62, 2, 42, 8, (16, 20, 28)), (50, 22, 16, 8, (6, 6, 6)), (98, 22, 16, 8, (6, 6, 6)),
                 (120, 13, 7, 6, (255, 250, 220)), (35, 13, 4, 6, (230, 30, 30))))
MAN = (34, 12, ((2, 8, 8, 17, None), (3, 0, 6, 7, (160, 132, 112)), (3, 25, 6, 9, (26, 26, 32))))


class Mover:
    def __init__(self, shape, y, west, laps, colour, start):
        (_, _, self.parts), self.y, self.west = shape, y, west
        self.span, self.laps, self.colour, self.start = W + 360, laps, colour, start

    def draw(self, px, i):
        at = int(self.start + self.span * self.laps * i / FRAMES) % self.span - 180
        for x, y, w, h, colour in self.parts:
            rect(px, W - at - x - w if self.west else at + x, self.y + y, w, h, colour or self.colour)


def movers(rng):
    paint = [(96, 32, 32), (36, 52, 92), (112, 112, 116), (44, 76, 52), (138, 132, 104), (70, 64, 60)]
    for k in range(4):
        yield Mover(MAN, 188 + 6 * k, k % 2, rng.choice((1, 1, 2)), rng.choice(paint), rng.randrange(1000))
    for west, y in ((False, 250), (True, 306)):
        for laps in rng.sample(range(4, 10), 2):
            yield Mover(CAR, y, west, laps, rng.choice(paint), rng.randrange(1000))


def make(camera, folder):
    """Path of the camera's clip in folder, drawn and encoded now unless it is there already."""
    path = os.path.join(folder, "street-v%d-%03d.h264" % (VERSION, camera))
    if os.path.exists(path):
        return path
    rng = random.Random(camera)
    still, things = background(rng), list(movers(rng))
    with tempfile.TemporaryDirectory(dir=folder) as tmp:
        out = os.path.join(tmp, "clip.h264")
        enc = subprocess.Popen(
            ["ffmpeg", "-v", "error", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", "%dx%d" % (W, H),
             "-framerate", str(FPS), "-i", "-", "-vf",
             "format=yuv420p,noise=c0s=7:c0f=t", "-c:v", "libx264", "-profile:v", "baseline",
             "-preset", "ultrafast", "-tune", "zerolatency", "-bf", "0",
             "-b:v", "400k", "-maxrate", "440k", "-bufsize", "440k", "-threads", "1", "-x264-params",
             "scenecut=0:keyint=%d:min-keyint=%d:slices=1:aud=1:repeat-headers=1" % (GOP, GOP),
             "-f", "h264", out], stdin=subprocess.PIPE, stdout=sys.stderr)
        with enc.stdin:
            for i in range(FRAMES):
                px = bytearray(still)
                for thing in things:
                    thing.draw(px, i)
                rect(px, 0, H - CELL, W, CELL, (0, 0, 0))
                for k, bit in enumerate(clock_bits(i + phase(camera), camera)):
                    if bit == "1":
                        rect(px, k * CELL, H - CELL, CELL, CELL, (255, 255, 255))
                enc.stdin.write(px)
        if enc.wait():
            raise RuntimeError("ffmpeg could not encode the clip of camera %d" % camera)
        os.rename(out, path)
    return path


if __name__ == "__main__":
    while len(frame := sys.stdin.buffer.read(W * H)) == W * H:
        print(json.dumps(read_clock(frame)), flush=True)
