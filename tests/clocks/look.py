#!/usr/bin/python3
"""Looks at a running demo as people and devices do, on whatever day it runs: look.py [--says WORDS] [--until D/M] DEMO_DIR

Run under the demo's own clock. Weekdays and dates are judged by Python's calendar, not by the house's. `--until` waits
until the portal has that date, two and a half minutes at most.
"""
import argparse, datetime, html, json, os, re, select, socket, ssl, sys, time, urllib.request

VILLAGE = datetime.timezone(datetime.timedelta(hours=7))
WEEKDAYS = ["Thứ Hai", "Thứ Ba", "Thứ Tư", "Thứ Năm", "Thứ Sáu", "Thứ Bảy", "Chủ Nhật"]
DATE = re.compile("(%s) (\\d+)/(\\d+)/(\\d{4})" % "|".join(WEEKDAYS))
NOTICES = 8


def must(good, sentence):
    if not good:
        sys.exit("look.py: " + sentence)


def today():
    return datetime.datetime.now(VILLAGE).date()


def said(day):
    return "%s %d/%d/%d" % (WEEKDAYS[day.weekday()], day.day, day.month, day.year)


def said_by_portal(day):
    """The portal's own date: without a year, the moon's day follows."""
    return "%s %d/%d · " % (WEEKDAYS[day.weekday()], day.day, day.month)


def page(url):
    with urllib.request.urlopen(url, timeout=20) as answer:
        return html.unescape(answer.read().decode())


def days_of(text):
    """All dates of a text; each must be the weekday that it says it is."""
    days = []
    for found in DATE.finditer(text):
        day = datetime.date(int(found[4]), int(found[3]), int(found[2]))
        must(found[0] == said(day), "“%s” is not so: it is %s" % (found[0], said(day)))
        days.append(day)
    return days


def control(demo, path):
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(20)
        line.connect(demo["control"])
        line.sendall(("GET %s HTTP/1.0\r\nhost: control\r\n\r\n" % path).encode())
        answer = b"".join(iter(lambda: line.recv(65536), b""))
    return json.loads(answer.split(b"\r\n\r\n", 1)[1])


def until(seconds, sentence, good):
    end = time.monotonic() + seconds
    while not good():
        must(time.monotonic() < end, "not in %d s: %s" % (seconds, sentence))
        select.select([], [], [], 0.2)  # faketime breaks the absolute wait of time.sleep


def handshake(demo, url):
    """A device's view of a TLS door: is its certificate valid on this day?"""
    host, port = url.split("//")[1].strip("/").split(":")
    context = ssl.create_default_context(cafile=demo["ca"])
    with socket.create_connection((host, int(port)), 20) as plain, context.wrap_socket(plain, server_hostname=host):
        pass


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--says", default="", help="words that the portal's date must hold")
    args.add_argument("--until", default="", help="wait for this date, as 1/1")
    args.add_argument("dir")
    args = args.parse_args()
    demo = json.load(open(os.path.join(args.dir, "demo.json")))
    portal = demo["portal"]
    if args.until:
        arrived = lambda: "%d/%d" % (today().day, today().month) == args.until and said_by_portal(today()) in page(portal)
        until(150, "the portal says that it is " + args.until, arrived)
    first, now = page(portal), today()
    if now != today() or said_by_portal(now) not in first:
        first, now = page(portal), today()  # midnight was between the two
    must(said_by_portal(now) in first, "the portal does not say that today is " + said(now))
    must(args.says in first, "the portal does not say “%s”" % args.says)
    urgent = re.search('<section class="say warn[^"]*">(.*?)</section>', first, re.S)
    must(urgent and "Mưa lớn" in urgent[1], "the urgent notice does not stand first on the portal")

    titles = {}
    for path in sorted(set(re.findall('href="(/t/[^"?]+)', first + page(portal + "t")))):
        text = page(portal.rstrip("/") + path)
        titles[re.search("<h1[^>]*>(.*?)</h1>", text, re.S)[1].strip()] = days_of(text[text.index("<h1"):])
    must(len(titles) == NOTICES, "%d notices are up, not %d: %s" % (len(titles), NOTICES, ", ".join(titles)))
    days = lambda word: next(d for t, d in titles.items() if word in t)
    must(min(days("Mưa lớn")) < now, "the warning does not begin before today")
    must(max(days("Họp thôn")) > now, "the meeting does not lie ahead")
    must(min(days("Khám mắt")) < now, "the visit is not over")

    # With certificates of this run: devices, programs, the commune.
    for door in (demo["mqtt"]["tls"], demo["dashboard_tls"]):
        handshake(demo, door)
    until(30, "the commune has received everything", lambda: (lambda s: s["up"] and s["waiting"] == 0)(control(demo, "/status")["sync"]))
    red = [part for part in control(demo, "/status")["health"] if part[1] == "red"]
    must(not red, "the house says what is broken: %s" % red)
    print("%s: %d thông báo, tin khẩn đứng đầu, xã đã nhận đủ" % (said(now), len(titles)))


try:
    main()
except (OSError, ValueError, KeyError) as cause:
    sys.exit("look.py: the demo in %s does not answer as it should: %s" % (sys.argv[-1], cause))
