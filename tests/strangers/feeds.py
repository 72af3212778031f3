#!/usr/bin/env python3
"""The village's feeds before programs of others: feedparser reads the RSS as readers do, the schema of JSON Feed judges the other.

BASE is the portal's address, TITLES the titles of the notices that must be there, one a line, the newest first.
"""

import copy
import json
import os
import urllib.request

import feedparser
import jsonschema
from jsonfeedvalidator.validator import SCHEMA

import judging
from judging import check

BASE = os.environ["BASE"]
TITLES = os.environ["TITLES"].split("\n")


def fetch(path):
    with urllib.request.urlopen(BASE + path, timeout=judging.BOUND) as answer:
        return answer.headers.get_content_type(), answer.read()


kind, rss = fetch("/feed.xml")
check("RSS: its type", "application/rss+xml", kind)
feed = feedparser.parse(rss)
check("RSS: whole and strictly XML", "False", str(bool(feed.bozo)))
check("RSS: its version", "rss20", feed.version)
check("RSS: its language", "vi", feed.feed.get("language"))
check("RSS: its titles, in order", TITLES, [entry.title for entry in feed.entries])
check("RSS: its own address", True, any(link.rel == "self" and link.href.endswith("/feed.xml") for link in feed.feed.links))
check("RSS: the feed has title, link and words", True, all(feed.feed.get(part) for part in ("title", "link", "subtitle")))
for entry in feed.entries:
    own, short = (fetch(link[link.index("/t/"):])[1] for link in (entry.id, entry.link))
    check(f"RSS: {entry.title}: its id opens its page", True, own == short and len(entry.link) < len(entry.id))
    check(f"RSS: {entry.title}: a moment", True, bool(entry.get("published_parsed")))
    check(f"RSS: {entry.title}: no markup that runs", False, any(tag in entry.summary.lower() for tag in ("<script", "onerror", "javascript:")))
check("RSS: ids are different", len(TITLES), len({entry.id for entry in feed.entries}))
moments = [entry.published_parsed for entry in feed.entries]
check("RSS: the newest first", sorted(moments, reverse=True), moments)

kind, text = fetch("/feed.json")
check("JSON: its type", "application/feed+json", kind)
told = json.loads(text)
check("JSON: its version", "https://jsonfeed.org/version/1.1", told["version"])
# The schema is that of version 1.0; what 1.1 added to it and we use is the language.
first = copy.deepcopy(told)
check("JSON: its language", "vi", first.pop("language", None))
judge = jsonschema.Draft4Validator(SCHEMA, format_checker=jsonschema.Draft4Validator.FORMAT_CHECKER)
check("JSON: the schema finds no fault", [], [f"{list(fault.path)}: {fault.message}" for fault in judge.iter_errors(first)])
wrong = {**first, "items": [{"content_text": "x"}]}
check("JSON: the schema does find one", False, judge.is_valid(wrong))
check("JSON: the same notices", [(entry.title, entry.link) for entry in feed.entries], [(item["title"], item["url"]) for item in told["items"]])

judging.finish()
