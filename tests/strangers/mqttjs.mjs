// Judges a broker with a foreign client library: MQTT.js (Node).
//
// MQTT 3.1 (protocolVersion 3), 3.1.1 (4) and 5 (5). The target comes from the environment:
// HOST, PORT, TLS_PORT, WS_PORT, WSS_PORT, CA, USER_NAME, USER_SECRET. A door whose port is not
// given is skipped. Exit code 0 only if no check failed.

import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import mqtt from 'mqtt'

const BOUND = 5000 // milliseconds to wait for anything
const RUN = randomBytes(4).toString('hex') // makes topics and client ids of this run unique
const TWENTY = Array.from({ length: 20 }, (_, number) => String(number).padStart(2, '0'))
const MEBIBYTE = randomBytes(1 << 20)
const { HOST = '127.0.0.1', PORT, TLS_PORT, WS_PORT, WSS_PORT, CA, USER_NAME, USER_SECRET } = process.env
const DOORS = {
  plain: PORT && `mqtt://${HOST}:${PORT}`,
  tls: TLS_PORT && CA && `mqtts://${HOST}:${TLS_PORT}`,
  ws: WS_PORT && `ws://${HOST}:${WS_PORT}/mqtt`,
  wss: WSS_PORT && CA && `wss://${HOST}:${WSS_PORT}/mqtt`
}
const USUAL_DOOR = Object.keys(DOORS).find((door) => DOORS[door])
const TAGS = { 3: 'v31', 4: 'v311', 5: 'v5' }

let checks = 0
let failures = 0
let freshCount = 0
let openPeers = []

function check (name, expected, came) {
  checks += 1
  if (isDeepStrictEqual(came, expected)) return console.log(`ok ${name}`)
  failures += 1
  const short = (value) => String(JSON.stringify(value)).slice(0, 300)
  console.log(`FAILED ${name}: expected ${short(expected)}, came ${short(came)}`)
}

const fresh = () => `${RUN}j${++freshCount}` // short enough for MQTT 3.1 (23 bytes)
const freshTopic = () => `t/${fresh()}`
const within = (promise, what) => {
  const timer = new AbortController()
  const late = sleep(BOUND, null, { signal: timer.signal }).then(() => { throw new Error(`no ${what} within ${BOUND} ms`) })
  late.catch(() => {})
  return Promise.race([promise, late]).finally(() => timer.abort())
}

/** One connection, with everything it heard. */
class Peer {
  static async connect (v, { door = USUAL_DOOR, id = fresh(), clean = true, secret = USER_SECRET, will, ...properties } = {}) {
    const peer = new Peer()
    openPeers.push(peer)
    const options = {
      protocolVersion: v, protocolId: v === 3 ? 'MQIsdp' : 'MQTT', clientId: id, clean, will,
      username: USER_NAME, password: secret, reconnectPeriod: 0, connectTimeout: BOUND,
      ca: CA && readFileSync(CA), ...(v === 5 ? { properties } : {})
    }
    Object.assign(peer, { v, id, heard: [], listeners: new Set() })
    peer.client = mqtt.connect(DOORS[door], options)
    peer.client.on('message', (topic, payload, packet) => {
      peer.heard.push({ topic, payload, text: payload.toString(), qos: packet.qos, retain: packet.retain, dup: packet.dup,
        properties: packet.properties ?? {} })
      for (const listener of peer.listeners) listener()
    })
    peer.lost = new Promise((resolve) => {
      peer.client.on('disconnect', (packet) => resolve(packet.reasonCode))
      peer.client.on('close', () => resolve('closed'))
    })
    peer.connack = await within(new Promise((resolve, reject) => {
      peer.client.once('connect', resolve)
      peer.client.on('error', reject)
      peer.client.once('close', () => reject(new Error('closed')))
    }), 'connect')
    return peer
  }

  async subscribe (filters, options = {}) {
    const granted = await within(this.client.subscribeAsync(filters, { qos: 0, ...options }), 'suback')
    return granted.map((one) => one.qos)
  }

  /** Publishes without pausing between the payloads, then waits for every answer; gives the last one. */
  async say (topic, payloads, { qos = 1, retain = false, ...properties } = {}) {
    const options = { qos, retain, ...(this.v === 5 ? { properties } : {}) }
    const answers = [payloads].flat().map((one) => this.client.publishAsync(topic, one, options))
    return (await within(Promise.all(answers), 'publish answer')).at(-1)
  }

  /** Waits until `enough` is true of the messages heard; gives those that came within the bound. */
  async listen (enough) {
    await within(new Promise((resolve) => {
      const listener = () => { if (enough(this.heard)) { this.listeners.delete(listener); resolve() } }
      this.listeners.add(listener)
      listener()
    }), 'message').catch(() => {})
    return this.heard.splice(0)
  }

  hear = (count) => this.listen((heard) => heard.length >= count)

  /** All messages up to the one with the payload `last`, which is left out. */
  async until (last = 'end') {
    const heard = await this.listen((all) => all.some((one) => one.text === last))
    return heard.at(-1)?.text === last ? heard.slice(0, -1) : [...heard, { text: null }]
  }

  bye = (options = {}) => within(this.client.endAsync(false, options), 'end')

  /** Dies without a DISCONNECT. */
  async cut () {
    this.client.stream.destroy()
    await within(this.lost, 'close')
  }
}

const texts = (messages) => messages.map((one) => one.text)
const pick = (messages, ...names) => messages.map((one) => names.map((name) => one[name]))

async function doors (v, tag) {
  for (const [door, url] of Object.entries(DOORS)) {
    if (url) await throughDoor(v, tag, door).catch((error) => check(`${tag} ${door}`, 'the end reached', error.message))
    else console.log(`- skip ${tag} ${door}: no port or no CA given`)
  }
}

async function throughDoor (v, tag, door) {
  const [peer, topic] = [await Peer.connect(v, { door }), freshTopic()]
  check(`${tag} ${door} subscribe`, [2], await peer.subscribe(topic, { qos: 2 }))
  for (const qos of [0, 1, 2]) {
    await peer.say(topic, TWENTY, { qos })
    check(`${tag} ${door} qos ${qos}`, TWENTY.map((n) => [n, qos]), pick(await peer.hear(20), 'text', 'qos'))
  }
  await peer.say(topic, MEBIBYTE)
  check(`${tag} ${door} 1 MiB`, [true], (await peer.hear(1)).map((one) => one.payload.equals(MEBIBYTE)))
}

async function order (v, tag) {
  const [speaker, hearer] = [await Peer.connect(v), await Peer.connect(v)]
  for (const sent of [0, 1, 2]) {
    for (const granted of [0, 1, 2]) {
      const topic = freshTopic()
      check(`${tag} suback ${granted} (sent ${sent})`, [granted], await hearer.subscribe(topic, { qos: granted }))
      await speaker.say(topic, TWENTY, { qos: sent })
      const wanted = TWENTY.map((n) => [n, Math.min(sent, granted)])
      check(`${tag} 20 in order, sent ${sent} granted ${granted}`, wanted, pick(await hearer.hear(20), 'text', 'qos'))
    }
  }
}

async function topics (v, tag) {
  const [peer, base] = [await Peer.connect(v), freshTopic()]
  await peer.subscribe([`${base}/đèn/ngõ Đình`, `${base}/phố/+/đèn`, `${base}/chợ/#`], { qos: 1 })
  for (const one of ['đèn/ngõ Đình', 'phố/Huế/đèn', 'phố/Huế/quạt', 'chợ', 'chợ/Đồng Xuân/a']) await peer.say(`${base}/${one}`, one)
  await peer.say(`${base}/chợ`, 'end')
  const heard = (await peer.until()).map((one) => one.topic?.replace(`${base}/`, ''))
  check(`${tag} vietnamese topics and wildcards`, ['đèn/ngõ Đình', 'phố/Huế/đèn', 'chợ', 'chợ/Đồng Xuân/a'], heard)
  await peer.client.unsubscribeAsync(`${base}/đèn/ngõ Đình`)
  await peer.say(`${base}/đèn/ngõ Đình`, 'tối')
  await peer.say(`${base}/chợ`, 'end')
  check(`${tag} unsubscribed`, [], texts(await peer.until()))
  const many = Array.from({ length: 300 }, (_, number) => `${base}/lọc/${number}`)
  check(`${tag} 300 filters granted`, Array(300).fill(1), await peer.subscribe(many, { qos: 1 }))
  for (const number of [0, 150, 299]) await peer.say(many[number], String(number))
  check(`${tag} 300 filters heard`, ['0', '150', '299'], texts(await peer.hear(3)))
}

async function will (v, tag) {
  const [witness, topic] = [await Peer.connect(v), freshTopic()]
  await witness.subscribe(topic, { qos: 2 })
  for (const qos of [0, 1, 2]) {
    const mortal = await Peer.connect(v, { will: { topic, payload: `died ${qos}`, qos, retain: false } })
    await mortal.cut()
    check(`${tag} will qos ${qos} heard`, [[`died ${qos}`, qos]], pick(await witness.hear(1), 'text', 'qos'))
  }
  const polite = await Peer.connect(v, { will: { topic, payload: 'must not be heard', qos: 1, retain: false } })
  await polite.bye()
  await Peer.connect(v, { id: polite.id }) // once the same id is in again, the broker is done with the earlier connection
  await witness.say(topic, 'end')
  check(`${tag} will silent after a polite end`, [], texts(await witness.until()))
}

async function retained (v, tag) {
  const [speaker, live, late, later] = await Promise.all([1, 2, 3, 4].map(() => Peer.connect(v)))
  const topic = freshTopic()
  await live.subscribe(topic, { qos: 1 })
  await speaker.say(topic, 'kept', { retain: true })
  check(`${tag} retained to a live one`, [['kept', false]], pick(await live.hear(1), 'text', 'retain'))
  await late.subscribe(topic, { qos: 1 })
  check(`${tag} retained to a late one`, [['kept', true]], pick(await late.hear(1), 'text', 'retain'))
  await speaker.say(topic, '', { retain: true })
  await later.subscribe(topic, { qos: 1 })
  await later.say(topic, 'end')
  check(`${tag} retained cleared`, [], texts(await later.until()))
}

async function session (v, tag) {
  const kept = { clean: false, sessionExpiryInterval: 60 }
  const [speaker, base, sleeper] = [await Peer.connect(v), freshTopic(), await Peer.connect(v, kept)]
  if (v !== 3) check(`${tag} session new`, false, sleeper.connack.sessionPresent)
  await sleeper.subscribe(`${base}/+`, { qos: 2 })
  await sleeper.bye()
  for (const qos of [1, 2]) await speaker.say(`${base}/${qos}`, TWENTY, { qos })
  const awake = await Peer.connect(v, { id: sleeper.id, ...kept })
  if (v !== 3) check(`${tag} session present`, true, awake.connack.sessionPresent)
  const heard = await awake.hear(40)
  for (const qos of [1, 2]) check(`${tag} qos ${qos} said while away`, TWENTY, texts(heard.filter((one) => one.qos === qos)))
  const taken = await Peer.connect(v, { id: sleeper.id })
  check(`${tag} clean start finds nothing`, false, taken.connack.sessionPresent)
  check(`${tag} taken over`, v === 5 ? 142 : 'closed', await within(awake.lost, 'end of the earlier connection'))
}

async function shared (v, tag) {
  for (const qos of [0, 1, 2]) {
    const [speaker, topic, members] = [await Peer.connect(v), freshTopic(), [await Peer.connect(v), await Peer.connect(v)]]
    for (const member of members) await member.subscribe([`$share/g/${topic}/#`, `${topic}-all`], { qos })
    await speaker.say(`${topic}/x`, TWENTY, { qos })
    const deadline = Date.now() + BOUND
    while (members[0].heard.length + members[1].heard.length < TWENTY.length && Date.now() < deadline) await sleep(10)
    await speaker.say(`${topic}-all`, 'end', { qos })
    const heard = texts([...await members[0].until(), ...await members[1].until()])
    check(`${tag} shared qos ${qos}, each to one`, TWENTY, heard.sort())
  }
}

async function refusals (v, tag) {
  const came = await Peer.connect(v, { secret: 'wrong' }).then(() => 'let in', (error) => error.code)
  check(`${tag} wrong secret refused`, true, (v === 5 ? [134, 135] : [4, 5]).includes(came))
}

async function messageProperties (v, tag) {
  const [speaker, hearer, topic] = [await Peer.connect(v), await Peer.connect(v), freshTopic()]
  const pairs = { b: ['2', '3'], a: '1', ngõ: 'Đình' } // the library gathers the values of one name
  const reply = { responseTopic: `${topic}/trả lời`, correlationData: Buffer.from([0, 255, 55]), contentType: 'text/plain' }
  await hearer.subscribe(topic, { qos: 2 })
  for (const qos of [0, 1, 2]) {
    await speaker.say(topic, 'full', { qos, userProperties: pairs, ...reply, payloadFormatIndicator: true, messageExpiryInterval: 60 })
    const [heard = {}] = (await hearer.hear(1)).map((one) => one.properties)
    check(`${tag} qos ${qos} user properties in order`, Object.entries(pairs), Object.entries(heard.userProperties ?? {}))
    for (const name of Object.keys(reply)) check(`${tag} qos ${qos} ${name}`, reply[name], heard[name])
    check(`${tag} qos ${qos} payloadFormatIndicator`, true, heard.payloadFormatIndicator)
    check(`${tag} qos ${qos} messageExpiryInterval`, true, heard.messageExpiryInterval > 55 && heard.messageExpiryInterval <= 60)
  }
}

async function willDelay (v, tag) {
  const [witness, topic] = [await Peer.connect(v), freshTopic()]
  await witness.subscribe(`${topic}/#`, { qos: 1 })
  const delayed = (end) => ({
    sessionExpiryInterval: 30,
    will: { topic: `${topic}/${end}`, payload: end, qos: 1, retain: false, properties: { willDelayInterval: 1, contentType: 'w' } }
  })
  const [back, gone] = [await Peer.connect(v, delayed('back')), await Peer.connect(v, delayed('gone'))]
  await back.cut()
  await Peer.connect(v, { id: back.id, clean: false })
  await gone.cut()
  const died = Date.now()
  const heard = (await witness.hear(1)).map((one) => [one.text, one.properties.contentType])
  check(`${tag} will delay: only of the one who stayed away`, [['gone', 'w']], heard)
  check(`${tag} will delay kept`, true, Date.now() - died >= 800 && Date.now() - died <= 4000)
  await Peer.connect(v, { id: gone.id })
  const leaver = await Peer.connect(v, { will: { topic, payload: 'left', qos: 1, retain: false } })
  await leaver.bye({ reasonCode: 4 })
  check(`${tag} disconnect with will`, ['left'], texts(await witness.hear(1)))
}

/** Both expiries at once, since they take real time. */
async function expiry (v, tag) {
  const [speaker, topic] = [await Peer.connect(v), freshTopic()]
  const [short, long] = await Promise.all([1, 60].map((one) => Peer.connect(v, { clean: false, sessionExpiryInterval: one })))
  await long.subscribe(topic, { qos: 1 })
  await Promise.all([short.bye(), long.bye()])
  await speaker.say(topic, 'soon gone', { messageExpiryInterval: 1 })
  await speaker.say(topic, 'lasting', { messageExpiryInterval: 60 })
  await sleep(2300)
  check(`${tag} session expired`, false, (await Peer.connect(v, { id: short.id, clean: false })).connack.sessionPresent)
  const awake = await Peer.connect(v, { id: long.id, clean: false })
  check(`${tag} session not yet expired`, true, awake.connack.sessionPresent)
  await speaker.say(topic, 'end')
  const heard = await awake.until()
  check(`${tag} message expired while away`, ['lasting'], texts(heard))
  const left = heard[0]?.properties?.messageExpiryInterval
  check(`${tag} message expiry counts down`, true, left > 50 && left < 60)
}

async function aliasAndMaximum (v, tag) {
  const [speaker, topic] = [await Peer.connect(v), freshTopic()]
  const hearer = await Peer.connect(v, { topicAliasMaximum: 10, receiveMaximum: 3 })
  check(`${tag} topic alias offered`, true, speaker.connack.properties?.topicAliasMaximum >= 1)
  await hearer.subscribe(`${topic}/#`, { qos: 2 })
  await speaker.say(`${topic}/đèn`, 'named', { topicAlias: 1 })
  await speaker.say('', 'by alias', { topicAlias: 1 })
  const wanted = [[`${topic}/đèn`, 'named'], [`${topic}/đèn`, 'by alias']]
  check(`${tag} topic alias`, wanted, pick(await hearer.hear(2), 'topic', 'text'))
  for (const qos of [1, 2]) {
    await speaker.say(`${topic}/${qos}`, TWENTY, { qos })
    check(`${tag} receive maximum 3, qos ${qos}, all heard`, TWENTY, texts(await hearer.hear(20)))
  }
}

async function subscribeOptions (v, tag) {
  const [peer, other, topic] = [await Peer.connect(v), await Peer.connect(v), freshTopic()]
  await peer.subscribe(topic, { qos: 1, properties: { subscriptionIdentifier: 7 } })
  await peer.subscribe(`${topic}/#`, { qos: 1, properties: { subscriptionIdentifier: 9 } })
  await other.say(topic, 'both')
  await other.say(`${topic}/x`, 'end')
  const identifiers = (await peer.until()).flatMap((one) => one.properties?.subscriptionIdentifier ?? [])
  check(`${tag} identifiers of overlapping filters`, [7, 9], identifiers.sort())
  await peer.subscribe(`${topic}-own`, { qos: 1, nl: true })
  await peer.say(`${topic}-own`, 'own')
  await other.say(`${topic}-own`, 'end')
  check(`${tag} no local`, [], texts(await peer.until()))
  await peer.subscribe(`${topic}-as`, { qos: 1, rap: true })
  await other.subscribe(`${topic}-as`, { qos: 1, rap: false })
  await peer.say(`${topic}-as`, 'kept', { retain: true })
  check(`${tag} retain as published`, [[true], [false]], [...pick(await peer.hear(1), 'retain'), ...pick(await other.hear(1), 'retain')])
  for (const [handling, wanted] of [[0, ['kept', 'kept']], [1, ['kept']], [2, []]]) {
    const late = await Peer.connect(v)
    await late.subscribe(`${topic}-end`, { qos: 1 })
    for (const _ of [1, 2]) await late.subscribe(`${topic}-as`, { qos: 1, rh: handling })
    await late.say(`${topic}-end`, 'end')
    check(`${tag} retain handling ${handling}`, wanted, texts(await late.until()))
  }
  await peer.say(`${topic}-as`, '', { retain: true })
}

async function reasonCodes (v, tag) {
  const [peer, nameless, topic] = [await Peer.connect(v), await Peer.connect(v, { id: '' }), freshTopic()]
  check(`${tag} assigned client id`, true, Boolean(nameless.connack.properties?.assignedClientIdentifier))
  const mixed = Object.fromEntries([0, 1, 2].map((qos) => [`${topic}/${qos}`, { qos }]))
  check(`${tag} suback codes`, [0, 1, 2], await peer.subscribe(mixed))
  const left = [await peer.client.unsubscribeAsync(`${topic}/0`), await peer.client.unsubscribeAsync(`${topic}/0`)]
  check(`${tag} unsuback codes`, [[0], [17]], left.map((packet) => packet?.granted))
  check(`${tag} puback, somebody listens`, 0, (await peer.say(`${topic}/1`, 'x'))?.reasonCode ?? 0)
  check(`${tag} puback, nobody listens`, true, [0, 16].includes((await peer.say(`${topic}/nobody`, 'x'))?.reasonCode ?? 0))
}

const both = [doors, order, topics, will, retained, session, shared, refusals]
const groups = { 3: both, 4: both, 5: [...both, messageProperties, willDelay, expiry, aliasAndMaximum, subscribeOptions, reasonCodes] }
for (const v of [3, 4, 5]) {
  for (const group of groups[v]) {
    await group(v, TAGS[v]).catch((error) => check(`${TAGS[v]} ${group.name}`, 'the end reached', error.message))
    await Promise.all(openPeers.splice(0).map((peer) => peer.client.connected && peer.bye().catch(() => {})))
  }
}
console.log(`${checks} checks, ${failures} failed`)
process.exit(failures || !checks ? 1 : 0)
