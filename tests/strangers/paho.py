"""Judges a broker with a foreign client library: Eclipse Paho for Python (threads).

Everything runs for MQTT 3.1.1 and for MQTT 5; MQTT 3.1 gets a plain round trip.
The target comes from the environment: HOST, PORT, TLS_PORT, WS_PORT, WSS_PORT, CA, USER_NAME, USER_SECRET.
A door whose port is not given is skipped. Exit code 0 only if no check failed.
"""

import os
import sys

# This file carries the name of the library: its own folder goes last, or `import paho` would find this very file.
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or ".") != HERE] + [HERE]
sys.dont_write_bytecode = True

from judging import MEBIBYTE, RUN, TWENTY, broke, check, finish, fresh_topic, open_doors  # noqa: E402
from paho_peer import V5, V31, V311, Peer, texts  # noqa: E402
from paho_v5 import V5_GROUPS  # noqa: E402


def doors(v, tag):
    for door in open_doors(tag):
        try:
            through_door(v, tag, door)
        except Exception as error:
            broke(f"{tag} {door}", error)


def through_door(v, tag, door):
    peer, topic = Peer(v, door=door), fresh_topic()
    check(f"{tag} {door} subscribe", [2], peer.subscribe(topic, qos=2))
    for qos in (0, 1, 2):
        peer.say(topic, *TWENTY, qos=qos)
        check(f"{tag} {door} qos {qos}", [(n, qos) for n in TWENTY], [(one.payload.decode(), one.qos) for one in peer.hear(20)])
    for qos in (0, 1, 2) if door == "plain" else (1,):
        peer.say(topic, MEBIBYTE, qos=qos)
        check(f"{tag} {door} 1 MiB qos {qos}", [(True, qos)], [(one.payload == MEBIBYTE, one.qos) for one in peer.hear(1)])


def order(v, tag):
    speaker, hearer = Peer(v), Peer(v)
    for sent in (0, 1, 2):
        for granted in (0, 1, 2):
            topic = fresh_topic()
            check(f"{tag} suback {granted} (sent {sent})", [granted], hearer.subscribe(topic, qos=granted))
            speaker.say(topic, *TWENTY, qos=sent)
            heard = [(one.payload.decode(), one.qos) for one in hearer.hear(20)]
            check(f"{tag} 20 in order, sent {sent} granted {granted}", [(n, min(sent, granted)) for n in TWENTY], heard)


def topics(v, tag):
    peer, base = Peer(v), fresh_topic()
    peer.subscribe(f"{base}/đèn/ngõ Đình", qos=1)
    peer.say(f"{base}/đèn/ngõ Đình", "sáng")
    check(f"{tag} vietnamese topic", [f"{base}/đèn/ngõ Đình"], [one.topic for one in peer.hear(1)])
    peer.subscribe(f"{base}/phố/+/đèn", f"{base}/chợ/#", qos=1)
    for spoken in ("phố/Huế/đèn", "phố/Huế/quạt", "chợ", "chợ/Đồng Xuân/a", "phố/Huế/x/đèn"):
        peer.say(f"{base}/{spoken}", spoken)
    peer.say(f"{base}/chợ", "end")
    check(f"{tag} wildcards", ["phố/Huế/đèn", "chợ", "chợ/Đồng Xuân/a"], texts(peer.until()))
    peer.unsubscribe(f"{base}/đèn/ngõ Đình")
    peer.say(f"{base}/đèn/ngõ Đình", "tối")
    peer.say(f"{base}/chợ", "end")
    check(f"{tag} unsubscribed", [], texts(peer.until()))
    many = [f"{base}/lọc/{number}" for number in range(300)]
    check(f"{tag} 300 filters granted", [1] * 300, peer.subscribe(*many, qos=1))
    for number in (0, 150, 299):
        peer.say(many[number], str(number))
    check(f"{tag} 300 filters heard", ["0", "150", "299"], texts(peer.hear(3)))
    everything = Peer(v)
    check(f"{tag} $SYS granted", [0], everything.subscribe("$SYS/#"))
    everything.unsubscribe("$SYS/#")
    everything.subscribe("#", qos=1)
    with everything.changed:
        everything.messages.clear()
    everything.say(f"$part/{base}", "hidden")
    everything.say(base, f"end {RUN}")
    heard = everything.until(f"end {RUN}")
    check(f"{tag} # leaves out $ topics", [], [one and one.topic for one in heard if not one or one.topic[0] == "$"])
    everything.bye()


def will(v, tag):
    witness, topic = Peer(v), fresh_topic()
    witness.subscribe(topic, qos=2)
    for qos in (0, 1, 2):
        Peer(v, will=(topic, f"died {qos}", qos, False)).cut()
        check(f"{tag} will qos {qos} heard", [(f"died {qos}", qos)], [(one.payload.decode(), one.qos) for one in witness.hear(1)])
    polite = Peer(v, will=(topic, "must not be heard", 1, False))
    polite.bye()
    Peer(v, client_id=polite.id).bye()  # once the same id is in again, the broker is done with the earlier connection
    witness.say(topic, "end")
    check(f"{tag} will silent after a polite end", [], texts(witness.until()))
    Peer(v, will=(topic, "kept will", 1, True)).cut()
    witness.hear(1)
    late = Peer(v)
    late.subscribe(topic, qos=1)
    check(f"{tag} retained will", [("kept will", True)], [(one.payload.decode(), one.retain) for one in late.hear(1)])
    late.say(topic, b"", retain=True)


def retained(v, tag):
    speaker, live, topic = Peer(v), Peer(v), fresh_topic()
    live.subscribe(topic, qos=1)
    speaker.say(topic, "first", "second", retain=True)
    check(f"{tag} retained to a live one", [("first", False), ("second", False)],
          [(one.payload.decode(), one.retain) for one in live.hear(2)])
    for qos in (0, 1):
        late = Peer(v)
        late.subscribe(topic, qos=qos)
        check(f"{tag} retained to a late one, qos {qos}", [("second", True, qos)],
              [(one.payload.decode(), one.retain, one.qos) for one in late.hear(1)])
    speaker.say(topic, b"", retain=True)
    later = Peer(v)
    later.subscribe(topic, qos=1)
    later.say(topic, "end")
    check(f"{tag} retained cleared", [], texts(later.until()))


def session(v, tag):
    kept = {"SessionExpiryInterval": 60} if v == V5 else {}
    speaker, base = Peer(v), fresh_topic()
    sleeper = Peer(v, clean=False, **kept)
    check(f"{tag} session new", False, sleeper.present())
    sleeper.subscribe(f"{base}/+", qos=2)
    sleeper.bye()
    for qos in (1, 2):
        speaker.say(f"{base}/{qos}", *TWENTY, qos=qos)
    awake = Peer(v, client_id=sleeper.id, clean=False, **kept)
    check(f"{tag} session present", True, awake.present())
    heard = [(one.payload.decode(), one.qos) for one in awake.hear(40)]
    for qos in (1, 2):
        check(f"{tag} qos {qos} said while away", [(n, qos) for n in TWENTY], [one for one in heard if one[1] == qos])
    awake.bye()  # so that its last answers are out
    deaf = Peer(v, client_id=sleeper.id, clean=False, manual_ack=True, **kept)
    speaker.say(f"{base}/1", "again")
    check(f"{tag} heard, not acknowledged", [("again", False)], [(one.payload.decode(), one.dup) for one in deaf.hear(1)])
    deaf.cut()
    again = Peer(v, client_id=sleeper.id, clean=False, **kept)
    check(f"{tag} sent again as a duplicate", [("again", True)], [(one.payload.decode(), one.dup) for one in again.hear(1)])
    taken = Peer(v, client_id=sleeper.id, clean=True)
    check(f"{tag} clean start finds nothing", False, taken.present())
    check(f"{tag} taken over", True, bool(again.wait(lambda: again.ended)))
    if v == V5:
        check(f"{tag} taken over reason", 142, again.ended[0].value)
    taken.subscribe(f"{base}/sentinel", qos=1)
    speaker.say(f"{base}/1", "to nobody")
    speaker.say(f"{base}/sentinel", "end")
    check(f"{tag} clean start has no subscription", [], texts(taken.until()))
    taken.bye()


def shared(v, tag):
    for qos in (0, 1, 2):
        speaker, topic, members = Peer(v), fresh_topic(), [Peer(v), Peer(v)]
        for member in members:
            member.subscribe(f"$share/g/{topic}/#", qos=qos)
            member.subscribe(f"{topic}-all", qos=qos)
        speaker.say(f"{topic}/x", *TWENTY, qos=qos)
        speaker.wait(lambda: sum(len(member.messages) for member in members) >= 20)
        speaker.say(f"{topic}-all", "end", qos=qos)
        heard = [texts(member.until()) for member in members]
        check(f"{tag} shared qos {qos}, each to one", TWENTY, sorted(str(one) for one in heard[0] + heard[1]))
        check(f"{tag} shared qos {qos}, members in order", heard, [sorted(map(str, one)) for one in heard])


def refusals(v, tag):
    code = Peer(v, secret="wrong", refused_ok=True).code()
    check(f"{tag} wrong secret refused", True, code in (134, 135))  # the library maps the codes of 3.1.1 to those of 5


def v31(v, tag):
    for qos in (0, 1, 2):
        peer, topic = Peer(v), fresh_topic()
        check(f"{tag} suback {qos}", [qos], peer.subscribe(topic, qos=qos))
        peer.say(topic, *TWENTY, qos=qos)
        check(f"{tag} 20 in order, qos {qos}", TWENTY, texts(peer.hear(20)))
        peer.bye()


def main():
    both = [order, topics, will, retained, session, shared, refusals]
    for v, tag, groups in ((V31, "v31", [v31]), (V311, "v311", [doors, *both]), (V5, "v5", [doors, *both, *V5_GROUPS])):
        for group in groups:
            try:
                group(v, tag)
            except Exception as error:
                broke(f"{tag} {group.__name__}", error)
            finally:
                Peer.close_all()
    finish()


if __name__ == "__main__":
    main()
