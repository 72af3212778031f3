"""One connection of the Eclipse Paho client for Python, with everything it heard and was answered."""

import socket
import threading

import paho.mqtt.client as mqtt
from judging import BOUND, CA, DOORS, HOST, USER_NAME, USER_SECRET, USUAL_DOOR, fresh
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

V31, V311, V5 = mqtt.MQTTv31, mqtt.MQTTv311, mqtt.MQTTv5


def properties(packet, values):
    made = Properties(packet)
    for name, value in values.items():
        setattr(made, name, value)
    return made


class Peer:
    still_open = []
    changed = threading.Condition()  # one for all, so that a wait may look at several peers

    def __init__(self, version, client_id=None, clean=True, door=USUAL_DOOR, will=None, will_properties=None,
                 secret=None, manual_ack=False, refused_ok=False, **connect_properties):
        port, transport, tls = DOORS[door]
        self.version, self.id = version, fresh() if client_id is None else client_id
        self.messages, self.answers, self.accepted, self.ended = [], {}, None, None
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=self.id, protocol=version, transport=transport,
                                  clean_session=None if version == V5 else clean,
                                  reconnect_on_failure=False, manual_ack=manual_ack)
        self.client.username_pw_set(USER_NAME, secret or USER_SECRET)
        if transport == "websockets":
            self.client.ws_set_options(path="/mqtt")
        if tls:
            self.client.tls_set(ca_certs=CA)
        if will:
            made = properties(PacketTypes.WILLMESSAGE, will_properties or {}) if version == V5 else None
            self.client.will_set(*will, properties=made)
        self.client.on_connect = lambda c, u, flags, code, props: self._note("accepted", (flags, code, props))
        self.client.on_disconnect = lambda c, u, flags, code, props: self._note("ended", (code, props))
        self.client.on_message = lambda c, u, message: self._hear(message)
        self.client.on_subscribe = lambda c, u, mid, codes, props: self._answer("sub", mid, codes)
        self.client.on_unsubscribe = lambda c, u, mid, codes, props: self._answer("unsub", mid, codes)
        self.client.on_publish = lambda c, u, mid, code, props: self._answer("pub", mid, code)
        for_v5 = dict(clean_start=clean, properties=properties(PacketTypes.CONNECT, connect_properties))
        self.client.connect(HOST, int(port), keepalive=60, **(for_v5 if version == V5 else {}))
        self.client.loop_start()
        Peer.still_open.append(self)
        if not self.wait(lambda: self.accepted or self.ended) or (self.code() != 0 and not refused_ok):
            raise ConnectionError(f"not connected: {self.accepted}")

    def _note(self, what, value):
        with self.changed:
            setattr(self, what, getattr(self, what) or value)  # the first word counts, an end is told twice
            self.changed.notify_all()

    def _hear(self, message):
        with self.changed:
            self.messages.append(message)
            self.changed.notify_all()

    def _answer(self, kind, mid, codes):
        with self.changed:
            self.answers[kind, mid] = codes
            self.changed.notify_all()

    def wait(self, happened, bound=BOUND):
        with self.changed:
            return self.changed.wait_for(happened, bound)

    def code(self):
        return self.accepted[1].value if self.accepted else None

    def present(self):
        return self.accepted[0].session_present

    def granted(self, name):
        return getattr(self.accepted[2], name, None)

    def answered(self, kind, mid):
        if not self.wait(lambda: (kind, mid) in self.answers):
            raise TimeoutError(f"no answer to {kind} within {BOUND} s")
        return self.answers.pop((kind, mid))

    def subscribe(self, *filters, qos=0, identifier=None, **options):
        if self.version == V5:
            wanted = [(one, SubscribeOptions(qos=qos, **options)) for one in filters]
            made = properties(PacketTypes.SUBSCRIBE, {"SubscriptionIdentifier": identifier} if identifier else {})
            mid = self.client.subscribe(wanted, properties=made)[1]
        else:
            mid = self.client.subscribe([(one, qos) for one in filters])[1]
        return [code.value for code in self.answered("sub", mid)]

    def unsubscribe(self, one):
        return [code.value for code in self.answered("unsub", self.client.unsubscribe(one)[1])]

    def say(self, topic, *payloads, qos=1, retain=False, **values):
        """Publishes without pausing between the payloads, then waits for every answer; returns the last one."""
        made = properties(PacketTypes.PUBLISH, values) if self.version == V5 else None
        mids = [self.client.publish(topic, payload, qos, retain, made).mid for payload in payloads]
        return [self.answered("pub", mid) for mid in mids][-1]

    def hear(self, count):
        """The first `count` messages, or those that came within the bound."""
        self.wait(lambda: len(self.messages) >= count)
        with self.changed:
            heard, self.messages = self.messages[:count], self.messages[count:]
        return heard

    def until(self, last="end"):
        """All messages up to the one with the payload `last`, which is left out."""
        self.wait(lambda: any(one.payload == last.encode() for one in self.messages))
        with self.changed:
            heard, self.messages = self.messages, []
        return heard[:-1] if heard and heard[-1].payload == last.encode() else [*heard, None]

    @classmethod
    def close_all(cls):
        while cls.still_open:
            peer = cls.still_open.pop()
            if not peer.ended:
                peer.bye()

    def bye(self, **disconnect_arguments):
        self.client.disconnect(**disconnect_arguments)
        self.wait(lambda: self.ended)
        self.client.loop_stop()

    def cut(self):
        """Dies without a DISCONNECT."""
        self.client.socket().shutdown(socket.SHUT_RDWR)
        self.wait(lambda: self.ended)
        self.client.loop_stop()


def texts(messages):
    return [one and one.payload.decode() for one in messages]
