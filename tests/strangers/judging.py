"""What the judges written in Python share: the target, names that nobody else uses, and the lines they print."""

import os
import secrets
import sys
import traceback

BOUND = 5.0  # seconds to wait for anything
RUN = secrets.token_hex(4)  # makes topics and client ids of this run unique
TWENTY = [f"{number:02}" for number in range(20)]
MEBIBYTE = secrets.token_bytes(1 << 20)

HOST = os.environ.get("HOST", "127.0.0.1")
CA = os.environ.get("CA")
USER_NAME = os.environ.get("USER_NAME")
USER_SECRET = os.environ.get("USER_SECRET")
DOORS = {  # name: port, transport, TLS
    "plain": (os.environ.get("PORT"), "tcp", False),
    "tls": (os.environ.get("TLS_PORT"), "tcp", True),
    "ws": (os.environ.get("WS_PORT"), "websockets", False),
    "wss": (os.environ.get("WSS_PORT"), "websockets", True),
}
USUAL_DOOR = next((door for door, (port, _, tls) in DOORS.items() if port and (CA or not tls)), None)

counts = {"checks": 0, "failed": 0, "fresh": 0}


def fresh():
    """A client id that is new in this run; short enough for MQTT 3.1 (23 bytes)."""
    counts["fresh"] += 1
    return f"{RUN}p{counts['fresh']}"


def fresh_topic():
    return f"t/{fresh()}"


def check(name, expected, came):
    counts["checks"] += 1
    if came == expected:
        print(f"ok {name}", flush=True)
    else:
        failed(name, f"expected {str(expected)[:300]}, came {str(came)[:300]}")


def failed(name, what):
    counts["failed"] += 1
    print(f"FAILED {name}: {what}", flush=True)


def broke(name, error):
    """A group of checks ended early: one failed check."""
    counts["checks"] += 1
    where = traceback.extract_tb(error.__traceback__)[1:2]
    lines = "".join(f" (line {frame.lineno})" for frame in where)
    failed(name, f"expected to reach the end, came {type(error).__name__}: {error}{lines}")


def open_doors(tag):
    for door, (port, _, tls) in DOORS.items():
        if not port or (tls and not CA):
            print(f"- skip {tag} {door}: no port or no CA given", flush=True)
        else:
            yield door


def finish():
    print(f"{counts['checks']} checks, {counts['failed']} failed", flush=True)
    sys.exit(1 if counts["failed"] or not counts["checks"] else 0)
