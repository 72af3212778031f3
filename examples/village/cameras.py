#!/usr/bin/python3
"""Test RTSP cameras: N night-street H.264 streams served by gst-rtsp-server.

    /usr/bin/python3 cameras.py --port 0 --count 4 [--user U --password PW [--auth basic|digest]]

First stdout line: {"port": P, "mounts": ["/cam-01", ...]}.  Exits on SIGTERM or when stdin reaches
EOF (so give it a pipe, not /dev/null).  Needs the system python (for gi), ffmpeg, street_clip.py.

Invariants
  * Each camera is a one-minute clip, encoded once into --cache and then only replayed: nothing is
    encoded or decoded while serving, and no timer runs while nobody watches.
  * The picture is a function of wall time: frame number = floor(unix time * 15), burnt in (see
    street_clip.py).  Looping never makes a timestamp jump; frames are exactly 1/15 s apart.
    Only the very first picture of a media is older, by up to 1 s: it is the last IDR.
  * A client that joins a watched mount gets it as it runs: up to 14 frames before its first IDR.
  * A media is never reusable: it dies with its last client and the next client gets a new one.
"""
import argparse, concurrent.futures, json, os, signal, sys, tempfile, time

import gi
gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer
import street_clip
from street_clip import FPS, FRAMES, GOP

STEP = Gst.SECOND // FPS
AUD = b"\x00\x00\x00\x01\x09"
LAUNCH = ("( appsrc name=src is-live=true format=time max-buffers=60 max-bytes=0 "
          "caps=video/x-h264,stream-format=byte-stream,alignment=au,width=640,height=360,framerate=15/1 "
          "! rtph264pay name=pay0 pt=96 config-interval=-1 )")


class Camera:
    """Feeds one mount's live media with the frames of its clip, by the wall clock."""

    def __init__(self, number, path):
        self.phase, self.frames, self.feeds = street_clip.phase(number), [], {}
        with open(path, "rb") as fh:
            units = fh.read().split(AUD)[1:]  # one access unit per delimiter
        if len(units) != FRAMES:
            sys.exit("%s: %d frames, want %d; delete it" % (path, len(units), FRAMES))
        for i, unit in enumerate(units):
            buf = Gst.Buffer.new_wrapped(AUD + unit)
            buf.duration = STEP
            if i % GOP:
                buf.set_flags(Gst.BufferFlags.DELTA_UNIT)
            self.frames.append(buf)

    def configure(self, _factory, media):
        src = media.get_element().get_by_name("src")
        self.feeds[media] = [src, None, 0]  # appsrc, next frame number, wall minus running time (ns)
        media.connect("unprepared", lambda m: self.feeds.pop(m, None))
        GLib.idle_add(Ticker.start)  # this is a client's thread, the ticker lives in the main one

    def tick(self):
        for media, feed in list(self.feeds.items()):
            src, nxt, offset = feed
            clock = src.get_clock()
            if clock is None or src.get_state(0)[1] != Gst.State.PLAYING:
                continue
            wall, running = time.time_ns(), clock.get_time() - src.get_base_time()
            now = wall * FPS // Gst.SECOND
            if nxt is None or abs(wall - running - offset) > STEP:  # first frame, or the clock was set
                offset, nxt = wall - running, self.next_key(now + 1)
                self.push(src, nxt - GOP, running)
            while nxt <= now:
                if now - nxt > GOP or src.props.current_level_buffers > 20:
                    nxt = self.next_key(now + 1)  # stalled, or not played yet: go on at an IDR, no backlog
                    break
                self.push(src, nxt, nxt * Gst.SECOND // FPS - offset)
                nxt += 1
            feed[1:] = [nxt, offset]

    def next_key(self, number):
        return number + (self.phase - number) % GOP

    def push(self, src, number, pts):
        buf = self.frames[(number - self.phase) % FRAMES].copy()  # shares the data
        buf.pts = buf.dts = pts
        src.emit("push-buffer", buf)


class Ticker:
    """One timer for all cameras at every 1/15 s of wall time; off while nobody watches."""
    cameras, running = [], False

    @classmethod
    def start(cls):
        if not cls.running:
            cls.running = True
            GLib.timeout_add(1, cls.tick)

    @classmethod
    def tick(cls):
        cls.running = any([c.feeds for c in cls.cameras])
        if cls.running:
            for camera in cls.cameras:
                camera.tick()
            due = (time.time_ns() * FPS // Gst.SECOND + 1) * Gst.SECOND // FPS
            GLib.timeout_add(max(0, due - time.time_ns()) // 1000000 + 1, cls.tick)
        return False


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--port", type=int, default=0)
    ap.add_argument("--count", type=int, default=1)
    ap.add_argument("--bind", default="127.0.0.1")
    ap.add_argument("--user")
    ap.add_argument("--password", default="")
    ap.add_argument("--auth", choices=("basic", "digest"), default="digest")
    ap.add_argument("--cache", default=os.path.join(tempfile.gettempdir(), "rtsp-test-clips-%d" % os.getuid()))
    args = ap.parse_args()
    Gst.init(None)
    os.makedirs(args.cache, mode=0o700, exist_ok=True)
    numbers = range(1, args.count + 1)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        paths = list(pool.map(lambda n: street_clip.make(n, args.cache), numbers))

    server = GstRtspServer.RTSPServer()
    server.set_address(args.bind)
    server.set_service(str(args.port))
    # One slow client must not hold up the others: a thread each, instead of one for all.
    threads = GstRtspServer.RTSPThreadPool()
    threads.set_max_threads(-1)
    server.set_thread_pool(threads)
    if args.user:
        auth, token = GstRtspServer.RTSPAuth(), GstRtspServer.RTSPToken()
        token.set_string("media.factory.role", "viewer")
        if args.auth == "basic":
            auth.add_basic(GstRtspServer.RTSPAuth.make_basic(args.user, args.password), token)
        else:
            auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
            auth.add_digest(args.user, args.password, token)
        server.set_auth(auth)
    mounts = []
    for n, path in zip(numbers, paths):
        camera = Camera(n, path)
        factory = GstRtspServer.RTSPMediaFactory()
        factory.set_launch(LAUNCH)
        factory.set_shared(True)
        factory.connect("media-configure", camera.configure)
        if args.user:
            factory.add_role_from_structure(Gst.Structure.new_from_string(
                "viewer,media.factory.access=(boolean)true,media.factory.construct=(boolean)true"))
        server.get_mount_points().add_factory("/cam-%02d" % n, factory)
        mounts.append("/cam-%02d" % n)
        Ticker.cameras.append(camera)
    if not server.attach(None):
        sys.exit("cannot listen on %s:%d" % (args.bind, args.port))
    loop = GLib.MainLoop()

    def on_stdin(fd, _condition):
        if not os.read(fd, 4096):
            loop.quit()
        return True

    GLib.io_add_watch(0, GLib.IOCondition.IN | GLib.IOCondition.HUP, on_stdin)
    GLib.unix_signal_add(GLib.PRIORITY_HIGH, signal.SIGTERM, loop.quit)
    GLib.timeout_add_seconds(5, lambda: server.get_session_pool().cleanup() or True)  # vanished clients
    print(json.dumps({"port": server.get_bound_port(), "mounts": mounts}), flush=True)
    loop.run()


if __name__ == "__main__":
    main()
