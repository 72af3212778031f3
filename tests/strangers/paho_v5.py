"""The checks of what only MQTT 5 has, for the judge that uses Eclipse Paho for Python."""

import time

from judging import TWENTY, check, fresh_topic
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions
from paho_peer import Peer, texts

PAIRS = [("b", "2"), ("a", "1"), ("b", "3"), ("ngõ", "Đình")]


def message_properties(v, tag):
    speaker, hearer, topic = Peer(v), Peer(v), fresh_topic()
    hearer.subscribe(topic, qos=2)
    for qos in (0, 1, 2):
        speaker.say(topic, "full", qos=qos, UserProperty=PAIRS, ResponseTopic=f"{topic}/trả lời", CorrelationData=b"\x00\xff7",
                    ContentType="text/plain", PayloadFormatIndicator=1, MessageExpiryInterval=60)
        heard = [one.properties for one in hearer.hear(1)]
        check(f"{tag} qos {qos} user properties in order", [PAIRS], [one.UserProperty for one in heard])
        check(f"{tag} qos {qos} response topic", [f"{topic}/trả lời"], [one.ResponseTopic for one in heard])
        check(f"{tag} qos {qos} correlation data", [b"\x00\xff7"], [one.CorrelationData for one in heard])
        check(f"{tag} qos {qos} content type", ["text/plain"], [one.ContentType for one in heard])
        check(f"{tag} qos {qos} payload format", [1], [one.PayloadFormatIndicator for one in heard])
        check(f"{tag} qos {qos} message expiry", [True], [55 < one.MessageExpiryInterval <= 60 for one in heard])
    speaker.say(topic, "kept", retain=True, UserProperty=PAIRS, ContentType="c")
    late = Peer(v)
    late.subscribe(topic)
    heard = [(one.properties.UserProperty, one.properties.ContentType) for one in late.hear(1)]
    check(f"{tag} retained keeps its properties", [(PAIRS, "c")], heard)
    late.say(topic, b"", retain=True)


def request_and_response(v, tag):
    asker, replier, base = Peer(v), Peer(v), fresh_topic()
    replier.subscribe(f"{base}/ask", qos=1)
    asker.subscribe(f"{base}/reply", qos=1)
    asker.say(f"{base}/ask", "how many", ResponseTopic=f"{base}/reply", CorrelationData=b"42")
    for asked in replier.hear(1):
        replier.say(asked.properties.ResponseTopic, "seven", CorrelationData=asked.properties.CorrelationData)
    heard = [(one.payload, one.properties.CorrelationData) for one in asker.hear(1)]
    check(f"{tag} request and response", [(b"seven", b"42")], heard)


def will_of_five(v, tag):
    witness, topic = Peer(v), fresh_topic()
    witness.subscribe(f"{topic}/#", qos=1)
    Peer(v, will=(topic, "died", 1, False), will_properties={"UserProperty": PAIRS, "ContentType": "w"}).cut()
    heard = [(one.properties.UserProperty, one.properties.ContentType) for one in witness.hear(1)]
    check(f"{tag} will properties", [(PAIRS, "w")], heard)
    leaver = Peer(v, will=(topic, "left with a will", 1, False))
    leaver.bye(reasoncode=ReasonCode(PacketTypes.DISCONNECT, "Disconnect with will message"))
    check(f"{tag} disconnect with will", ["left with a will"], texts(witness.hear(1)))

    returning = dict(will_properties={"WillDelayInterval": 1}, SessionExpiryInterval=30)
    back = Peer(v, will=(f"{topic}/back", "must not be heard", 1, False), **returning)
    gone = Peer(v, will=(f"{topic}/gone", "late", 1, False), **returning)
    back.cut()
    Peer(v, client_id=back.id, clean=False)
    gone.cut()
    died = time.monotonic()
    check(f"{tag} will delay: only of the one who stayed away", ["late"], texts(witness.hear(1)))
    check(f"{tag} will delay kept", True, 0.8 <= time.monotonic() - died <= 4)
    Peer(v, client_id=gone.id).bye()
    Peer(v, will=(topic, "session over", 1, False), will_properties={"WillDelayInterval": 60}).cut()
    check(f"{tag} will delay ends with the session", ["session over"], texts(witness.hear(1)))


def expiry(v, tag):
    """Both expiries at once, since they take real time."""
    speaker, topic = Peer(v), fresh_topic()
    short, long = Peer(v, clean=False, SessionExpiryInterval=1), Peer(v, clean=False, SessionExpiryInterval=60)
    long.subscribe(topic, qos=1)
    short.bye()
    long.bye()
    speaker.say(topic, "soon gone", MessageExpiryInterval=1)
    speaker.say(topic, "lasting", MessageExpiryInterval=60)
    time.sleep(2.3)
    check(f"{tag} session expired", False, Peer(v, client_id=short.id, clean=False).present())
    awake = Peer(v, client_id=long.id, clean=False)
    check(f"{tag} session not yet expired", True, awake.present())
    speaker.say(topic, "end")
    heard = awake.until()
    check(f"{tag} message expired while away", ["lasting"], texts(heard))
    check(f"{tag} message expiry counts down", [True], [one and 50 < one.properties.MessageExpiryInterval < 60 for one in heard])


def topic_alias(v, tag):
    speaker, hearer, topic = Peer(v), Peer(v), fresh_topic()
    check(f"{tag} topic alias offered", True, (speaker.granted("TopicAliasMaximum") or 0) >= 1)
    hearer.subscribe(f"{topic}/#", qos=2)
    for qos in (0, 1, 2):
        speaker.say(f"{topic}/đèn {qos}", "named", qos=qos, TopicAlias=1)
        speaker.say("", "by alias", qos=qos, TopicAlias=1)
        heard = [(one.topic, one.payload.decode()) for one in hearer.hear(2)]
        check(f"{tag} topic alias, qos {qos}", [(f"{topic}/đèn {qos}", "named"), (f"{topic}/đèn {qos}", "by alias")], heard)


def receive_maximum(v, tag):
    for qos in (1, 2):
        speaker, slow, topic = Peer(v), Peer(v, manual_ack=True, ReceiveMaximum=3), fresh_topic()
        slow.subscribe(topic, qos=qos)
        speaker.say(topic, *TWENTY, qos=qos)
        heard = slow.hear(3)
        slow.subscribe(f"{topic}/barrier")  # whatever the broker sent before its answer is here by now
        slow.subscribe(f"{topic}/barrier")
        check(f"{tag} receive maximum 3, qos {qos}", (3, 0), (len(heard), len(slow.messages)))
        slow.client.ack(heard[0].mid, qos)
        heard += slow.hear(1)
        slow.subscribe(f"{topic}/barrier")
        slow.subscribe(f"{topic}/barrier")
        check(f"{tag} receive maximum 3, qos {qos}, one acknowledged, one more", (4, 0), (len(heard), len(slow.messages)))
        for _ in TWENTY[4:]:
            slow.client.ack(heard[-3].mid, qos)
            heard += slow.hear(1)
        check(f"{tag} receive maximum 3, qos {qos}, the rest follows", TWENTY, texts(heard))


def subscription_identifiers(v, tag):
    speaker, hearer, topic = Peer(v), Peer(v), fresh_topic()
    hearer.subscribe(topic, qos=1, identifier=7)
    hearer.subscribe(f"{topic}/#", qos=1, identifier=268435455)
    hearer.subscribe(f"{topic}/none", qos=1)
    speaker.say(f"{topic}/x", "one")
    check(f"{tag} subscription identifier", [[268435455]], [one.properties.SubscriptionIdentifier for one in hearer.hear(1)])
    speaker.say(topic, "both")
    speaker.say(f"{topic}/x", "end")
    heard = hearer.until()
    identifiers = sorted(number for one in heard if one for number in one.properties.SubscriptionIdentifier)
    check(f"{tag} identifiers of overlapping filters", [7, 268435455], identifiers)


def subscribe_options(v, tag):
    peer, other, topic = Peer(v), Peer(v), fresh_topic()
    peer.subscribe(topic, qos=1, noLocal=True)
    peer.say(topic, "own")
    other.say(topic, "end")
    check(f"{tag} no local", [], texts(peer.until()))

    peer.subscribe(f"{topic}/as", qos=1, retainAsPublished=True)
    other.subscribe(f"{topic}/as", qos=1, retainAsPublished=False)
    peer.say(f"{topic}/as", "kept", retain=True)
    check(f"{tag} retain as published", [[True], [False]], [[one.retain for one in hearer.hear(1)] for hearer in (peer, other)])

    for handling, wanted in ((0, ["kept", "kept"]), (1, ["kept"]), (2, [])):
        late = Peer(v)
        late.subscribe(f"{topic}/end", qos=1)
        for _ in range(2):
            late.subscribe(f"{topic}/as", qos=1, retainHandling=handling)
        late.say(f"{topic}/end", "end")
        check(f"{tag} retain handling {handling}", wanted, texts(late.until()))
    peer.say(f"{topic}/as", b"", retain=True)


def reason_codes(v, tag):
    peer, topic = Peer(v), fresh_topic()
    nameless = Peer(v, client_id="")
    check(f"{tag} assigned client id", True, bool(nameless.granted("AssignedClientIdentifier")))
    mixed = [(f"{topic}/{qos}", SubscribeOptions(qos=qos)) for qos in (0, 1, 2)]
    answers = [code.value for code in peer.answered("sub", peer.client.subscribe(mixed)[1])]
    check(f"{tag} suback codes", [0, 1, 2], answers)
    check(f"{tag} unsuback codes", [[0], [17]], [peer.unsubscribe(f"{topic}/0"), peer.unsubscribe(f"{topic}/0")])
    check(f"{tag} puback, somebody listens", 0, peer.say(f"{topic}/1", "x").value)
    check(f"{tag} puback, nobody listens", True, peer.say(f"{topic}/nobody", "x").value in (0, 16))
    check(f"{tag} pubcomp", 0, peer.say(f"{topic}/2", "x", qos=2).value)


V5_GROUPS = [message_properties, request_and_response, will_of_five, expiry, topic_alias, receive_maximum,
             subscription_identifiers, subscribe_options, reason_codes]
