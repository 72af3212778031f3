"""Judges a broker with a foreign client library: aiomqtt (asyncio).

Everything runs for MQTT 3.1.1 and for MQTT 5.
The target comes from the environment: HOST, PORT, TLS_PORT, WS_PORT, WSS_PORT, CA, USER_NAME, USER_SECRET.
A door whose port is not given is skipped. Exit code 0 only if no check failed.
"""

import asyncio
import contextlib
import os
import socket
import sys
import time

# A neighbour file is called paho.py: this folder goes last, or the library would find that file as its own need.
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or ".") != HERE] + [HERE]
sys.dont_write_bytecode = True

import aiomqtt  # noqa: E402
from aiomqtt import ProtocolVersion  # noqa: E402
from judging import (  # noqa: E402
    BOUND, CA, DOORS, HOST, MEBIBYTE, TWENTY, USER_NAME, USER_SECRET, USUAL_DOOR,
    broke, check, finish, fresh, fresh_topic, open_doors,
)
from paho.mqtt.packettypes import PacketTypes  # noqa: E402
from paho.mqtt.properties import Properties  # noqa: E402
from paho.mqtt.subscribeoptions import SubscribeOptions  # noqa: E402

V311, V5 = ProtocolVersion.V311, ProtocolVersion.V5
PAIRS = [("b", "2"), ("a", "1"), ("b", "3"), ("ngõ", "Đình")]


def properties(packet, values):
    made = Properties(packet)
    for name, value in values.items():
        setattr(made, name, value)
    return made


class Client(aiomqtt.Client):
    """Also remembers what the library drops from the broker's CONNACK."""

    def _on_connect(self, client, userdata, flags, reason_code, properties=None):
        self.present, self.granted = flags.session_present, properties
        super()._on_connect(client, userdata, flags, reason_code, properties)


class Peer:
    """One connection. `async with group.peer(...)` would nest deeply, so the group's exit stack closes it."""

    def __init__(self, v, client_id=None, clean=True, door=USUAL_DOOR, will=None, secret=None, **connect_properties):
        port, transport, tls = DOORS[door]
        self.v, self.id = v, fresh() if client_id is None else client_id
        for_version = {"clean_session": clean}
        if v == V5:
            for_version = {"clean_start": clean, "properties": properties(PacketTypes.CONNECT, connect_properties)}
        self.client = Client(
            HOST, int(port), username=USER_NAME, password=secret or USER_SECRET, identifier=self.id, protocol=v, will=will,
            transport=transport, websocket_path="/mqtt" if transport == "websockets" else None,
            tls_params=aiomqtt.TLSParameters(ca_certs=CA) if tls else None, timeout=BOUND, **for_version)
        self.client.pending_calls_threshold = 1000
        self.ended = False

    async def enter(self):
        await self.client.__aenter__()
        return self

    async def bye(self):
        if not self.ended:
            self.ended = True
            await self.client.__aexit__(None, None, None)

    async def cut(self):
        """Dies without a DISCONNECT."""
        self.ended = True
        self.client._client.socket().shutdown(socket.SHUT_RDWR)
        await self.lost()

    async def lost(self):
        await asyncio.wait([self.client._disconnected], timeout=BOUND)
        return self.client._disconnected.done() and self.client._disconnected.exception() is not None

    async def subscribe(self, *filters, qos=0, identifier=None, **options):
        if self.v == V5:
            wanted = [(one, SubscribeOptions(qos=qos, **options)) for one in filters]
            made = properties(PacketTypes.SUBSCRIBE, {"SubscriptionIdentifier": identifier} if identifier else {})
            return [code.value for code in await self.client.subscribe(wanted, properties=made)]
        return [code.value for code in await self.client.subscribe([(one, qos) for one in filters])]

    async def say(self, topic, *payloads, qos=1, retain=False, **values):
        made = properties(PacketTypes.PUBLISH, values) if self.v == V5 else None
        await asyncio.gather(*[self.client.publish(topic, one, qos, retain, made) for one in payloads])

    async def hear(self, count, last=None):
        """`count` messages, or fewer if they do not come within the bound, or if the payload `last` comes."""
        heard = []
        with contextlib.suppress(asyncio.TimeoutError):
            async with asyncio.timeout(BOUND):
                async for message in self.client.messages:
                    heard.append(message)
                    if len(heard) == count or message.payload == last:
                        break
        return heard

    async def until(self, last=b"end"):
        """All messages up to the one with the payload `last`, which is left out."""
        heard = await self.hear(None, last)
        return heard[:-1] if heard and heard[-1].payload == last else [*heard, None]


class Group:
    """The connections of one group of checks."""

    def __init__(self, v):
        self.v, self.peers = v, []

    async def peer(self, **arguments):
        self.peers.append(await Peer(self.v, **arguments).enter())
        return self.peers[-1]

    async def close(self):
        for peer in reversed(self.peers):
            with contextlib.suppress(aiomqtt.MqttError):
                await peer.bye()


def texts(messages):
    return [one and one.payload.decode() for one in messages]


async def doors(g, tag):
    for door in open_doors(tag):
        try:
            await through_door(g, tag, door)
        except Exception as error:
            broke(f"{tag} {door}", error)


async def through_door(g, tag, door):
    peer, topic = await g.peer(door=door), fresh_topic()
    check(f"{tag} {door} subscribe", [2], await peer.subscribe(topic, qos=2))
    for qos in (0, 1, 2):
        await peer.say(topic, *TWENTY, qos=qos)
        check(f"{tag} {door} qos {qos}", [(n, qos) for n in TWENTY], [(one.payload.decode(), one.qos) for one in await peer.hear(20)])
    await peer.say(topic, MEBIBYTE)
    check(f"{tag} {door} 1 MiB", [(True, 1)], [(one.payload == MEBIBYTE, one.qos) for one in await peer.hear(1)])


async def order(g, tag):
    speaker, hearer = await g.peer(), await g.peer()
    for sent in (0, 1, 2):
        for granted in (0, 1, 2):
            topic = fresh_topic()
            check(f"{tag} suback {granted} (sent {sent})", [granted], await hearer.subscribe(topic, qos=granted))
            await speaker.say(topic, *TWENTY, qos=sent)
            heard = [(one.payload.decode(), one.qos) for one in await hearer.hear(20)]
            check(f"{tag} 20 in order, sent {sent} granted {granted}", [(n, min(sent, granted)) for n in TWENTY], heard)


async def topics(g, tag):
    peer, base = await g.peer(), fresh_topic()
    await peer.subscribe(f"{base}/đèn/ngõ Đình", f"{base}/phố/+/đèn", f"{base}/chợ/#", qos=1)
    for spoken in ("đèn/ngõ Đình", "phố/Huế/đèn", "phố/Huế/quạt", "chợ", "chợ/Đồng Xuân/a"):
        await peer.say(f"{base}/{spoken}", spoken)
    await peer.say(f"{base}/chợ", "end")
    heard = [str(one.topic).removeprefix(f"{base}/") for one in await peer.until()]
    check(f"{tag} vietnamese topics and wildcards", ["đèn/ngõ Đình", "phố/Huế/đèn", "chợ", "chợ/Đồng Xuân/a"], heard)
    await peer.client.unsubscribe(f"{base}/đèn/ngõ Đình")
    await peer.say(f"{base}/đèn/ngõ Đình", "tối")
    await peer.say(f"{base}/chợ", "end")
    check(f"{tag} unsubscribed", [], texts(await peer.until()))
    many = [f"{base}/lọc/{number}" for number in range(300)]
    check(f"{tag} 300 filters granted", [1] * 300, await peer.subscribe(*many, qos=1))
    for number in (0, 150, 299):
        await peer.say(many[number], str(number))
    check(f"{tag} 300 filters heard", ["0", "150", "299"], texts(await peer.hear(3)))


async def will(g, tag):
    witness, topic = await g.peer(), fresh_topic()
    await witness.subscribe(topic, qos=2)
    for qos in (0, 1, 2):
        await (await g.peer(will=aiomqtt.Will(topic, f"died {qos}", qos))).cut()
        heard = [(one.payload.decode(), one.qos) for one in await witness.hear(1)]
        check(f"{tag} will qos {qos} heard", [(f"died {qos}", qos)], heard)
    polite = await g.peer(will=aiomqtt.Will(topic, "must not be heard", 1))
    await polite.bye()
    await g.peer(client_id=polite.id)  # once the same id is in again, the broker is done with the earlier connection
    await witness.say(topic, "end")
    check(f"{tag} will silent after a polite end", [], texts(await witness.until()))


async def retained(g, tag):
    speaker, live, late, later, topic = await g.peer(), await g.peer(), await g.peer(), await g.peer(), fresh_topic()
    await live.subscribe(topic, qos=1)
    await speaker.say(topic, "kept", retain=True)
    check(f"{tag} retained to a live one", [("kept", False)], [(one.payload.decode(), one.retain) for one in await live.hear(1)])
    await late.subscribe(topic, qos=1)
    check(f"{tag} retained to a late one", [("kept", True)], [(one.payload.decode(), one.retain) for one in await late.hear(1)])
    await speaker.say(topic, b"", retain=True)
    await later.subscribe(topic, qos=1)
    await later.say(topic, "end")
    check(f"{tag} retained cleared", [], texts(await later.until()))


async def session(g, tag):
    kept = {"SessionExpiryInterval": 60} if g.v == V5 else {}
    speaker, base = await g.peer(), fresh_topic()
    sleeper = await g.peer(clean=False, **kept)
    check(f"{tag} session new", False, sleeper.client.present)
    await sleeper.subscribe(f"{base}/+", qos=2)
    await sleeper.bye()
    for qos in (1, 2):
        await speaker.say(f"{base}/{qos}", *TWENTY, qos=qos)
    awake = await g.peer(client_id=sleeper.id, clean=False, **kept)
    check(f"{tag} session present", True, awake.client.present)
    heard = [(one.payload.decode(), one.qos) for one in await awake.hear(40)]
    for qos in (1, 2):
        check(f"{tag} qos {qos} said while away", [(n, qos) for n in TWENTY], [one for one in heard if one[1] == qos])
    taken = await g.peer(client_id=sleeper.id, clean=True)
    check(f"{tag} clean start finds nothing", False, taken.client.present)
    check(f"{tag} taken over", True, await awake.lost())


async def shared(g, tag):
    for qos in (0, 1, 2):
        speaker, topic, members = await g.peer(), fresh_topic(), [await g.peer(), await g.peer()]
        for member in members:
            await member.subscribe(f"$share/g/{topic}/#", f"{topic}-all", qos=qos)
        await speaker.say(f"{topic}/x", *TWENTY, qos=qos)
        async with asyncio.timeout(BOUND):
            while sum(len(member.client.messages) for member in members) < len(TWENTY):
                await asyncio.sleep(0.01)
        await speaker.say(f"{topic}-all", "end", qos=qos)
        heard = [text for member in members for text in texts(await member.until())]
        check(f"{tag} shared qos {qos}, each to one", TWENTY, sorted(map(str, heard)))


async def refusals(g, tag):
    try:
        await g.peer(secret="wrong")
        came = "let in"
    except aiomqtt.MqttCodeError as error:
        came = error.rc.value
    check(f"{tag} wrong secret refused", True, came in (134, 135))  # the library maps the codes of 3.1.1 to those of 5


async def message_properties(g, tag):
    speaker, hearer, topic = await g.peer(), await g.peer(), fresh_topic()
    await hearer.subscribe(topic, qos=2)
    for qos in (0, 1, 2):
        await speaker.say(topic, "full", qos=qos, UserProperty=PAIRS, ResponseTopic=f"{topic}/trả lời", CorrelationData=b"\x00\xff7",
                          ContentType="text/plain", MessageExpiryInterval=60)
        heard = [one.properties for one in await hearer.hear(1)]
        check(f"{tag} qos {qos} user properties in order", [PAIRS], [one.UserProperty for one in heard])
        rest = [(one.ResponseTopic, one.CorrelationData, one.ContentType) for one in heard]
        check(f"{tag} qos {qos} response topic and company", [(f"{topic}/trả lời", b"\x00\xff7", "text/plain")], rest)
        check(f"{tag} qos {qos} message expiry", [True], [55 < one.MessageExpiryInterval <= 60 for one in heard])


async def will_delay(g, tag):
    witness, topic = await g.peer(), fresh_topic()
    await witness.subscribe(f"{topic}/#", qos=1)
    made = properties(PacketTypes.WILLMESSAGE, {"WillDelayInterval": 1, "UserProperty": PAIRS})
    back = await g.peer(will=aiomqtt.Will(f"{topic}/back", "must not be heard", 1, False, made), SessionExpiryInterval=30)
    gone = await g.peer(will=aiomqtt.Will(f"{topic}/gone", "late", 1, False, made), SessionExpiryInterval=30)
    await back.cut()
    await g.peer(client_id=back.id, clean=False)
    await gone.cut()
    died = time.monotonic()
    heard = [(one.payload.decode(), one.properties.UserProperty) for one in await witness.hear(1)]
    check(f"{tag} will delay: only of the one who stayed away", [("late", PAIRS)], heard)
    check(f"{tag} will delay kept", True, 0.8 <= time.monotonic() - died <= 4)
    await g.peer(client_id=gone.id)


async def expiry(g, tag):
    """Both expiries at once, since they take real time."""
    speaker, topic = await g.peer(), fresh_topic()
    short, long = await g.peer(clean=False, SessionExpiryInterval=1), await g.peer(clean=False, SessionExpiryInterval=60)
    await long.subscribe(topic, qos=1)
    await short.bye()
    await long.bye()
    await speaker.say(topic, "soon gone", MessageExpiryInterval=1)
    await speaker.say(topic, "lasting", MessageExpiryInterval=60)
    await asyncio.sleep(2.3)
    check(f"{tag} session expired", False, (await g.peer(client_id=short.id, clean=False)).client.present)
    awake = await g.peer(client_id=long.id, clean=False)
    check(f"{tag} session not yet expired", True, awake.client.present)
    await speaker.say(topic, "end")
    heard = [(one.payload, 50 < one.properties.MessageExpiryInterval < 60) for one in await awake.until() if one]
    check(f"{tag} message expired while away, the other counts down", [(b"lasting", True)], heard)


async def alias_and_maximum(g, tag):
    speaker, hearer, slow, topic = await g.peer(), await g.peer(), await g.peer(ReceiveMaximum=3), fresh_topic()
    await hearer.subscribe(f"{topic}/#", qos=1)
    await speaker.say(f"{topic}/đèn", "named", TopicAlias=1)
    await speaker.say("", "by alias", TopicAlias=1)
    check(f"{tag} topic alias", [f"{topic}/đèn"] * 2, [str(one.topic) for one in await hearer.hear(2)])
    for qos in (1, 2):
        await slow.subscribe(f"{topic}/{qos}", qos=qos)
        await speaker.say(f"{topic}/{qos}", *TWENTY, qos=qos)
        check(f"{tag} receive maximum 3, qos {qos}, all heard", TWENTY, texts(await slow.hear(20)))


async def subscribe_options(g, tag):
    peer, other, topic = await g.peer(), await g.peer(), fresh_topic()
    await peer.subscribe(topic, qos=1, identifier=7)
    await peer.subscribe(f"{topic}/#", qos=1, identifier=9)
    await other.say(topic, "both")
    await other.say(f"{topic}/x", "end")
    heard = await peer.until()
    identifiers = sorted(number for one in heard if one for number in one.properties.SubscriptionIdentifier)
    check(f"{tag} identifiers of overlapping filters", [7, 9], identifiers)
    await peer.subscribe(f"{topic}-own", qos=1, noLocal=True)
    await peer.say(f"{topic}-own", "own")
    await other.say(f"{topic}-own", "end")
    check(f"{tag} no local", [], texts(await peer.until()))
    await peer.subscribe(f"{topic}-as", qos=1, retainAsPublished=True)
    await other.subscribe(f"{topic}-as", qos=1, retainAsPublished=False)
    await peer.say(f"{topic}-as", "kept", retain=True)
    heard = [[one.retain for one in await hearer.hear(1)] for hearer in (peer, other)]
    check(f"{tag} retain as published", [[True], [False]], heard)
    for handling, wanted in ((0, ["kept", "kept"]), (1, ["kept"]), (2, [])):
        late = await g.peer()
        await late.subscribe(f"{topic}-end", qos=1)
        for _ in range(2):
            await late.subscribe(f"{topic}-as", qos=1, retainHandling=handling)
        await late.say(f"{topic}-end", "end")
        check(f"{tag} retain handling {handling}", wanted, texts(await late.until()))
    await peer.say(f"{topic}-as", b"", retain=True)
    nameless = await g.peer(client_id="")
    check(f"{tag} assigned client id", True, bool(getattr(nameless.client.granted, "AssignedClientIdentifier", None)))


async def main():
    both = [doors, order, topics, will, retained, session, shared, refusals]
    only_five = [message_properties, will_delay, expiry, alias_and_maximum, subscribe_options]
    for v, tag, groups in ((V311, "v311", both), (V5, "v5", both + only_five)):
        for run in groups:
            group = Group(v)
            try:
                await run(group, tag)
            except Exception as error:
                broke(f"{tag} {run.__name__}", error)
            finally:
                await group.close()


if __name__ == "__main__":
    asyncio.run(main())
    finish()
