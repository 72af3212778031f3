# The words of the technician's commands, English.

# Help: names of values
value-command = COMMAND
value-options = OPTIONS
value-config = FILE
value-file = FILE
value-lang = vi|en
value-id = ID
value-name = NAME
value-road = ROAD
value-place = PLACE
value-entity = DEVICE.OBJECT
value-to = on|off
value-filter = FILTER
value-topic = TOPIC
value-payload = PAYLOAD
value-count = COUNT
value-qos = 0|1|2
value-certificate = CERTIFICATE
value-key = KEY
value-out = FILE
value-lines = COUNT
value-about = ID
value-since = WHEN
value-day = DAY
value-village = VILLAGE
value-person = PERSON
value-role = ROLE
value-pin = PIN
value-mac = MAC
value-address = ADDRESS
value-what = dnsmasq|chrony|hostapd|sysctl
value-socket = FILE
value-gateway-user = NUMBER|NAME
value-scope = SCOPE
value-device = DEVICE
value-set = NAME=VALUE

# Help: frame
help-usage = Usage:
help-commands = Commands:
help-arguments = Arguments:
help-options = Options:
help-common = With every command:
help-help = Print this help
help-version = Print the version
help-codes =
    Exit codes: 0 well, 1 could not, 2 something is broken, 64 wrong usage,
    66 the control socket is elsewhere, 69 the gateway does not run,
    77 no permission, 78 wrong configuration.

# Help: commands
cmd = Cổng Làng: the village gate
cmd--config = Configuration file; default /etc/conglang/conglang.toml
cmd--json = Answer as JSON
cmd--lang = Language of the answers; default by CONGLANG_LANG, LANG
cmd-run = Run the gateway
cmd-commune = Run the commune's server; or say which officers may sign in
cmd-commune-officer = Officers who may sign in at the commune's page
cmd-commune-officer-add = Add an officer; a PIN is made unless one is given
cmd-commune-officer-add--id = Id, for example hoa
cmd-commune-officer-add--name = Name with the office: "Chị Hoa, văn hóa xã"
cmd-commune-officer-add--pin = Six digits
cmd-commune-officer-pin = Give a new PIN; the officer must sign in again everywhere
cmd-commune-officer-pin--id = Id
cmd-commune-officer-pin--name = Name with the office, when it changes
cmd-commune-officer-remove = Take an officer out; signed out at once everywhere
cmd-commune-officer-remove--id = Id
cmd-commune-officer-list = Officers who may sign in
cmd-commune-history = Who did what at the commune, in words
cmd-commune-history--lines = How many entries; 20 unless told
cmd-commune-history--day = Only of this day: 21/11 or 21/11/2026
cmd-commune-history--person = Only of this officer: id or name
cmd-commune-history--village = Only of this village: id or name
cmd-worker = Run a worker (started by the gateway itself)
cmd-worker--role = Which worker
cmd-status = How the village is, in one screen
cmd-doctor = Faults, and what to do about them; works with the gateway stopped
cmd-journal = Read or check the history
cmd-journal-tail = The newest entries, in words
cmd-journal-tail--lines = How many entries; default 20
cmd-journal-tail--about = Only about this device, lamp, camera, notice…
cmd-journal-tail--since = Since when: 30m, 2h, 3d, 14:05, 21/11, "21/11/2026 06:30"
cmd-journal-tail--person = Only what this person or program caused: id or name
cmd-journal-tail--follow = Go on with what happens next, until Ctrl-C
cmd-journal-check = Is history whole and unchanged; works with the gateway stopped
cmd-device = Devices
cmd-device-list = All devices and whether they answer
cmd-device-add = Give a device its account, its password is shown once; again = a new password
cmd-device-add--id = Its id, also its MQTT user name: a–z, 0–9, -
cmd-device-add--name = Its name as people say it: "Đèn Cổng làng"
cmd-device-add--place = Id of the road or alley where it hangs
cmd-device-remove = Take a device's account away and cut its connection
cmd-device-remove--id = Its id
cmd-device-show = One device with all that it does
cmd-device-show--id = Its id
cmd-device-set = Switch a lamp and wait for its answer: device set den-01.light on
cmd-device-set--entity = Which lamp, as device show names it
cmd-device-set--to = on or off
cmd-broker = Look into the MQTT broker: who is there, what is kept, why somebody is refused
cmd-broker-status = Its counters
cmd-broker-clients = Connected clients, and sessions that wait
cmd-broker-topics = Retained messages: broker topics 'd/#'
cmd-broker-topics--filter = MQTT filter; default #
cmd-broker-sub = Listen with the gateway's rights, until Ctrl-C
cmd-broker-sub--topic = MQTT filter
cmd-broker-sub--count = End after so many messages
cmd-broker-sub--qos = QoS; default 0
cmd-broker-pub = Publish with the gateway's rights
cmd-broker-pub--topic = Topic
cmd-broker-pub--payload = Text; an empty one with --retain forgets what is retained
cmd-broker-pub--retain = Keep it for later subscribers
cmd-broker-pub--qos = QoS; default 1
cmd-broker-kick = End the connections and sessions of an account or client id
cmd-broker-kick--id = Account or client id
cmd-broker-why = The last refusals, in words
cmd-broker-why--id = Account, client id or address; default all
cmd-camera = Cameras
cmd-camera-list = All cameras and whether their pictures come
cmd-netd = Run the network helper (started by systemd)
cmd-netd--socket = Where it listens
cmd-netd--gateway-user = The user that may ask, by number or name
cmd-netd--base = First put the rules of the configuration in force, with nobody let in
cmd-dhcp = Give out addresses on the networks of the box (started by systemd)
cmd-net = Addresses in the networks that the box serves, and what other programs are configured with
cmd-net-leases = Which device has which address; works with the gateway stopped
cmd-net-reserve = Keep an address for a device
cmd-net-reserve--mac = Its hardware address, printed on it or in net leases
cmd-net-reserve--address = The address to keep, for example 10.8.0.20
cmd-net-reserve--name = Name as people say it: "Camera ngã ba"
cmd-net-release = Keep no address for that device any more
cmd-net-release--mac = Its hardware address
cmd-net-render = Print what another program is configured with
cmd-net-render--what = Which program; sysctl is the kernel
cmd-guest = The free wifi: who is in, the rules
cmd-guest-list = Devices that are in, that were in today, and those blocked or always let in
cmd-guest-sessions = Sessions that ended on a day: times, bytes, the code of the device; nothing else is kept
cmd-guest-sessions--day = The day: 21/11 or 21/11/2026; without it today
cmd-guest-cut = End the session of a device; it may tap again
cmd-guest-cut--device = The device: the first letters of its id in “guest list”, or its name
cmd-guest-block = Keep a device out
cmd-guest-block--device = The device: the first letters of its id in “guest list”, or its name
cmd-guest-block--name = Its name from now on
cmd-guest-allow = Let a device in without a tap: a hall's television, a printer
cmd-guest-allow--device = The device: the first letters of its id in “guest list”, or its name
cmd-guest-allow--name = Its name from now on
cmd-guest-forget = Treat a device as all others
cmd-guest-forget--device = The device: the first letters of its id in “guest list”, or its name
cmd-guest-rules = Show the rules, or change some: hours=05:00-22:00 device_mb=2048 keep_days=30
cmd-guest-rules--set = NAME=VALUE as “guest rules” prints them; “-” is no limit
cmd-procedures = Administrative procedures: take them from a file, check a file
cmd-procedures-import = Take the procedures of a file instead of those that the village has
cmd-procedures-import--file = CSV file, as Excel saves it
cmd-procedures-check = Read a file and tell its mistakes; changes nothing, works with the gateway stopped
cmd-procedures-check--file = CSV file, as Excel saves it
cmd-sync = The link to the commune
cmd-sync-status = How the link is and what waits
cmd-user = People who may sign in
cmd-user-add = Add a person; a PIN is made unless one is given
cmd-user-add--id = Id, for example mau
cmd-user-add--name = Name as people say it: "Ông Mẫu"
cmd-user-add--role = chief or technician; default chief
cmd-user-add--pin = Six digits
cmd-user-pin = Give a new PIN; the person's phones must sign in again
cmd-user-pin--id = Id
cmd-user-pin--name = Name, when it changes
cmd-user-rename = Call a person otherwise; the PIN stays
cmd-user-rename--id = Id
cmd-user-rename--name = New name
cmd-user-remove = Take a person out; their phones are signed out
cmd-user-remove--id = Id
cmd-user-list = People who may sign in
cmd-token = Tokens of programs
cmd-token-add = Make a token for a program, shown once
cmd-token-add--name = Its name, for example home-assistant: a–z, 0–9, -
cmd-token-add--scope = Its permissions, with commas: read (state, history), switch (lamps), speak (horns, notices), manage (devices)
cmd-token-list = Which tokens there are and what each may
cmd-token-remove = Take a token away, at once
cmd-token-remove--name = Its name
cmd-cert = Certificates
cmd-cert-install = Install a certificate for the dashboard's HTTPS; in service within seconds
cmd-cert-install--certificate = Chain, PEM
cmd-cert-install--key = Key, PEM
cmd-cert-show = How long the certificates are valid
cmd-cert-village = At the commune: make a certificate for a village
cmd-cert-village--id = The village's id
cmd-cert-village--out = File to write (certificate and key, PEM)
cmd-key = Secret keys of the data folder
cmd-key-show = Which keys there are, and whether each is the right one
cmd-key-renew = Put a new key in place of a lost one; says what it costs, does it only with --yes
cmd-key-renew--name = The key's name, as key show says it
cmd-key-renew--yes = Do it
cmd-key-accept = Say that the key in its place is the right one
cmd-key-accept--name = The key's name
cmd-setup = Nine questions, one configuration file
cmd-config = Check or show the configuration
cmd-config-check = Find every mistake
cmd-config-show = Where each value comes from

# Wrong usage
usage-no-command = There is no command “{ $name }”.
usage-unknown = There is no argument “{ $name }”.
usage-missing = { $name } is missing.
usage-no-value = { $name } needs a value.
usage-value = “{ $value }” cannot be used for { $name }.
usage-twice = { $name } may be given once only.
usage-other = The command is not right.
usage-valid = Possible: { $values }.
usage-near = Is it { $name }?
usage-see = See: conglang --help, or put --help behind the command.

# Common
cli-failed = Could not: { $why }
cli-unforeseen = an error that was not foreseen: “{ $cause }”. Do: run conglang doctor; keep this line.
cli-config-wrong = { $n ->
        [one] The configuration has { $n } mistake:
       *[other] The configuration has { $n } mistakes:
    }
cli-config-first = the configuration has mistakes, so it is not known where the control socket is. Do: mend them; see conglang config check.
cli-gateway-stopped = cannot ask the gateway at { $socket }: { $unit } does not run. Do: systemctl start { $unit }; if it stops again: journalctl -u { $unit } -n 50.
cli-gateway-elsewhere = cannot ask the gateway: there is no control socket at { $socket }, the path in { $config }. Do: name the configuration file that the gateway uses, by --config; or mend [doors] control.
cli-gateway-denied = cannot ask the gateway: no permission to open { $socket }. Do: run it again with sudo, or join the group conglang (sudo usermod -aG conglang $USER) and sign in again.
cli-gateway-lost = connected to the gateway at { $socket }, but got no answer: { $why }. Do: run it again; if that does not help: conglang doctor.
cli-gateway-odd = the gateway's answer is not understood (code { $status }): “{ $words }”. Do: see whether the command and the gateway are of one version (conglang --version).
cli-gateway-away = The gateway is not answering; waiting for it. Ctrl+C ends this.
cli-gateway-back = The gateway answers again; history goes on where it stopped.
cli-cannot-read = cannot read { $path }: { $why }.
cli-cannot-write = cannot write { $path }: { $why }.
cli-answer-odd = the gateway's answer is not understood: “{ $words }”. Do: see whether the command and the gateway are of one version (conglang --version).
cli-no-id = “{ $id }” cannot be an id: only a–z, 0–9, - _ . (at most 64 characters).
cli-and-more = { $names } and { $n } more
cli-seconds = { $n ->
        [one] { $n } second
       *[other] { $n } seconds
    }
cli-minutes = { $n ->
        [one] { $n } minute
       *[other] { $n } minutes
    }
cli-hours = { $n ->
        [one] { $n } hour
       *[other] { $n } hours
    }
cli-days = { $n ->
        [one] { $n } day
       *[other] { $n } days
    }
cli-times = { $n ->
        [one] { $n } time
       *[other] { $n } times
    }

# Why a file cannot be used
io-not-found = it is not there
io-denied = no permission
io-exists = it is there already
io-full = no space is left
io-read-only = the storage is read-only
io-no-folder = a part of the path is no folder
io-folder = it is a folder
io-damaged = its content is damaged
io-late = it took too long
io-refused = nobody answers
io-cut = the connection was cut
io-number = the operating system reports error number { $n }
io-words = “{ $words }”

# The MQTT broker
cli-broker-silent = the MQTT broker does not answer. Do: conglang doctor.
cli-broker-odd = the MQTT broker's answer is not understood. Do: see whether the command and the gateway are of one version (conglang --version).
cli-broker-not-ready = the MQTT broker is not ready. Do: conglang doctor.
cli-broker-lost = lost the connection to the MQTT broker: { $why }. Do: run it again; if that does not help: conglang doctor.
cli-no-filter = “{ $topic }” is not a topic filter; for example: d/#, d/+/state.
cli-no-topic = “{ $topic }” is not a topic: it must not be empty, nor contain + or #.
cli-published = Published.
cli-this-machine = this machine
cli-client-here = connected for { $age }
cli-client-away = away for { $age }, its session is kept
cli-client-waits = { $queued } queued, { $inflight } not acknowledged
cli-client-dropped = { $n ->
        [one] { $n } message dropped, its queue was full
       *[other] { $n } messages dropped, its queue was full
    }
cli-clients = { $n } connected, { $away } away
cli-storage-well = well
cli-storage-failing = CANNOT be written
cli-broker-clients = { $n } connected (at most { $most } so far), sessions of { $away } are kept, { $quarantined } without an account.
cli-row-messages = messages
cli-row-retained = retained
cli-row-refused = refused
cli-row-storage = storage
cli-row-lost = lost
cli-broker-messages = received { $received }, sent { $sent }, queued { $queued }, dropped by full queues { $dropped }, expired { $expired }
cli-broker-retained = { $n }, { $kb } kB
cli-broker-refused = { $connects } connections, { $cut } cut, { $denied } messages without permission
cli-broker-storage = { $state }, { $kb } kB written, { $n } changes wait
cli-topics = { $n ->
        [one] { $n } retained message
       *[other] { $n } retained messages
    }
cli-topic-more = … ({ $n } bytes)
cli-kicked = Ended { $n } of the sessions of “{ $id }”. A device with an account connects again by itself.
cli-kicked-none = There is no session of “{ $id }”; see conglang broker clients.
cli-refused-none = The MQTT broker has refused nobody since it started.
cli-refused-none-of = No refusal of “{ $id }” is remembered. A device with a mistyped name is found by its address: conglang broker why 192.168.…
cli-refused-from = { $client } from { $address }

# Mistakes of the configuration
config-all-layers = all layers
config-syntax = is not written as it must be: “{ $error }”
config-unreadable = cannot be read: { $cause }
config-file-too-large = the file is larger than { $most_mib } MiB
config-missing = is missing
config-unknown = is not a key that this program knows
config-not-table = a table is wanted, this is “{ $found }”
config-not-tables = [[{ $key }]] is wanted, this is “{ $found }”
config-not-id = “{ $text }” is not an id: use 1–64 of a–z, A–Z, 0–9, _ - .
config-name-empty = is empty: a name that people can read is wanted
config-too-long = has { $n } characters, at most { $most } are wanted
config-not-address = “{ $text }” is not an address like 0.0.0.0:80
config-not-server = “{ $text }” is not an address like mqtts://xa.example:8883
config-not-page = “{ $text }” is not the address of a page on the web. Do: write it in full, like https://dichvucong.gov.vn/
config-not-hours = it must be a number of hours, 1 to 168
config-not-rtsp = an address like rtsp://192.168.2.31:554/path is wanted
config-password-in-address = user and password do not belong in the address: use user and password_file
config-not-public-base = must be an address such as https://benthoc.example, without ? or #, 100 characters at most
config-not-sha256 = 64 hexadecimal digits are wanted
config-not-telephone = is not a telephone number, for example "0912 345 678"
config-out-of-bounds = { $value } is not between { $least } and { $most }
config-not-degrees = -{ $most } to { $most } degrees are wanted
config-bad-thresholds = at most { $most } numbers are wanted, each below 10¹²
config-limit-unknown = there is no limit named { $key }
config-limit-too-large = the limit { $key } is too large
config-not-filter = “{ $filter }” is not an MQTT filter
config-filters-out-of-bounds = “{ $name }” has too many filters, or too long ones
config-too-many-lights = “{ $group }” has { $n } lamps, at most { $most } are wanted
config-tls-missing = WebSocket over TLS and client certificates need the TLS listener
config-uplink-files-missing = server needs ca, certificate and key beside it
config-speech-url-missing = clusters fetch sounds from the portal, which listens on every address: give the one on which they reach it, http://192.168.20.1:80
config-declared-twice = “{ $id }” is declared twice
config-address-used-twice = { $address } is used by two listeners
config-segments-overlap = two networks share an interface or addresses, or an address is not of its kind

# Why no pictures come from a camera
stream-no-address = the configuration has no address for it
stream-password-unreadable = the password file { $path } cannot be read: { $cause }
stream-credentials-refused = it refuses the user or the password
stream-path-unknown = it knows no such picture; look at the path of its address
stream-too-many-clients = it serves too many already
stream-tcp-refused = it does not send over TCP; allow “RTP over RTSP (TCP)” in its settings
stream-error-status = it answered { $code } to { $request }
stream-answer-unreadable = its answer to { $request } cannot be read: “{ $error }”
stream-request-failed = { $request } failed: “{ $error }”
stream-receive-failed = receiving its pictures failed: “{ $error }”
stream-no-answer = it did not answer { $request } within { $seconds } s
stream-nothing-offered = it offers no pictures
stream-codec-unsupported = it sends neither H.264 nor H.265, but { $offered }
stream-frozen = it froze: no picture for { $seconds } s, the connection stands
stream-parameters-missing = pictures come, but no keyframe with its parameter sets (SPS, PPS) for { $seconds } s; set its keyframe interval to 1–2 s and “smart codec” off
stream-keyframe-missing = pictures come, but no whole keyframe for { $seconds } s; set its keyframe interval to 1–2 s and “smart codec” off
stream-parameters-unreadable = its picture parameters cannot be read: “{ $error }”
stream-picture-size = its pictures are { $width }×{ $height }, which is not taken
stream-too-much-data = it sends too much: { $mb } MB and { $pictures } pictures in { $seconds } s
stream-picture-too-large = it sent a picture of more than { $mb } MB
stream-session-ended = it ended the session (RTCP BYE)
stream-connection-ended = it ended the connection
stream-data-unreadable = it sent something that could not be read
stream-other = another error: “{ $error }”

# Why a part of the machine does not work well
health-several = { $reasons }
health-starting = this part is starting
health-service-ended = this part ended by itself and is being started again
health-service-failed = this part failed and is being started again: “{ $error }”
health-service-panicked = this part hit a mistake of the program and is being started again: “{ $error }”
health-worker-not-started = the helper process could not be started: { $cause }
health-worker-exited = the helper process ended with code { $code } and is being started again
health-worker-killed = signal number { $signal } ended the helper process, which is being started again
health-worker-ended = the helper process ended, it is not known how: { $cause }
health-worker-closed-output = the helper process can report nothing any more and is being started again
health-worker-not-reading = the helper process takes no commands ({ $cause }) and is being started again
health-worker-flooded = the helper process reported too much, was ended and is being started again
health-worker-silent = the helper process was silent for more than { $seconds } s, was ended and is being started again
health-worker-too-large = the helper process used { $used_mb } MB of memory, { $allowed_mb } MB are allowed; it was ended and is being started again
health-worker-stopped = the helper process was ended together with the machine
health-broker-not-ready = the MQTT broker takes long to start and serves no device yet
health-broker-storage-failing = the storage cannot be written: MQTT messages are only in memory
health-messages-dropped = { $n ->
        [one] { $n } MQTT message was dropped because the queue of a receiving device was full
       *[other] { $n } MQTT messages were dropped because the queue of a receiving device was full
    }
health-broker-log-damaged = the MQTT broker's log on storage is damaged in part: { $loss }. Found at { $found }
health-broker-log-missing = the MQTT broker's log on storage is gone or empty: { $loss }. Found at { $found }
health-broker-log-outdated = the MQTT broker's log on storage is an old copy without its end: { $loss }. Found at { $found }
health-broker-log-foreign = the MQTT broker's log on storage is another machine's and is not used: { $loss }. Found at { $found }
health-history-shorter = the commune has { $n } entries more than this machine still has: the end of this history is lost. Found at { $found }; the commune keeps what it received
health-history-older = this machine reports boot { $boot }, the commune knows of boot { $highest }: the storage was set back to an old copy, or made anew. Found at { $found }; the commune keeps what it received
health-history-twin = two machines talk to the commune in the name of this village: the storage was copied. Found at { $found }; the commune keeps what it received
health-history-differs = the commune has another entry under the number of one of this machine. Found at { $found }; the commune keeps what it received
health-journal-not-writable = the history cannot be written to storage ({ $cause }): every command is refused until it can, and then the machine restarts by itself
health-journal-ended = what writes the history has ended: every command is refused until it can be written, and then the machine restarts by itself
health-entry-changed = entry { $entry } of the history is not what was written
health-entries-missing = entries { $from } to { $to } of the history are missing
health-packs-damaged = { $n ->
        [one] { $n } pack of old history is damaged and was set aside
       *[other] { $n } packs of old history are damaged and were set aside
    }
health-packs-rebuilt = { $n ->
        [one] { $n } pack of old history was gone or damaged; what the log still has of it is packed again
       *[other] { $n } packs of old history were gone or damaged; what the log still has of them is packed again
    }
health-files-foreign = { $n ->
        [one] { $n } file is of another village or of a copy of this one, and was set aside
       *[other] { $n } files are of another village or of a copy of this one, and were set aside
    }
health-segments-truncated = { $n ->
        [one] { $n } file of the log was cut short; what stood behind the cut is gone
       *[other] { $n } files of the log were cut short; what stood behind the cuts is gone
    }
health-segments-missing = { $n ->
        [one] { $n } file of the log was removed; what stood in it is gone
       *[other] { $n } files of the log were removed; what stood in them is gone
    }
health-segments-stray = { $n ->
        [one] { $n } file in the log's folder has a number that this log never gave; it is read and left where it is, and may be moved away when journal check misses nothing without it
       *[other] { $n } files in the log's folder have numbers that this log never gave; they are read and left where they are, and may be moved away when journal check misses nothing without them
    }
health-records-unreadable = { $n ->
        [one] { $n } write of the history cannot be read
       *[other] { $n } writes of the history cannot be read
    }
health-snapshots-damaged = { $n ->
        [one] { $n } snapshot was damaged and is made again; nothing is lost
       *[other] { $n } snapshots were damaged and are made again; nothing is lost
    }
health-state-folded = the snapshots were gone or old, and the village was made again from its history
health-history-damaged = a part of the history cannot be read
health-blocks-unreadable = entries { $from } to { $to } of the old history cannot be read ({ $n } such places)
health-index-unusable = the index of the history cannot be used: { $cause }
health-key-missing = the key { $file } is missing
health-key-damaged = the key { $file } is damaged
health-key-mismatch = the key { $file } is not the one of this machine
health-certificate-not-renewed = the MQTT certificate could not be renewed: “{ $error }”
health-certificate-not-installed = no certificate for HTTPS is installed
health-network-helper-unreachable = the network helper ({ $socket }) cannot be reached: { $cause }
health-network-helper-silent = the network helper does not answer
health-network-refused = the kernel refused the new rules; the ones before stay in force: “{ $detail }”
health-network-plan-differs = the network helper runs with an older section [network] of the configuration than the gateway; the rules before stay in force
health-guest-key-lost = the key guests.key cannot be used, so no new guest is let in; whoever is in goes on to the end, the staff's network and names go on
health-interface-missing = interface { $interface } is not there
health-internet-down = there is no way to the internet
health-internet-metered-open = on 4G; visitors may use up to { $mb } MB today
health-internet-metered = the internet is paid by the byte now; guests see the village's pages only
health-names-not-served = names cannot be answered at { $address }: { $cause }
health-block-list-unreadable = the block list { $path } cannot be read; nothing is blocked meanwhile
health-block-list-missing = the village switched the block list on, and no file is configured; nothing is blocked
health-sequence-lost = { $path } cannot be read ({ $cause }): orders to loudspeakers are numbered on from the machine's time
health-option-not-written = the hint for phones (option 114) cannot be written to { $path } ({ $cause }): phones find the portal by themselves, as usual
health-reservations-not-written = the addresses that are kept cannot be written to { $path } ({ $cause }): the old list is used
health-space-low = the disk is almost full: { $mb } MB are left at { $path }
health-files-low = the disk has almost no room for new files: { $n } more at { $path }
health-space-unknown = it cannot be seen how much room { $path } has: { $cause }
health-readings-missing = the file of readings is gone or empty: some readings of the last day are lost
health-readings-damaged = the file of readings is damaged in part: some readings of the last day are lost
health-readings-outdated = the file of readings is an old copy, or its end is missing: some readings of the last day are lost
health-readings-foreign = there are files of readings of another machine, which are not used: some readings of the last day are lost
health-readings-not-written = readings could not be written to storage: { $cause }
health-texts-lost = { $n ->
        [one] both copies of { $n } text are damaged or lost: { $texts }
       *[other] both copies of { $n } texts are damaged or lost: { $texts }
    }
health-texts-repaired = { $n ->
        [one] one copy of { $n } text was damaged and was made again from the other
       *[other] one copy of { $n } texts was damaged and was made again from the other
    }
health-texts-unchecked = not all files of people could be checked: { $cause }
health-texts-not-erased = { $n ->
        [one] { $n } text that is to be erased could not be erased: { $cause }; the machine tries again every 10 s
       *[other] { $n } texts that are to be erased could not be erased: { $cause }; the machine tries again every 10 s
    }
health-session-rows-not-removed = rows of the wifi's sessions are past their days and could not be deleted ({ $path }): { $cause }; the machine tries again each minute
health-map-unreadable = the village map cannot be read: the pages of roads and alleys have nothing to show; it is read again every minute
health-feed-dead = the news of { $name } could not be read since { $since }
health-links-dead = { $n } links to other pages do not open, the first is { $link }; visitors' pages hide them
health-not-sandboxed = the program that decodes pictures is not confined as it should be (Landlock or seccomp is missing or refused); everything works
health-recording-disk-missing = { $path } was a disk of its own and is not any more: the disk for recordings is not mounted
health-recordings-unusable = the folder of recordings { $path } cannot be used: { $cause }
health-camera-not-recorded = { $camera } is not recorded: “{ $error }”
health-camera-undecodable = { $camera } is recorded and its pictures cannot be decoded: “{ $error }”
health-camera-unchecked = { $camera } is recorded, and this machine cannot check whether its pictures can be decoded: “{ $error }”
health-camera-packet-loss = packets get lost between { $camera } and this machine: { $percent } % of a minute's pictures are missing or smeared
health-camera-slow-disk = the disk is too slow for { $camera }: { $percent } % of a minute's pictures are not recorded
text-person = record of { $id }
text-notice = notice { $id }
text-announcement = announcement { $id }
text-procedures = the list of procedures
text-storm-plan = the plan for a storm
text-old = old ones, on no page any more
loss-groups = { $n ->
        [one] { $n } write cannot be read
       *[other] { $n } writes cannot be read
    }
loss-records = { $n ->
        [one] { $n } change cannot be read
       *[other] { $n } changes cannot be read
    }
loss-retained = retained messages left: { $n }
loss-retained-before = retained messages left: { $n } (before: { $before })
loss-sessions = sessions left: { $n }
loss-sessions-before = sessions left: { $n } (before: { $before })
console-locked = Nobody can sign in: a key of the commune's page is lost or damaged ({ $lost }). The technician runs: conglang doctor

# Cameras
cli-guests = Devices in the wifi: { $n }, { $bytes } today
cli-guests-waiting = Devices waiting for the internet: { $n }, { $bytes } today
cli-guests-last-known = As last known: devices in the wifi: { $n }, { $bytes } today
cli-guest-none = This box has no wifi for visitors: the configuration has no part [network]
cli-guest-broken = The network helper does not answer: nobody new can come in. See: systemctl status conglang-netd
cli-guest-key-lost = The key guests.key cannot be used: nobody new gets in, whoever is in goes on to the end. See: conglang key show
cli-guest-line-down = The internet line is down: visitors cannot go online
cli-guest-metered = On the 4G line for now; visitors used { $bytes } of it today
cli-guest-waited = { $n ->
    [one] { $n } tap of a new device had to wait for its turn since the network helper was reached
   *[other] { $n } taps of new devices had to wait for their turn since the network helper was reached
}
cli-guest-in = in since { $since }, { $left } left
cli-guest-always = always let in
cli-guest-blocked = blocked
cli-guest-random = may change its code
cli-guest-random-note = This device may change its code: tomorrow it may have another one, and then this is about no device.
cli-guest-several = Several devices match “{ $device }”. Type more letters of the id; see: conglang guest list
cli-guest-unknown = No device matches “{ $device }”. See the ids: conglang guest list
cli-guest-sessions = { $n ->
    [one] { $day }: { $n } session ended, { $bytes }
   *[other] { $day }: { $n } sessions ended, { $bytes }
}
cli-guest-no-sessions = { $day }: no session ended
cli-guest-keeps = The book is kept { $days } days, then deleted; times, bytes and codes of devices only
cli-guest-keeps-none = The village keeps no book of coming and going
cli-guest-session-days = { $n ->
    [one] There are rows of { $n } day, { $to }
   *[other] There are rows of { $n } days, from { $from } to { $to }
}
cli-guest-session = { $since }–{ $until } · { $bytes }
cli-guest-day = “{ $text }” is no day. Do: type 21/11 or 21/11/2026.
cli-guest-unread = The book of coming and going at { $path } cannot be read: { $cause }
cli-guest-cut = { $name } is cut off. It can come back with a tap.
cli-guest-was-out = { $name } was not in any more.
cli-guest-uncut = It stands in history, but the network helper does not answer: { $name } may not be cut off. See: systemctl status conglang-netd
cli-guest-allowed = { $name } is always let in from now on.
cli-guest-kept-out = { $name } is blocked.
cli-guest-forgotten = { $name } is as all other devices from now on.
cli-guest-rules = Rules of the free wifi
cli-guest-rules-set = The rules of the free wifi are set
cli-guest-no-rule = “{ $rule }” cannot be read. Write NAME=VALUE as conglang guest rules prints them.
cli-cameras = { $n } cameras, { $lost } without pictures
cli-camera-removed = taken out of the configuration, recordings are left
cli-camera-none-yet = no pictures yet
cli-camera-here = pictures since { $since }
cli-camera-lost = no pictures since { $since }
cli-camera-recorded = recorded until { $until }, { $mb } MB
cli-camera-why = why: { $why }
cli-camera-not-recorded = pictures are not recorded, reason: “{ $why }”
cli-camera-undecodable = recorded, but cannot be decoded: “{ $why }”
cli-camera-unchecked = recorded, but this machine cannot check whether it can be decoded: “{ $why }”
cli-camera-packets = packets are lost on the way, { $n } % of a minute's pictures are missing or smeared. Do: look at cable and Wi-Fi; lower the camera's bit rate
cli-camera-missed = the disk is too slow, { $n } % of a minute's pictures are not recorded. Do: see whether the disk fails or is busy; lower the camera's bit rate
cli-camera-clock-stands = the camera's clock stands still, this machine's time is used
cli-camera-clock-steps-back = the camera's clock steps back again and again, this machine's time is used
cli-camera-clock-jumps = the camera's clock jumps again and again, this machine's time is used
cli-camera-clock-pace = the camera's clock runs fast or slow, this machine's time is used

# Networks of the box
net-none = the configuration has no network that this box serves. Do: add the section [network], see config/conglang.toml
net-no-radio = the configuration has no radio in [network], or no guest network. With access points of their own no hostapd is needed
net-leases-unread = cannot read { $path }: { $why }
net-leases = { $n ->
    [one] { $n } address is given out
   *[other] { $n } addresses are given out
  }, { $reserved } kept for a device.
net-leases-none = No address was given out yet. Do: systemctl status conglang-dhcp
net-no-names = The gateway does not run: which address is kept for which device is not known.
net-segment-guest = guests
net-segment-device = devices
net-segment-staff = house
net-segment-other = elsewhere
net-kept = { $name } · kept for it
net-kept-unseen = { $name } · kept for it, not seen yet
net-moves = { $name } · moves to { $address } within an hour
net-until = { $name } until { $until }
net-for-ever = { $name } for ever
net-many-addresses = The device { $mac } took { $n } addresses: it is probably a repeater in the middle, and many phones behind it count as one. Do: set it to bridge mode (access point) or replace it
net-behind-one = { $n } devices send through one, { $mac }: this access point is no bridge, and when one person taps all { $n } are in. Do: set it to bridge mode (access point)
net-nearly-full = Network “{ $segment }”: { $taken } of { $size } addresses are taken, it is nearly full. Do: give it a larger range in [network]
net-no-mac = { $mac } is not the hardware address of one device. Type it like aa:bb:cc:00:11:22
net-not-reservable = the address { $address } cannot be kept. Only addresses of devices and of the house can, but not the box's own: { $segments }
net-reserved = { $name }: { $mac } keeps the address { $address }. The device moves to it within an hour, or at once when it is switched off and on.
net-released = { $mac }: no address is kept any more. The device uses the one that it has until that expires.

# Devices
cli-devices = { $n } devices, { $gone } do not answer, { $unknown } not known yet
cli-device-unknown = not known yet: it never reported
cli-device-here = answers, since { $since }
cli-device-gone = does not answer since { $since }
cli-no-device = there is no device “{ $id }”. Do: see conglang device list.
cli-no-light = there is no lamp “{ $id }”. Do: see conglang device show with the part before the dot.
device-in-force = in force now.
device-not-in-force = recorded; the MQTT broker has not answered yet, see conglang doctor.
device-plain = plain
device-no-ports = not known (mend the configuration, see above)
device-broker = the address of this box, port { $ports }
device-row-broker = MQTT broker
device-row-user = MQTT user
device-row-password = Password
device-row-publish = Publishes under
device-row-subscribe = Subscribes under
device-secret-once = The password is not shown again; if it is forgotten, run this again for a new one.
device-removed = { $id }: taken away, its connection is cut.
device-removed-later = { $id }: recorded; the MQTT broker has not confirmed it yet, see conglang doctor.
device-no-place = the place's id holds something else than a–z, 0–9, - _ . Nothing was changed.
device-configured = the secret of { $id } stands in the configuration (secret_sha256). Do: change it there, or take it out there first.
device-never = never
device-on = on, since { $since }
device-off = off, since { $since }
device-waiting = Ordered, waiting for the lamp…
device-answered = { $name } answers: { $words }.
device-superseded = { $name }: another order took the place of this one; now: { $words }.
device-silent = { $name } has not answered: { $words }. Do: conglang device show { $device }; conglang broker why { $device }.

# History
history-index-unread = the index of the history cannot be read now. Do: run it without --about, or see conglang doctor.
journal-none = Nothing of that kind happened.
journal-since = “{ $text }” is no moment. Do: type 30m, 2h, 3d, 14:05, 21/11, 21/11/2026 or "21/11 06:30".
journal-checking = { $n } entries checked…
journal-unread = cannot read the history in { $path }: { $why }.
journal-whole = History is whole: { $n } entries ({ $first } to { $last }), { $boots } boots.
journal-wrong = History has { $n } faults, { $entries } entries can be read:
journal-entries-missing = entries { $from } to { $to } are missing
journal-entries-gone = entries { $from } to { $to } were there and are gone
journal-lane-jumps = entry { $entry }: lane { $lane } jumps from { $from } to { $to }
journal-chain-broken = { $path }: the chain of lane { $lane } is not what the entries give; history was changed
journal-chain-broken-in-log = record { $record } of the log: the chain of lane { $lane } is not what the entries give; history was changed
journal-set-aside-damaged = { $path } is damaged and was set aside
journal-set-aside-foreign = { $path } is of another village or of a copy of this one, and was set aside
journal-block-unreadable = { $path }: entries { $from } to { $to } cannot be read: { $cause }
journal-pack-unreadable = { $path } cannot be read: { $cause }
journal-file-foreign = { $path } is of another village or of a copy of this one
journal-segment-foreign = file { $segment } of the log is of another village or of a copy of this one
journal-segment-truncated = file { $segment } of the log was cut short; what stood behind entry { $entry } may be gone
journal-segments-missing = { $n ->
        [one] { $n } file of the log was removed
       *[other] { $n } files of the log were removed
    }
journal-segment-stray = { $path }: the log never gave this number
journal-log-missing = the log folder { $path } is missing
journal-records-unreadable = { $n ->
        [one] { $n } write of the log cannot be read; the last entry behind it is { $entry }
       *[other] { $n } writes of the log cannot be read; the last entry behind them is { $entry }
    }
journal-snapshots-damaged = { $n ->
        [one] { $n } snapshot is damaged
       *[other] { $n } snapshots are damaged
    }
journal-no-snapshot = no snapshot can be used; the next start makes one from the entries
journal-newest-pack-missing = the newest pack of history is gone or damaged; what of it stands in the log is packed again at the next start

# People
users = { $n ->
        [one] { $n } person
       *[other] { $n } people
    }
user-unread = (the name cannot be read)
cli-role-chief = chief
cli-role-technician = technician
user-pin = { $name } ({ $id }) signs in with PIN { $pin }. Hand it over in person, it is not shown again.
user-renamed = { $id } is { $name } from now on. The PIN stays, nobody has to sign in again.
user-removed = { $id }: taken out. The person's phones are signed out.
person-not-stored = the name and the PIN cannot be written to storage: { $why }. Nothing was changed.
officers = { $n ->
    [one] { $n } officer may sign in at the commune's page
   *[other] { $n } officers may sign in at the commune's page
 }
officers-none = No officer has a name yet: everybody uses the PIN of the office. Do: conglang commune officer add hoa "Chị Hoa, văn hóa xã"
officer-pin = { $name } ({ $id }) signs in with PIN { $pin }. Hand it over in person, it is not shown again.
officer-removed = { $id }: taken out, and signed out everywhere.
officer-known = “{ $id }” is { $name } already. Nothing was changed. Do: choose another id; or give a new PIN: conglang commune officer pin { $id }
officer-unknown = there is no officer “{ $id }”. Do: conglang commune officer list
officer-last = “{ $id }” is the last officer; without anybody the PIN of the office would count again. Do: add somebody else first.
officer-too-many = there are { $most } officers, no more can be added. Do: take out who left.
officer-locked = a key of the commune's page is lost or damaged, so no PIN can be given. Do: conglang doctor
officer-no-command = the commune's server does not know this command; it is for a village. Do: leave out --config, or name the village's configuration.
commune-history-day = “{ $text }” is no day. Do: type 21/11 or 21/11/2026.
file-cut = the file broke off; nothing of it is stored
map-not-written = the map could not be written to storage. Do: conglang doctor.
notice-not-written = the notice's text cannot be written to storage. Do: conglang doctor.

# Tokens of programs
scope-read = read
scope-switch = switch lamps
scope-speak = speak, publish notices
scope-manage = manage devices
token-made =
    Token of the program “{ $name }”: { $token }
    { "  " }may   { $scopes }
    { "  " }use   authorization: Bearer { $token }
    The token is not shown again; if it is lost, conglang token remove { $name }, then a new one.
token-in-file = { $scopes }; it is in the file keys/api.token
token-file-away = The token in the file keys/api.token was taken away.
tokens = { $n ->
        [one] { $n } token
       *[other] { $n } tokens
    }
token-removed = { $name }: taken away, a program that uses it is refused from now on.

# Certificates
cert-days = { $n ->
        [one] valid for { $n } day
       *[other] valid for { $n } days
    }
cert-expired = { $n ->
        [one] expired { $n } day ago
       *[other] expired { $n } days ago
    }
cert-ends = ends on { $date }, { $days }
cert-none = there is none yet
cert-damaged = cannot be used: the file is damaged
cert-foreign = cannot be used: it is not of this CA
cert-early = cannot be used: it is not valid yet
cert-early-clock = not valid yet; see the machine's clock
cert-wrong-clock = cannot be used: its dates are of a wrong clock
cert-damaged-or-early = cannot be used (damaged, or not valid yet)
cert-https = HTTPS of the dashboard: { $state }
cert-mqtt = MQTT of the devices: { $state } (renewed by itself)
cert-clock = The machine's clock is not right: the days are counted by the latest known time.
cert-unusable = the certificate { $certificate } and the key { $key } cannot be used. Do: see whether both are PEM and belong together.
cert-installed = The certificate is installed, { $days }. The dashboard uses it within seconds.
cert-made-damaged = the certificate that was just made cannot be read. Do: run it again; if that does not help: conglang key show.
cert-not-made = no certificate could be made for the village { $id }: { $why }. Do: run it again; if that does not help: conglang key show.
cert-not-recorded = the certificate was made, but { $path } cannot be written: { $why }. The server does not accept the new certificate yet. Do: mend that and run it again.
cert-village = Written: { $file }. Take this file and { $ca } to the village. The village's old certificate, if it has one, is not accepted any more.

# Keys
key-well = well
key-first-start = none yet, the first start makes it
key-missing = its file is gone
key-damaged = damaged
key-foreign = not the key of this data
key-unusable = the key { $file }: { $problem }; see conglang key show.
key-unknown = there is no key “{ $name }”; the keys are: { $names }.
key-accepted = The { $file } in its place is the right one from now on. Restart: systemctl restart conglang
key-not-accepted = the key { $path } could not be accepted: { $why }.
key-not-renewed = no new key { $path } could be made: { $why }.
key-would-renew =
    A new key { $file }: { $cost }.
    If there is a backup, copy the old file to { $path } instead.
    Do it: conglang key renew { $name } --yes
key-renewed =
    The key { $file } is new; the old one, if there was one, is in the file .before beside it.
    { $cost }.
    Restart: systemctl restart conglang
key-loss-people = what people wrote cannot be read, nobody can sign in
key-loss-pepper = nobody can sign in (PINs cannot be checked)
key-loss-forms = known phones are not recognized while somebody guesses PINs
key-loss-voice = the horns do not play
key-loss-token = programs cannot use the API
key-loss-house-ca = the devices' MQTT certificate cannot be renewed
key-loss-ca = certificates of villages cannot be made or renewed
key-loss-console = nobody can sign in to the commune's page
key-loss-console-pin = nobody can sign in to the commune's page
key-cost-people = All notices, names and PINs that were written with the old key can NOT be read any more. Afterwards each person is set up again: conglang user pin ID NAME
key-cost-pepper = All PINs become invalid. Afterwards each person gets a new one: conglang user pin ID
key-cost-forms = Open pages must be loaded again; known phones must sign in once to be recognized
key-cost-voice = All speaker clusters refuse orders until the new keys/voice.pub is pinned in each
key-cost-token = Every program must be given the new token in keys/api.token
key-cost-house-ca = Every device that uses TLS must get the new keys/house-ca/ca.pem
key-cost-ca = All villages lose the link until they get a new certificate (conglang cert village) and the new ca.pem
key-cost-console = The PIN of the commune's page is made anew: see keys/console.first-pin. Officers who have a name get a new PIN each: conglang commune officer pin ID
key-cost-console-pin = The old PIN of the commune's page becomes invalid; the new one is in keys/console.first-pin

# Configuration
config-well = { $n ->
        [one] The configuration is right: { $n } value.
       *[other] The configuration is right: { $n } values.
    }
setup-exists = { $file } is there already and is not overwritten. Do: change that file, or choose another by --config.
setup-question = { $n }/{ $all } { $question }
setup-name = Name of the village
setup-name-default = Thôn Bến Thóc
setup-commune = Commune
setup-commune-default = xã Đồng Nếp
setup-place = Position (latitude, longitude)
setup-chief = The chief (as people say the name)
setup-chief-default = Ông Mẫu
setup-phone = Telephone of the technician (empty if there is none)
setup-wifi = Name of the page on the wifi
setup-devices = Address of this machine in the devices' network, for example 192.168.20.1 (empty if there is none)
setup-server = The commune's server (empty if there is none)
setup-folder = Data folder
setup-no-position = “{ $answer }” is not a position, for example: 19.0, 107.0
setup-again = That cannot be used: { $problem }. Once more:
setup-ended = answers are missing; nothing was written. Do: run conglang setup again.
setup-done =
    Written: { $file }.
    Next:
    { "  " }systemctl start conglang
    { "  " }conglang user add truong-thon "{ $chief }"
    { "  " }conglang doctor

# The link to the commune
sync-none = No commune is configured.
sync-up = The commune has everything up to entry { $received } of { $time }, { $n } wait.
sync-down = No connection to the commune. It has everything up to entry { $received }; { $n } are stored here and wait.
sync-down-never = No connection to the commune. It has no entry yet; { $n } are stored here and wait.

# doctor: machine, disk, keys
doctor-no-village = The configuration has no part [village]
doctor-no-village-do = add id, name, commune of the village
doctor-disk-low = The disk is almost full: { $mb } MB are left at { $path }
doctor-no-data = The data folder { $path } cannot be seen: { $why }
doctor-no-data-do = look at the card and at the folder's permissions
doctor-inodes = The disk has almost no room for new files: { $n } more at { $path }
doctor-inodes-do = remove small files that are not this program's (df -i counts them), or take a larger card
doctor-not-writable = { $path } cannot be written: { $why }
doctor-not-writable-do = the card may be locked or broken; run as the right user; replace the card
doctor-keys-open = Other users of this machine can read keys: { $names }
doctor-data-open = Other users of this machine can enter the data: { $names }
doctor-no-dhcp = Nobody gives out addresses: phones and cameras that join now do not work
doctor-no-dhcp-do = systemctl restart conglang-dhcp; journalctl -u conglang-dhcp -n 50
doctor-no-time = Nobody gives the time: cameras, lamps and horns are wrong after each power cut
doctor-no-time-do = systemctl restart conglang-time chrony; see /etc/chrony/conf.d/conglang.conf
doctor-no-forwarding = The kernel forwards nothing: guests who tapped do not reach the internet
doctor-no-forwarding-do = systemctl restart conglang-netd; remove the lines ip_forward and forwarding from /etc/sysctl.d
doctor-clock = The machine's clock is not right: before the program was made, or many years after it
doctor-clock-do = connect a network, the clock is then set by itself; see: timedatectl
doctor-speech = The program that speaks, “{ $name }”, is not there
doctor-letters = The program that reads letters in pictures is not there: scanned papers have no text to be read, found or heard
doctor-key = Key { $file }: { $problem }. Because of that { $loss }
doctor-key-do = copy { $path } from a backup; without one: conglang key renew { $name }
doctor-mqtt-certificate = The devices' MQTT certificate: { $state }, and it has not renewed itself
doctor-mqtt-certificate-do = see the machine's clock; conglang cert show; journalctl -u conglang | grep certificate
doctor-villages-certificate = The certificate that villages see: { $state }, and it has not renewed itself
doctor-village-certificate = The village's certificate { $path } is damaged or not valid yet
doctor-village-certificate-do = ask the commune for a new file: conglang cert village
doctor-uplink-certificate = The certificate of the link to the commune: { $days }
doctor-uplink-certificate-do = connect a network so that it renews itself, or ask the commune for a new file
doctor-https-unusable = The HTTPS certificate cannot be used: it is damaged, or not valid yet
doctor-https-unusable-do = see the machine's clock; conglang cert install CERTIFICATE KEY
doctor-https-none = No certificate for HTTPS is installed
doctor-https-old = The HTTPS certificate: { $days }
doctor-https-old-do = get a new one and install it before that day: conglang cert install CERTIFICATE KEY; once it has ended phones say that the page is not safe
doctor-https-do = conglang cert install CERTIFICATE KEY
advice-space = remove recordings, or take a larger card

# doctor: the running gateway
doctor-error = ERROR
doctor-note = NOTE
doctor-do = Do:
doctor-sum = { $made }/{ $all } checks: { $errors } errors, { $notes } notes. Exit code { $code }.
doctor-config = The configuration { $path } has mistakes
doctor-red = The part “{ $part }” fails: { $why }
doctor-amber = The part “{ $part }” needs a look: { $why }
doctor-no-commune = No connection to the commune, { $n } wait
doctor-no-commune-do = look at the network outside; everything in the village works on
doctor-broker-silent = The MQTT broker did not answer, so it is not known which devices it refused
doctor-refused = Refused or cut since the MQTT broker started: { $names }
doctor-refused-do = conglang broker why NAME
doctor-unused = Devices announce what cannot be used: { $names }
doctor-unused-do = conglang broker why NAME; mend it at the device and let it announce itself again
doctor-quarantined = Devices without an account wait: { $names }
doctor-quarantined-do = conglang device add NAME "what people call it"
advice-recordings = conglang camera list; see whether the disk for recordings is mounted and has room
advice-pictures = it works; take a newer Linux kernel or conglang.service when there is time
advice-queues = conglang broker clients: a line with “dropped” is a slow device; look at its network
advice-queues-full = make room, mount the card for writing, or replace the card
advice-map = import the map again: conglang directory import FILE
advice-feed = open the address in [[feed]] of the configuration with a browser; mend it or leave it out if the page has moved
advice-links = mend the link in the notice, in the file with procedures or in [[official]]; the chief's page of notices names each place
advice-people = copy the file in people/ from a backup; without one take the notice down, or: conglang user pin ID. If it happens often, replace the card
advice-commune = ask the commune; see whether there are two machines of this name, or the card was set back to an old copy. Delete nothing at the commune
advice-reservations = systemctl status conglang-dhcp; this folder must be there, and the group conglang-dhcp must be able to write to it
advice-samples = new readings are stored; if it happens often, replace the card
advice-ledger = devices report again when they reconnect; lamps, horns: order again. If it happens often, replace the card
advice-index = delete index.redb in the data folder and restart; it is built again
advice-certificate = see the machine's clock; conglang cert show
advice-starting = wait a minute and look again; if it stays so, see: journalctl -u conglang
advice-log = journalctl -u conglang -n 50
advice-bug = journalctl -u conglang -n 50; tell those who make the program
advice-network-helper = systemctl status conglang-netd; journalctl -u conglang-netd -n 50
advice-network-plan = systemctl restart conglang-netd
advice-guest-key = conglang key show; put guests.key back from a copy and restart; without a copy: conglang key renew guests (it says what that costs)
advice-network-refused = journalctl -u conglang-netd -n 50; check the section [network]: conglang config check
advice-interface = look at the cable or the USB adapter; ip link; the names in the section [network]
advice-internet = look at the modem's lights; ip route
advice-internet-metered = look at the fibre; when it is back, the box uses it by itself
advice-names = ss -ulpn; another program may hold this port
advice-block-list = put the file back, it is read by itself within a minute; or switch the block list off on the page Wifi miễn phí
advice-block-list-missing = name the file in block_list of the section [network], or switch it off on the page Wifi miễn phí
advice-journal-check = conglang journal check
advice-keys = conglang key show
advice-https = conglang cert install CERTIFICATE KEY
advice-sequence = the loudspeakers still play; if it happens often, replace the card
advice-files = remove small files that are not this program's (df -i counts them), or take a larger card
advice-texts-repaired = nothing is lost; if it happens often, replace the card
advice-recording-disk = mount the disk for recordings; if it was taken away on purpose, remove recordings.apart in the data folder
advice-camera-network = look at the camera's cable, Wi-Fi and bit rate

cmd-directory = The map of roads, alleys and houses
cmd-directory-check = Look for mistakes in a GeoJSON file; works with the gateway stopped
cmd-directory-check--file = The file
cmd-directory-import = Give the village this map instead of the one that it has
cmd-directory-import--file = The file
cmd-directory-import--withdraw-labels = Take away the trade or telephone of houses that are not where they were
directory-wrong = { $n ->
    [one] The file has { $n } mistake; nothing was taken, the old map stays:
   *[other] The file has { $n } mistakes; nothing was taken, the old map stays:
}
directory-good = The file is right: { $roads } roads and alleys, { $houses } houses.
directory-imported = The map was taken: { $roads } roads and alleys, { $houses } houses.
directory-labels = { $n ->
    [one] Nothing was taken: { $n } house has a trade or telephone and is not where it was on the new map. Mend its id in the file, or add --withdraw-labels to take the trade or telephone of this house away:
   *[other] Nothing was taken: { $n } houses have a trade or telephone and are not where they were on the new map. Mend the ids in the file, or add --withdraw-labels to take the trade or telephone of these houses away:
}
directory-labels-gone = { $n ->
    [one] The trade or telephone of { $n } house was taken away:
   *[other] The trade or telephone of { $n } houses was taken away:
}
directory-lost-links = These printed links lead nowhere any more; to keep them, put the old ids into old_ids: { $links }
text-map = the village's map
text-house-label = the trade or telephone of house { $id }
cmd-print = Print codes into a PDF: wall sheet, alley-head sheets, plates and stickers of houses
cmd-print-wall = The sheet for the village hall's wall, A4
cmd-print-wall--out = Write into this file
cmd-print-alleys = Sheets for heads of roads and alleys, A4: one road or all
cmd-print-alleys--road = Id of the road; without it all
cmd-print-alleys--out = Write into this file
cmd-print-plates = Plates of houses to be engraved, one a page
cmd-print-plates--road = Id of the road
cmd-print-plates--out = Write into this file
cmd-print-stickers = Stickers of houses, 24 on an A4 page
cmd-print-stickers--road = Id of the road
cmd-print-stickers--out = Write into this file
cmd-print-notice = A notice on A5
cmd-print-notice--id = Id of the notice
cmd-print-notice--out = Write into this file
printed = Wrote { $file }: { $bytes } bytes.
print-none = It cannot be printed: the village has no map, or no road or notice has this id, or the road has more than 400 houses (print stickers, not plates).
# Procedures
cli-procedures-unread = { $path } cannot be read: { $cause }.
cli-procedures-wrong = { $n ->
    [one] The file has a mistake; nothing was changed.
   *[other] The file has { $n } mistakes; nothing was changed.
}
cli-procedures-good = The file is good: { $n } procedures, written in { $written }.
cli-procedures-taken = { $n } procedures are in force now.
cli-procedures-same = These { $n } procedures are in force already; nothing was changed.
