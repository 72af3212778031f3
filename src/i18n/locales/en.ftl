# English, for visitors and for the next maintainers. Keys follow vi.ftl.
skip = Skip to content
sections = Sections
today = Today
speakers = Speakers
lights = Lights
lights-page = Street lights
cameras = Cameras
more = More
more-notices = { $n } up
more-drafts = { $n ->
    [one] { $n } draft
   *[other] { $n } drafts
}
more-wifi-none = not offered
more-directory = { $roads ->
    [one] { $roads } road or alley
   *[other] { $roads } roads and alleys
} · { $houses ->
    [one] { $houses } house
   *[other] { $houses } houses
}
more-no-map = no map yet
more-no-list = no list yet
more-plan-written = written
more-plan-none = not written yet
more-sensors = { $n ->
    [one] { $n } sensor
   *[other] { $n } sensors
}
more-devices = { $n ->
    [one] { $n } device
   *[other] { $n } devices
}
more-history = who did what, and when
sensors = Sensors
devices = Devices
notices = Notices
history = History
back = Back
back-home = Back to the first page
cancel = Cancel
sign-in = Sign in
sign-out = Sign out on this phone
who-are-you = Who are you
pin = PIN (6 digits)
phone-remembered = This phone is remembered; you need not enter the PIN again.
nobody-yet = Nobody has a PIN yet
nobody-yet-do = The technician runs “conglang user add” on the box to give out the first one.
wrong-pin = Wrong PIN for { $name }; { $n ->
    [one] { $n } try left
   *[other] { $n } tries left
}
no-pin = The PIN has 6 digits. This one was not counted; { $n ->
    [one] { $n } try left
   *[other] { $n } tries left
}
unknown-person = This name is no longer in the list. Please choose the name again, then type the PIN.
locked-pin = Wrong too often. This phone waits { $minutes ->
    [one] { $minutes } minute
   *[other] { $minutes } minutes
}.
wait-pin = The last PIN was wrong. Please wait { $seconds } s, then try again.
busy-pin = Many people sign in at the same time. Please try again in a few seconds; this try does not count as wrong.
unlooked-pin = The box could not look at the PIN; it is not wrong, and this try does not count. Please try again in a few minutes, and call the technician if it stays so.
unknown-phone = Many wrong PINs came from unknown phones today. Only a phone that signed in before may try; call the technician if needed.
no-phone-today = Too many wrong PINs were tried for this name within a day, so no phone can sign in with it. Try again tomorrow, or ask the technician for a new PIN, which works at once.
key-lost = A secret key of the box is lost, so no PIN can be checked. Your PIN is not wrong. Please call the technician.
cannot-now = The box is busy, please try again in a few minutes.
other-language = Tiếng Việt
larger-text = Larger text
role-chief = May speak on the loudspeakers, publish notices, switch lights, look at cameras.
role-technician = May see and test devices and read the history.
weekday-0 = Sunday
weekday-1 = Monday
weekday-2 = Tuesday
weekday-3 = Wednesday
weekday-4 = Thursday
weekday-5 = Friday
weekday-6 = Saturday
weekday-short-0 = Sun
weekday-short-1 = Mon
weekday-short-2 = Tue
weekday-short-3 = Wed
weekday-short-4 = Thu
weekday-short-5 = Fri
weekday-short-6 = Sat
lunar-month-1 = { "1" }
lunar-month-2 = { "2" }
lunar-month-3 = { "3" }
lunar-month-4 = { "4" }
lunar-month-5 = { "5" }
lunar-month-6 = { "6" }
lunar-month-7 = { "7" }
lunar-month-8 = { "8" }
lunar-month-9 = { "9" }
lunar-month-10 = { "10" }
lunar-month-11 = { "11" }
lunar-month-12 = { "12" }
day-today = today
day-tomorrow = tomorrow
day-yesterday = yesterday
days-left = in { $n ->
    [one] { $n } day
   *[other] { $n } days
}
from-day = from { $when }
clock-hour = { $hour }:00
clock-minute = { $hour }:{ $minute }
lunar-date = day { $day } of lunar month { $month }
lunar-leap = day { $day } of leap lunar month { $month }
lunar-short = lunar { $day }/{ $month }
lunar-short-leap = lunar { $day }/{ $month }, leap
on-air = On air
stop-everything = Stop everything
speak = Speak on the loudspeakers
write-notice = Write a notice
just-happened = Just happened
all-history = See the whole history
all-well = All devices work
nothing-yet = There are no devices yet
nothing-yet-do = Plug a device in and it appears here.
broken-things = { $n } things are broken: { $names }
broken-oldest = Longest: { $name }, since { $since }. Call the technician if switching it off and on did not help.
machine-trouble = The box has a problem: { $what }
machine-trouble-do = Call the technician.
part-queues = the memory card cannot be written
part-broker = the part that talks to devices does not run
part-journal = the history cannot be written
lost-history = Part of the history is lost or damaged.
lost-ledger = Part of what the box remembered of devices is lost.
lost-people = A notice or a name kept in the box is damaged.
lost-commune = The history at the commune and in this box do not agree.
lost-do = Let the technician look: conglang doctor
part-keys = a secret key of the box is lost or damaged
part-other = a part does not run
see-notice = See the notice
tile-speakers = Speakers { $n }/{ $all }
tile-speakers-silent = { $name } silent since { $since }
tile-speakers-ok = All answer
tile-lights = Lights on { $n }/{ $all }
tile-lights-ok = None is broken
tile-lights-bad = { $name } does not answer
tile-cameras = Cameras { $n }/{ $all }
tile-cameras-ok = All pictures come
tile-cameras-bad = { $name } has no picture
tile-cameras-none = No camera is connected yet
tile-cameras-unseen = { $name } is recorded but cannot be watched
tile-cameras-unheard = { $n } never gave a picture
tile-sync-none = No commune is connected
tile-sync-none-do = Everything works in the village
tile-sync-ok = The commune has everything up to { $time }
tile-sync-ok-do = Nothing waits
tile-sync-waiting = { $n ->
    [one] { $n } item waits
   *[other] { $n } items wait
} for the commune
tile-sync-waiting-do = Being sent
tile-sync-down = No link to the commune
tile-sync-down-do = { $n ->
    [one] { $n } item is
   *[other] { $n } items are
} kept here, sent when the link is back
tile-reading-none = No reading yet
light-on = On
light-off = Off
light-not-announced = Its device announces no such lamp
light-since = { $what } · answered at { $time }
light-waiting-on = Asked to turn on, waiting for the lamp ({ $n } s)
light-waiting-off = Asked to turn off, waiting for the lamp ({ $n } s)
light-unanswered = No answer to the order since { $since }
turn-on = On
turn-off = Off
turn-on-all = Group on
turn-off-all = Group off
other-lights = Other lights
lights-on = { $n } on
lights-waiting = { $n } waiting
lights-off = { $n } off
lights-bad = { $n } broken
lights-none = No lamp has answered yet
commune-no-bulletins = No bulletin was sent yet.
no-lights = There are no lights yet. Plug a controller in and it appears here.
no-sensors = There are no sensors yet. Plug one in and it appears here.
no-devices = There are no devices yet. Plug one in and it appears here.
no-cameras = There are no cameras yet. The technician adds them in the configuration.
no-speakers = There are no speakers yet. Plug one in and it appears here.
no-notices = There are no notices yet. What the chief publishes appears here.
history-unread = The index of the history cannot be read now; the history itself is whole. Please try again later, and call the technician if it stays so.
no-history = Nothing has happened yet.
reading = { $value } { $unit }
reading-at = Reading at { $time }
reading-level = Over { $mark } { $unit } (level { $level }) since { $since }
reading-next = Below the mark of { $mark } { $unit }
reading-smoke = Alarm since { $since }
reading-expired = Should have reported again and has not, last { $time }
reading-kept = Left by the device, not known when
reading-unclear = Not known: the device says something that is not understood. Call the technician.
reading-no-mark = No alarm mark is set
state-battery-on = Battery low
state-battery-off = Battery good
state-battery-charging-on = Charging
state-battery-charging-off = Not charging
state-carbon-monoxide-on = Carbon monoxide detected
state-carbon-monoxide-off = No carbon monoxide
state-cold-on = Too cold
state-cold-off = Not too cold
state-connectivity-on = Connected
state-connectivity-off = Disconnected
state-door-on = Door open
state-door-off = Door shut
state-garage-door-on = Door open
state-garage-door-off = Door shut
state-gas-on = Gas detected
state-gas-off = No gas
state-heat-on = Too hot
state-heat-off = Not too hot
state-light-on = Light seen
state-light-off = No light
state-lock-on = Unlocked
state-lock-off = Locked
state-moisture-on = Water detected
state-moisture-off = Dry
state-motion-on = Motion
state-motion-off = No motion
state-moving-on = Moving
state-moving-off = Standing still
state-occupancy-on = Somebody is there
state-occupancy-off = Nobody is there
state-opening-on = Open
state-opening-off = Shut
state-plug-on = Plugged in
state-plug-off = Unplugged
state-power-on = Power on
state-power-off = No power
state-presence-on = Present
state-presence-off = Away
state-problem-on = Problem
state-problem-off = No problem reported
state-running-on = Running
state-running-off = Not running
state-safety-on = Unsafe
state-safety-off = Safe
state-smoke-on = Smoke detected
state-smoke-off = No smoke
state-sound-on = Sound
state-sound-off = No sound
state-tamper-on = Tampered with
state-tamper-off = Not tampered with
state-update-on = Update available
state-update-off = Up to date
state-vibration-on = Vibration
state-vibration-off = No vibration
state-window-on = Window open
state-window-off = Window shut
state-other-on = On
state-other-off = Off
sensor-note = Measured in the village; not an official warning.
device-here-since = Answers, since { $since }
device-gone = Not answering since { $since }
device-unknown = Never answered yet
device-heard = Said something at { $time }, but does not tell when it loses the link
device-turned-down = Announces { $n ->
    [one] { $n } thing
   *[other] { $n } things
} that cannot be used ({ $why }). Call the technician.
devices-old = The box does not hear its devices. What stands below may be old.
device-sent-away = Its access was taken away
device-sent-away-do = If the village did not want that, call the technician.
device-why-password = It uses a wrong password. Call the technician.
device-why-account = It has no password, or it was taken away. Call the technician.
device-why-silent = Look at its power.
device-why-other = The box does not get its signal. Call the technician.
device-strangers = Unknown devices that ask to come in
device-strangers-do = The box does not let them in. If the village just put up a new device, call the technician; if not, there is nothing to do.
device-stranger-seen = Seen at { $time }
device-strangers-more = And { $n } more
horns = { $n ->
    [one] { $n } horn
   *[other] { $n } horns
}
type-sentence = Type the sentence
type-example = For example: The village meets at 19:30 tonight in the cultural house.
where-to-play = Where to play
hear-first = Hear it first
hear-title = Preview
hear-question = It will play on { $n ->
    [one] { $n } cluster
   *[other] { $n } clusters
}: { $names }.
play-now = Play now
just-played = Just played
nothing-played = Nothing was played today.
played-all = Played on { $n }/{ $all }
played-part = Played on { $n }/{ $all }. { $who }
played-beginning = Sending to { $all ->
    [one] { $all } cluster
   *[other] { $all } clusters
}
played-running = Playing on { $n }/{ $all } clusters
played-cut = Stopped on { $n ->
    [one] { $n } cluster
   *[other] { $n } clusters
}: { $names }.
played-failed = { $name } could not play
played-failed-because = { $name } could not play: { $why }
played-failed-own-words = { $name } could not play; the device itself reports: “{ $why }”
failed-not-rendered = the box could not read the sentence aloud
failed-key-lost = the box has lost the key for its orders to loudspeakers; the technician is needed
failed-not-fetched = it could not fetch the sound from the box
failed-not-stored = it no longer has the sound of this sentence
played-unanswered = { $name } does not answer
played-stopped = { $name } stopped
played-missed = { $name } was too late to play
empty-sentence = No sentence was typed.
speech-failed-do = The speech program is missing or failed. Call the technician.
erased = (erased)
damaged = (damaged)
notice-title = Title
notice-body = Text
notice-kind = Kind
notice-days = Keep it up for
kind-notice = Notice
kind-event = Event
kind-document = Document
kind-regulation = Rule
kind-warning = Warning
kind-obituary = Obituary
kind-meeting = Meeting
kind-urgent = Urgent
for-days = { $n ->
    [one] { $n } day
   *[other] { $n } days
}
until-taken-down = Until taken down
publish-now = Publish now
published = Published. People see it as soon as they join the wifi.
taken-down = Taken down.
take-down = Take down
take-down-sure = People will not see this notice any more.
take-down-expired = Its time is over, but whoever searches for it or opens its link still reads it, with its pictures and files. Once it is taken down nobody does, and it cannot be put up again.
notice-templates = Templates
notice-body-how = Begin each point with “- ”.
notice-urgent = Urgent
notice-urgent-do = Stands first on every page
until-day = Until { $when }
until-held = Until the end of its day
notice-held-past = That day is over already. Change it, or choose “Keep it up for” again.
notice-files = Add pictures, files
notice-files-do = Pictures, PDF, Word, Excel; 8 files at most.
notice-occasion = Time and place
notice-held-day = Takes place on
notice-held-time = Begins at
notice-held-end = Ends at
notice-when = Time
notice-where = Place
notice-in-force = In force from
notice-in-force-like = In force from (rules, documents)
notice-risk = Disaster risk level
risk-none = None
risk-level-1 = Disaster risk level 1 (pale blue)
risk-level-2 = Disaster risk level 2 (pale yellow)
risk-level-3 = Disaster risk level 3 (orange)
risk-level-4 = Disaster risk level 4 (red)
risk-level-5 = Disaster risk level 5 (purple)
notice-from-whom = Source
notice-source = Source: { $source }
notice-source-day = Day of the bulletin
notice-source-time = Time of the bulletin
notice-more = More: kind, urgency, how long, publish later
notice-official = Level and source of the bulletin
notice-publish-day = Publish on
notice-publish-time = Publish at
notice-publish-at = Publish at { $when }
notice-language = Written in
language-vi = Vietnamese
language-en = English
language-mtq = Muong
language-blt = Thai (Tai Dam)
language-hmn = Hmong
language-km = Khmer
notice-save-draft = Save as draft
notice-drafts = Drafts, scheduled notices
notice-draft-saved-at = Draft saved at { $when }
notice-draft-remove = Throw away
notice-draft-remove-sure = Throw this draft away? It cannot be brought back.
notice-scheduled-remove-sure = Throw this scheduled notice away? It will not be published and cannot be brought back.
notice-draft-remove-yes = Throw it away
notice-waits-for-time = The machine does not know the right time, so scheduled notices wait. Once it knows, it publishes them.
notice-draft-over = It missed its moment: the time to show it is over. Please open it and choose again.
notices-up = Up now
notices-older = Older notices
notice-row-meeting = Meeting { $when }
notice-hangs-until = up to the end of { $when }
notice-ends-today = ends today
notice-ends-tomorrow = ends tomorrow
notice-correct = Correct the notice
notice-correct-short = Change
notice-correct-occasion = Change day, time and place
notice-correct-now = Publish the correction
notice-corrected-at = Corrected at { $when }
notice-versions = Before the corrections ({ $n })
notice-version-until = Like this until { $when } · corrected by { $who }
notice-picture-of = Picture of: { $title }
notice-share = Share to Zalo
notice-shared-corrected = CORRECTED:
notice-share-copy = Copy this and paste it into Zalo
notice-copy = Copy
notice-copied = Copied
notice-long-line = Too long, at most 120 characters.
notice-risk-source = Please name the source: only authorities give a risk level.
notice-wrong-day = This day cannot be read. Please type it like 21/11/2026.
notice-wrong-time = This time cannot be read. Please type it like 19:30.
notice-time-alone = There is a time but no day.
notice-publish-past = The time to publish is over already.
notice-until-past = The notice would end before it is published. Choose “Keep it up for” again.
file-too-large = “{ $name }” was not taken: it is larger than 20 MB. Please choose a smaller file.
file-hidden-name = “{ $name }” was not taken: its name has hidden characters. Please rename it and choose it again.
file-heic = “{ $name }” was not taken: it is a HEIC picture of an iPhone. Please send it through Zalo and save it, or take a screenshot, and choose that.
file-damaged-picture = “{ $name }” was not taken: the picture is damaged and cannot be opened.
file-too-many-pixels = “{ $name }” was not taken: the picture is too large. Please make it smaller and choose it again.
file-old-office = “{ $name }” was not taken: an old Word or Excel file. Please save it as PDF and choose that.
file-locked = “{ $name }” was not taken: it has a password, so nobody could open it. Please save a copy without a password and choose that.
file-false-pdf = “{ $name }” was not taken: it is no PDF, or it is damaged.
file-other-kind = “{ $name }” was not taken: only JPG, PNG, WebP pictures and PDF, .docx, .xlsx files are.
file-too-many = “{ $name }” was not taken: a notice has at most 8 files.
file-not-stored = “{ $name }” could not be stored: the disk may be full. Please try again; if it fails again, call the technician.
notice-file-gone = “{ $name }” is not in the machine any more. Please choose this file again.
file-no-room = The machine is running out of room and could not take “{ $name }”. Please tell the technician.
all-kinds = All
correction-undone = It is as it was before the correction.
corrected = The correction is published. People see it at once, with the line “corrected at”.
scheduled = Scheduled. The machine publishes it when the time comes.
draft-saved = Saved as a draft. People do not see it yet.
draft-removed = The draft is gone.
scheduled-removed = The scheduled notice is gone. It will not be published.
draft-went-up = Not thrown away: its time came, and this notice is up. To remove it, press “Take down” below.
notice-archive = Old notices
notices-taken-down = Taken down
notices-expired = Expired
no-notices-taken-down = No notice was taken down yet.
no-notices-expired = No notice has expired yet.
notice-taken-down-by = Taken down { $when } · { $who }
notice-expired-at = Expired { $when }
notice-restore = Put up again as it was
notice-publish-anew = Change and publish again
notice-was-down = This notice was published and taken down. The text is still here; press again to publish it again.
notice-went-up = This notice just went up at its time, with the words below. What you typed is still here; look at it first, then publish the correction.
notice-changed = Somebody else just changed this notice, as below. What you typed is still here; bring both together if needed, then press again.
notice-as-now = As it is now:
notice-see-first = Look at it, then publish
notice-unfinished = Not filled in yet: { $what }
notice-unfilled = { $n } × “…”
notice-no-official = no risk level, no source yet
notice-no-meeting-day = no day and time of the meeting
notice-no-meeting-time = no time of the meeting
notice-publish-anyway = Publish it anyway
notice-ends-early = It will be taken down on { $until }, before its day { $held }.
notice-ends-early-hour = It will be taken down at { $until }, before it begins at { $held }.
notice-hang-longer = Keep it up to the end of { $when }
notice-preview = Preview
notice-preview-do = This is what people will see. It is not published yet.
notice-preview-first = At the head of the pages
notice-preview-page = The notice’s own page
notice-mend = Change it
restored = Up again. People see this notice again.
undo = Undo
undo-left = (% s left)
undone = Undone.
undone-lights = The order to undo was sent; waiting for the lamps.
undo-late = It cannot be undone any more
undo-late-do = It was too long ago, or somebody else did it. Nothing was changed. Switch lamps on the page Lights; see notices under “Old notices”; decide about visitors' devices again on the page Free wifi.
undo-group-on = Sent the order to turn group { $name } on
undo-group-off = Sent the order to turn group { $name } off
undo-published = Published “{ $text }”
undo-taken-down = Took down “{ $text }”
undo-corrected = Corrected “{ $text }”
undo-restored = Put up “{ $text }” again
undo-guest-blocked = { $name } is blocked.
undo-guest-always = { $name } is always let in.
undo-guest-forgotten = { $name } is treated as all others again.
posted = posted { $when }
posted-by-commune = sent by the commune { $when }
receipt-theirs = This bulletin came from the commune.
receipt-has = The commune has this notice.
receipt-sending = It is being sent to the commune. Open this page again to see whether the commune has it.
receipt-not-yet = Kept here. It goes to the commune when the link is back.
receipt-none = Kept here.
notice-past = Over
notice-code = QR code of this notice
notice-pass-on = Pass it on
notice-pass-on-do = Press and hold this line, choose copy or share, and send it by Zalo. Whoever stands beside you scans the code.
notice-no-longer = This notice is gone
notice-no-longer-do = It was taken down or its time is over.
free-wifi = Free wifi
house-of = Cultural house, { $village }
read-notices = Read the notices
portal-promise = Free. No name, no phone number.
wifi-enter = Tap to go online
wifi-try-again = Tap to try again
wifi-window-closes = After the tap this page may close by itself.
wifi-come-back = To open this page again: open the browser and type { $name } (with the slash).
wifi-in = This device is online
wifi-done = You are online.
wifi-left = { $time } and { $bytes } left.
wifi-left-time = { $time } left.
wifi-again = This device is online
wifi-again-do = The page that you want opens again in 2 seconds. If it does not, load it again.
wifi-not-from-here = This device does not use the visitors' wifi, so there is nothing to tap here. The village's notices can be read all the same.
wifi-off = The village has switched the wifi off
wifi-off-do = Nobody can go online now. The village's notices can be read here all the same.
wifi-out-of-order = The wifi has a problem; nobody can go online now
wifi-out-of-order-do = Please tell whoever is on duty at the cultural house. The village's notices can be read here all the same.
wifi-closed = The wifi is closed and opens again at { $at }
wifi-closed-do = The village's notices can be read here at any hour.
wifi-blocked = This device may not use the village's wifi
wifi-blocked-do = If this is a mistake, ask the village chief. The village's notices can be read here all the same.
wifi-down = The internet line is down
wifi-down-do = The cultural house has no internet, so nobody can go online now. The village's notices can be read here. When the line is back, open this page again and tap.
wifi-metered = On 4G
wifi-metered-do = 4G is paid by the megabyte, so it is not open for everybody. When the fibre is back, you can go online.
wifi-metered-spent-do = The visitors' share of 4G is used up today. It goes on after midnight, or when the fibre is back.
wifi-used-up = This device has used all it may today
wifi-used-up-most = Each device may use { $most } a day.
wifi-house-used-up = The village's wifi is used up for today
wifi-house-used-up-most = The whole house may use { $most } a day.
wifi-again-midnight = It goes on after midnight.
wifi-again-tomorrow = It goes on tomorrow, from { $at }.
wifi-turn = Many devices are coming in at once
wifi-turn-do = { $n ->
    [one] Wait 1 second and tap again. Meanwhile the village's notices can be read here.
   *[other] Wait { $n } seconds and tap again. Meanwhile the village's notices can be read here.
}
wifi-full = The wifi is full
wifi-full-do = { $n ->
    [one] The only place is taken. Wait some minutes and tap again.
   *[other] All { $n } places are taken. Wait some minutes and tap again.
}
wifi-garden = These pages can be opened all the same:
wifi-rules = Rules of the wifi
wifi-rule-hours = Open
wifi-rule-always = Day and night
wifi-rule-from-until = From { $from } until { $until }
wifi-rule-session = One tap lasts
wifi-rule-session-time = { $time }. Then tap again; a tap in between adds no time.
wifi-rule-until-closing = Until it closes, a day at most
wifi-rule-device = Each device in a day
wifi-rule-house = The whole house in a day
wifi-rule-no-bound = No limit
wifi-rule-speed = Speed of each device
wifi-rule-speed-film = Enough for films on a phone
wifi-rule-devices = At the same time
wifi-rule-devices-n = { $n ->
    [one] { $n } phone or computer
   *[other] { $n } phones and computers
}
wifi-rule-garden = Pages that open without a tap
wifi-may = What you may do
wifi-may-do = Read the news, call your family, study, watch films, hand in papers online. It is for everybody, and free.
wifi-may-not = What you may not do
wifi-may-not-do = Do no harm to others’ devices, cheat nobody, send and look at nothing that the law forbids. While many are in, do not download large files.
wifi-details = Details
wifi-kept-title = What this house writes down
wifi-kept = Only when a device came and went, how much it used, and a number in its place. It is kept for { $days ->
    [one] { $days } day
   *[other] { $days } days
} and then deleted. No name, no phone number, no page that was read.
wifi-kept-none = It is deleted when the day ends; nothing is kept. No name, no phone number, no page that was read.
wifi-kept-address = The device's address is kept only while it is connected, and for an hour at most after that. The number of a device that is blocked or always let in stays until that is lifted. The village's history has each such decision, and each cut.
wifi-help = When it does not work
wifi-help-dns = The phone says “no internet”, or this page does not open by itself: switch “Private DNS” off in the network settings and join the wifi again.
portal-manage = Village management
portal-manage-open = Open the management page
portal-manage-staff = The management page does not open from this wifi, because anybody may join this wifi. Chief and staff: join the village hall's own network, type { $name } (with the slash) and tap “Open the management page”.
wifi-ask = Questions about the wifi: ask the village chief or whoever is on duty at the cultural house.
wifi-on-now = Online now
wifi-last-known = As last known
wifi-waiting = Waiting for the internet
wifi-nobody-in = No device is online now.
wifi-blocked-today = { $n ->
    [one] Today the block list left { $n } question for a bad page unanswered.
   *[other] Today the block list left { $n } questions for bad pages unanswered.
}
wifi-unknown-in = Which devices are online cannot be told right now.
wifi-earlier = Online earlier today
wifi-decided = Devices that are blocked or always let in
wifi-show-all = Show all
wifi-device-code = Device { $code }
wifi-since = since { $at }
wifi-used-today = { $bytes } today
wifi-not-today = not seen today
wifi-always-in = always let in
wifi-is-blocked = blocked
wifi-n-in = { $n } online, { $bytes } today
wifi-open-until = Open until { $until }.
wifi-open-always = Open day and night.
wifi-none = This box has no wifi for visitors
wifi-none-do = Visitors can read the notices only. To open a wifi, call the technician.
wifi-broken = The visitors' wifi does not work
wifi-broken-do = The network part of this box does not answer, so nobody new can go online. Call the technician.
wifi-key-lost = The visitors' wifi lets nobody new in
wifi-key-lost-do = The box lost the key file by which it tells visitors' devices apart (guests.key), so it does not know which are blocked. Whoever is in goes on to the end; the village hall's own network works. Call the technician to put the key back.
wifi-switched-off = The visitors' wifi is switched off
wifi-switched-off-do = Visitors can read the notices only. Switch it on under “Set the rules of the wifi”.
wifi-line-down = The internet line is down; visitors cannot go online
wifi-line-down-do = Visitors can still read the notices. Look at the provider's cable and box.
wifi-line-metered = On 4G; visitors have to wait
wifi-line-metered-do = Visitors used { $bytes } of 4G today. Off 4G they can go online at once.
wifi-line-metered-open = On 4G; visitors can go online
wifi-line-metered-open-do = Visitors used { $bytes } of the { $most } of 4G today. After that they have to wait.
wifi-house-used-up-sum = Visitors used { $bytes } today. To allow more, see “Set the rules of the wifi”.
wifi-full-sum = All places of the rules are taken: { $n }. New visitors wait until one leaves.
tile-notices = { $n ->
    [one] { $n } notice
   *[other] { $n } notices
}
tile-notices-up = up now
tile-notices-drafts = up now · { $n ->
    [one] { $n } draft
   *[other] { $n } drafts
}
tile-notices-waiting = up now · { $n } wait for their hour
tile-wifi = Wifi { $n } online
tile-wifi-only = Wifi
wifi-week = The last seven days
wifi-week-none = Nobody used it in the last seven days. When somebody does, the picture stands here.
wifi-week-words = Visitors used { $bytes } in the last seven days.
wifi-week-most = Most: { $bytes }, { $day }
wifi-week-days = Each day in words
wifi-day-words = { $day }: { $bytes }, devices at a time: { $n } at most
wifi-set-rules = Set the rules of the wifi
wifi-sheet = A sheet about the wifi for the wall
wifi-sheet-join = Open the wifi settings of your phone and choose this name; no password:
wifi-sheet-tap = The village's page opens by itself. Tap once:
wifi-sheet-back = It does not open, or to open it again: open the browser and type (with the slash)
wifi-sheet-ask = For help, ask the village chief or whoever is on duty at the cultural house.
wifi-sheet-print = Open this page on a computer with a printer and choose “Print”. Only the part above is printed.
wifi-sheet-name = Name of the wifi, if the access point has another
wifi-sheet-use = Use this name
wifi-cut-device = Cut this device off
wifi-cut-do = A device that is cut off can tap and come in again. To keep it out, use “Block”.
wifi-cut-do-always = This device is always let in: after a cut it comes back by itself. To keep it out, use “Block”.
wifi-cut = Cut off. To come back, that device has to tap again.
wifi-cut-always = Cut off. That device is always let in, so it comes back by itself.
wifi-cut-not-in = That device was not online any more.
wifi-cut-unanswered = Written down, but the network part of this box does not answer: it may not be cut off. Call the technician.
wifi-decide = Block it, or always let it in
wifi-decided-so = That device was so already.
wifi-rules-set = The rules are set. Visitors see them on the wifi page.
wifi-random = This device may change its code
wifi-random-do = Many phones change their code for privacy. Tomorrow this one may have another code, and then the block or the permission is about no device. To be sure: on that device, open the settings of this wifi and switch “private address” off (some say “random MAC”).
wifi-device-name = Call this device
wifi-device-name-do = For example: hall television, printer. The name stands in history.
wifi-name-wrong = The name needs letters, 120 characters at most, on one line.
wifi-let-always = Always let in
wifi-block = Block
wifi-forget = Treat it as all others
wifi-form-on = Open the wifi for visitors
wifi-form-on-do = When it is off, visitors can read the notices only.
wifi-form-always-do = When it is off, the hours below hold.
wifi-form-from = Open from
wifi-form-until = Until
wifi-form-session-do = When the time is over, a visitor taps again and goes on. A tap in between, or leaving and coming back, adds no time.
wifi-form-device = Each device in a day, MB
wifi-form-house = The whole house in a day, MB
wifi-form-mb-do = 1,024 MB is about 1 GB: an hour and a half of film.
wifi-form-speed = Speed of each device, Mbit/s
wifi-form-house-speed = Speed of all together, Mbit/s
wifi-form-mbit-do = 1 Mbit/s is enough for news and messages; 5 Mbit/s for film without breaks.
wifi-form-empty-do = Leave one of these four empty for no limit.
wifi-form-most = Most devices at the same time
wifi-form-metered = On 4G, visitors may use in a day, MB
wifi-form-metered-do = 0: on 4G, visitors can open the notices and the pages below only.
wifi-form-keep = Keep the book of coming and going
wifi-keep-none = Not kept, deleted when the day ends
wifi-form-garden-do = One name a line. gov.vn opens every page below it. These pages do not count.
wifi-form-block = Block fraud, gambling and adult pages
wifi-form-block-do = By the list that the technician copied onto this box.
wifi-form-block-none = There is no list yet. Ask the technician to copy one.
wifi-form-save = Save the rules
wifi-wrong-hours = Opening hours: write them like 05:00 and 22:00, two different times.
wifi-wrong-session = How long a tap lasts: choose a line of the list.
wifi-wrong-device = Each device in a day: a number from 1 up, or leave it empty.
wifi-wrong-house = The whole house in a day: a number from 1 up, or leave it empty.
wifi-wrong-speed = Speed of each device: a number from { $least } up, or leave it empty.
wifi-wrong-house-speed = Speed of all together: a number from { $least } up, or leave it empty.
wifi-wrong-most = Most devices at the same time: a number from 1 to { $most }.
wifi-wrong-metered = What visitors may use on 4G in a day: a number from 0 up.
wifi-wrong-keep = The book of coming and going: choose a line of the list.
wifi-wrong-garden = Pages that open without a tap: one name a line, like dichvucong.gov.vn, { $most } names at most.
wifi-wrong-garden-name = Pages that open without a tap: “{ $name }” is not the name of a page. Write it like dichvucong.gov.vn.
wifi-wrong-garden-probe = Pages that open without a tap: leave out “{ $name }”, because phones find the welcome page by it.
wifi-wrong-too-much = { $field }: { $most } at most.
less-than-a-minute = less than 1 minute
minutes-long = { $n ->
    [one] 1 minute
   *[other] { $n } minutes
}
hours-long = { $n ->
    [one] 1 hour
   *[other] { $n } hours
}
new-in-village = New in the village
new = New
read-more = Read more
portal-ways = In the village
portal-notices-n = { $n } up now
portal-roads = Find a house
portal-roads-n = { $n ->
    [one] { $n } road or alley
   *[other] { $n } roads and alleys
}
portal-official = Official addresses
portal-official-why = against fraud
online-now-do = The village's news can always be read here, without the internet.
not-found = There is no such page
not-found-do = The address may be old.
refused-title = Could not do it
form-old = This page is old
form-old-do = Please open the page again and press once more; nothing was changed.
form-too-long = What was written is too long
form-too-long-do = Please go back, shorten it and send it again; nothing was changed.
refused-not-permitted = You are not permitted to do this.
refused-unknown = This device or item is no longer there.
refused-not-switchable = This device cannot be switched.
refused-empty-zone = No speaker was chosen.
refused-too-many = The limit is reached; no more can be added.
refused-exists = This was done already.
refused-expired = The order came too late and was not carried out.
refused-last-chief = At least one chief must remain.
refused-unsound = The content is not valid.
refused-program = The token of the program “{ $name }” may not give the command { $command }. Nothing was changed. What each token may: conglang token list.
refused-console = The command { $command } is the machine's own, or stands in the configuration; it cannot be given here. Nothing was changed.
refused-text = The { $part } is not taken: at least one character, at most { $most }, on one line, none hidden. Nothing was changed.
refused-number = The { $part } is beyond what is allowed. Nothing was changed.
refused-no-file = Not taken: the text that this command names is not in this machine, or it is damaged. Nothing was changed.
refused-no-attachment = Not taken: a picture or file that this command names is not in this machine. Nothing was changed.
wrong-host = This page does not answer to the name “{ $host }”. Open { $there } instead. For another name, write it into the configuration: names in [doors], at the commune in [office].
refused-unknown-id = There is no “{ $id }”. Nothing was changed.
refused-too-many-most = The limit is reached: at most { $most }. Nothing was changed.
refused-exists-id = “{ $id }” is there already. Nothing was changed.

# Why the broker refused a client, and why a discovery message is not used.
refusal-bad-credentials = wrong user name or password
refusal-credentials-missing = it sent no user name or no password
refusal-quarantined = it has no account: it may only announce itself (to take it in: conglang device add)
refusal-quarantine-full = too many devices without an account at once
refusal-certificate-name-unknown = no account has the name in its certificate
refusal-certificate-replaced = a newer certificate of the same name replaced this one
refusal-authentication-method-unknown = it asks for an authentication method that is not offered
refusal-client-id-invalid = its client id is too long or has control characters
refusal-client-id-missing = a persistent session needs a client id
refusal-client-id-missing-v31 = MQTT 3.1 needs a client id
refusal-will-not-authorized = it may not publish its last will
refusal-will-topic-too-long = the topic of its last will is too long
refusal-account-connections-exceeded = its account has too many connections
refusal-account-changed = its account was changed or revoked
refusal-administrative-action = a technician disconnected it
refusal-session-taken-over = a new connection with the same client id replaced this one (do two devices share it?)
refusal-session-gone = its session is over
refusal-shutting-down = the broker stops
refusal-connect-during-shutdown = the broker stops
refusal-storage-unavailable = storage cannot be written
refusal-write-quota-exceeded = its account sends more to write than storage takes, and must wait
refusal-capacity-exceeded = retained messages or a queue are full
refusal-keep-alive-timeout = it was silent longer than its keep alive
refusal-write-timeout = it does not take its messages
refusal-handshake-timed-out = it connected and sent no CONNECT
refusal-permit-reclaimed = it had not sent CONNECT when its place was needed
refusal-left-before-connect = it left before CONNECT
refusal-not-mqtt = it does not speak MQTT
refusal-version-unsupported = it speaks an MQTT version that is not served
refusal-connack-too-large = it takes only packets smaller than the answer to CONNECT
refusal-acknowledgement-too-large = it takes only packets smaller than the answer to its request
refusal-rate-exceeded = it sends too much in one packet
refusal-receive-maximum-exceeded = it leaves more messages unfinished than agreed
refusal-unreleased-exceeded = it leaves too many messages unreleased
refusal-topic-alias-too-large = a topic alias beyond the agreed number
refusal-topic-alias-unknown = a topic alias that was never given a topic
refusal-topic-too-long = a topic that is too long
refusal-payload-not-text = a payload that is declared as text and is not UTF-8
refusal-session-expiry-raised = it asked for no persistent session, and asks for one as it leaves
refusal-half-open-exceeded = too many connections of one address have not sent CONNECT
refusal-address-connections-exceeded = too many connections of one address
refusal-connections-exceeded = the broker has no place for more connections
refusal-publish-not-authorized = it may not publish to { $topic }
refusal-publish-too-large = a topic or a discovery message is too long: { $topic }
refusal-subscribe-not-authorized = it may not subscribe to { $filter }
refusal-subscriptions-exceeded = too many subscriptions, or storage cannot follow: { $filter }
refusal-filter-invalid = a topic filter that is invalid or too long: { $filter }
refusal-handshake-failed = the { $listener } handshake failed: { $cause }
refusal-violation = against the MQTT standard: { $violation }
refusal-discovery-unusable = its discovery message { $topic } is not used: { $error }
refusal-more-discovery-unusable = more of its discovery messages are not used: { $number }
violation-packet-too-short = the packet is too short
violation-length-too-long = a length has more than four bytes
violation-packet-too-large = the packet is larger than allowed
violation-text-invalid = a text is not UTF-8 or holds NUL
violation-connect-flag-reserved = a reserved flag of CONNECT is set
violation-will-flags-invalid = the will flags contradict each other
violation-password-without-user-name = a password without a user name
violation-will-topic-invalid = the topic of its last will is invalid
violation-will-payload-not-text = its last will is declared as text and is not UTF-8
violation-connect-too-long = CONNECT is longer than its content
violation-packet-id-zero = packet id 0
violation-packet-flags-invalid = the flags of a packet are wrong
violation-second-connect = a second CONNECT
violation-authentication-not-agreed = AUTH that was not agreed
violation-server-packet = a packet that only a server may send
violation-packet-too-long = a packet is longer than its content
violation-qos-invalid = QoS 3, or DUP with QoS 0
violation-topic-missing = a publish without a topic
violation-topic-name-invalid = not a topic that can be published to
violation-filter-empty = an empty topic filter
violation-retain-handling-invalid = retain handling must be 0, 1 or 2
violation-subscription-options-invalid = wrong subscription options
violation-no-local-on-shared = no-local with a shared subscription
violation-subscribe-empty = a SUBSCRIBE without filters
violation-unsubscribe-empty = an UNSUBSCRIBE without filters
violation-property-not-allowed = a property that may not stand here
violation-property-repeated = a property stands twice
violation-property-flag-invalid = a flag that is neither 0 nor 1
violation-property-unknown = an unknown property
violation-response-topic-invalid = the response topic holds a wildcard or is empty
violation-subscription-identifier-zero = subscription identifier 0
violation-receive-maximum-zero = receive maximum 0
violation-topic-alias-zero = topic alias 0
violation-maximum-packet-size-zero = maximum packet size 0
violation-authentication-data-alone = authentication data without a method
discovery-topic-invalid = it is no discovery topic: { $topic }
discovery-component-unsupported = its component is not supported: { $component }
discovery-node-id-invalid = its node id is no device id: { $node }
discovery-object-id-invalid = its object id is invalid or too long: { $object }
discovery-not-json = the discovery message is not JSON: { $cause }
discovery-not-object = the discovery message is not a JSON object
discovery-state-topic-missing = state_topic is missing
discovery-command-topic-missing = command_topic is missing
discovery-payloads-equal = the payloads of on and off are the same
discovery-payload-invalid = a payload is neither a text nor a number nor true or false: { $field }
discovery-payload-too-long = a payload is too long: { $field }
discovery-schema-unsupported = only the default schema is understood, not { $schema }
discovery-command-template-unsupported = its command_template is not understood: { $template }
discovery-value-template-unsupported = only the templates {"{{ value }}"} and {"{{ value_json.name }}"} are understood, not { $template }
discovery-not-text = it must be a text and is none: { $field }
discovery-not-seconds = it must be a number of seconds and is none: { $field }
discovery-too-large = the discovery message is larger than 16 KiB, bytes: { $bytes }
discovery-foreign-topics = it uses topics of another device; its own must begin with: d/{ $device }/ c/{ $device }/
discovery-too-many-pending = it announces too much at once; announce the rest again in an hour
discovery-too-many-entities = this account has too many entities, at most: { $most }
discovery-kind-changed = under this id it is announced as another kind; withdraw that and announce again: { $entity }
discovery-rejected = the gateway rejects it: { $rejection }

part-scopes = list of scopes
api-no-token = A program's token is needed: authorization: Bearer …; conglang token add gives one.
api-no-scope = The token of the program “{ $name }” lacks the scope { $scope }; conglang token add gives another.
happened-token = A token for the program { $name }: { $scopes }
happened-token-gone = Took back the token of the program { $name }
happened-wifi-rules = Set the rules of the free wifi: { $rules }
happened-wifi-rules-changed = Changed the rules of the free wifi: { $rules }
happened-wifi-rules-first = Set the rules of the free wifi as they were at first
happened-wifi-on = Switched the free wifi on
happened-wifi-on-and = Switched the free wifi on: { $rules }
happened-wifi-off-and = Switched the free wifi off and changed the rules: { $rules }
happened-wifi-until-closing = a tap lasts until it closes
happened-wifi-session = a tap lasts { $time }
happened-wifi-no-house = no limit for the whole house
happened-wifi-speed = { $speed } for each device
happened-wifi-no-speed = no limit on the speed of a device
happened-wifi-all-speed = { $speed } for all together
happened-wifi-no-all-speed = no limit on the speed of all together
happened-wifi-most = { $n ->
    [one] { $n } device
   *[other] { $n } devices
} at a time
happened-wifi-always = open day and night
happened-wifi-hours = open from { $from } to { $until }
happened-wifi-quota = { $mb } MB a day for each device
happened-wifi-no-quota = no limit on what a device uses
happened-wifi-house = { $mb } MB a day for the whole house
happened-wifi-metered = { $mb } MB a day on 4G
happened-wifi-no-metered = visitors wait while on 4G
happened-wifi-keep = the book of coming and going is kept for { $days ->
    [one] { $days } day
   *[other] { $days } days
}
happened-wifi-keep-none = no book of coming and going is kept
happened-wifi-garden-more = opens without a tap: { $names }
happened-wifi-garden-fewer = no longer opens without a tap: { $names }
happened-wifi-block = bad pages are blocked
happened-wifi-no-block = bad pages are not blocked
happened-wifi-off = Switched the free wifi off; guests see the notices only
happened-guest-always = Let { $name } into the free wifi always
happened-guest-blocked = Blocked { $name } from the free wifi
happened-guest-forgotten = Let { $name } use the free wifi as all devices do
happened-guest-cut = Cut { $name } off the free wifi
happened-guest-cut-unnamed = Cut a device off the free wifi
happened-guest-cut-n = { $n ->
    [one] Cut a device off the free wifi
   *[other] Cut { $n } devices off the free wifi
}
happened-address-reserved = Kept the address { $address } for { $name }
happened-address-released = Kept the address { $address } for { $name } no more
happened-procedures-replaced = Gave the village another list of procedures: { $n }
happened-storm-plan-set = Wrote the plan for a storm
live-full = Too many pages follow at once. This page works on; reload it to see what is new, or close other pages.
part-name = name
part-commune = name of the commune
part-unit = unit
part-model = model
part-class = class
part-topic = MQTT topic
part-payload = payload
part-field = name of a field
part-secret = SHA-256 of the secret
part-text = text file
part-epoch = epoch
part-place = position
part-decimals = number of decimals
part-marks = list of marks
part-value = value
part-horns = number of horns
part-cameras = list of cameras
part-until = last day
part-hours = opening hours
part-session = minutes of a session
part-quota = data a day
part-speed = speed
part-devices = number of devices at a time
part-keep-days = number of days kept
part-garden = list of names that are always open
part-garden-probe = list of names that are always open (by one of them phones find the page of the wifi)
part-mac = MAC address
part-address = network address
part-moment = day and time
part-attachments = attached files
part-file = the file
part-roads = the number of roads and alleys
part-houses = the number of houses
part-consent = the day of the consent
part-procedures = the number of procedures
journal-closed = The box cannot write now
journal-closed-do = Nothing was changed. Please try again in a minute; if it stays so, call the technician: the memory card of the box may be full or broken.
camera-live = Picture since { $since }
camera-lost = No picture since { $since }
camera-lost-one = { $name }: no picture since { $since }
camera-lost-do = The house keeps calling it. Look at the camera's power and cable; if that does not help, call the technician.
camera-calling = Calling the camera
camera-no-address = This camera is not connected. Call the technician.
camera-sum = { $n }/{ $all } cameras show a picture
camera-kept = Recording; old pictures go after { $days ->
    [one] { $days } day
   *[other] { $days } days
}, or sooner when space runs out.
camera-not-recorded = Pictures cannot be recorded now. Call the technician.
camera-unseen = Recorded, but cannot be watched
camera-undecodable = Pictures are recorded but cannot be decoded: nobody will be able to watch them. Have the technician look at how the camera compresses.
camera-unchecked = Pictures are recorded, but this machine cannot open any to see whether they are good. Have the technician run “conglang camera list”: it says why.
camera-loss = Packets from the camera get lost: { $n } % of a minute's pictures are missing or smeared. Look at its cable and Wi-Fi, or have the technician lower its bit rate.
camera-missed = The disk is too slow: { $n } % of a minute's pictures are not recorded. Have the technician look at the disk.
camera-loss-some = many pictures are missing or smeared; the camera's own page says why.
camera-clock = The camera's clock runs wrong; pictures are kept by this machine's time. Have the technician set its clock or update it.
camera-coding = This camera sends a newer kind of picture; a phone may show stills only.
camera-still = Camera { $name } at { $at }
camera-still-old = old still, { $at }
camera-still-last = The newest still was taken at { $at }; no new one could be made since.
camera-live-of = Live picture from camera { $name }
camera-nobody-looked = Nobody has looked at this camera yet.
all-cameras = All cameras
who-looked = Who looked
watch-live = ● Live
watch-lost = No picture yet
watch-wait = Connecting…
watch-slow = A new still every 5 seconds
watch-old = An old still, taken at
watch-none = This phone can show stills only
watch-tap = Tap the picture to play
watch-again = Get a new still
watch-full = Full screen
watch-small = Make it small again
by-house = by itself
by-commune = the commune
by-console = technician at the box
by-program = program { $name }
by-device = the device says
happened-booted = The box started, start no. { $n }
happened-damage = A part of the history is lost (items { $from } to { $to })
happened-damage-end = The end of an earlier run is lost from the history ({ $n } items behind item { $from })
history-of = History: { $name }
happened-trimmed = Old history from entry { $from } to { $to } has gone
happened-clock = The clock of the box was set
happened-erased = Erased the old words for good
happened-village = Described the village
happened-place = Added { $name }
happened-device = Added the device { $name }
happened-access = Gave access to { $name }
happened-revoked = Took access from { $name }
happened-adopted = { $name } said what it does
happened-withdrawn = { $name } does not announce any more: { $things }
happened-configured = Configuration read: { $n } more things
happened-put-away = { $name } is not configured any more and was put away
happened-alarm-dropped = { $name }: no alarm any more, because nobody watches it
happened-here = { $name } answered
happened-gone = { $name } does not answer
happened-group = Set the group { $name }
happened-wanted-on = Switched on { $name }
happened-wanted-off = Switched off { $name }
happened-lit = { $name } is on
happened-dark = { $name } is off
happened-gave-up = { $name } did not answer the order
happened-sensor = Set the marks of { $name }
happened-raised = { $name } is over its mark { $mark } (measured { $value })
happened-lowered = { $name } fell below its mark { $mark } (measured { $value })
happened-speaker = Added the speaker { $name }
happened-queued = Announced “{ $text }”
happened-began = { $name } plays
happened-played = { $name } has played
stopped = All speakers were stopped.
happened-stopped = Stopped all speakers
happened-camera = Added the camera { $name }
happened-camera-removed = Removed the camera { $name }
happened-picture = Camera { $name } has its picture again
happened-no-picture = Camera { $name } lost its picture
happened-seen = Looked at camera { $name }
happened-seen-many = Looked at { $n } cameras
happened-corrected = Corrected the notice “{ $text }”
happened-draft-saved = Saved a draft of “{ $text }”
happened-draft-saved-plain = Saved a draft of a notice
happened-scheduled = Set “{ $text }” to be published { $when }
happened-scheduled-plain = Set a notice to be published later
happened-draft-removed = Threw a draft away
happened-draft-removed-one = Threw the draft “{ $text }” away
happened-expired = A notice expired
happened-expired-one = The notice “{ $text }” expired
happened-published = Published “{ $text }”
happened-taken-down = Took a notice down
happened-restored = A notice was put up again
happened-user = Gave or changed the PIN of { $name }
happened-user-gone = Took the sign-in of { $name } away
happened-renamed = Renamed somebody to { $name }
person-id = “{ $id }” is no id: use a–z, 0–9, - _ . (at most 64 characters). Nothing was changed.
person-known = “{ $id }” is there already: { $name }. Nothing was changed. A new PIN: conglang user pin { $id }. Another name: conglang user rename { $id } "NEW NAME".
person-unknown = Nobody has the id “{ $id }”; see conglang user list. Nothing was changed.
person-name = “{ $id }” needs a name that can be read, for example "Ông Mẫu". Nothing was changed.
person-role = “{ $id }” is no role: chief or technician. Nothing was changed.
person-pin = A PIN has exactly six digits. Nothing was changed.
person-unread = The file with the name of “{ $id }” cannot be read. Give PIN and name again: conglang user pin { $id } "NAME".
happened-refused = Refused an order of the commune
because = because: { $what }
older = Older
shortcut-speak = Speak on the loudspeakers
shortcut-stop = Stop everything
commune-title = Villages
commune-summary = In touch with { $n } of { $all } villages
commune-heard = Heard at { $last } · received up to { $received } · { $n } items
commune-never = Never heard
commune-wrong-pin = Wrong PIN; { $n ->
    [one] { $n } try left
   *[other] { $n } tries left
}
commune-unlooked-pin = The server could not look at the PIN; it is not wrong, and this try does not count. Please try again in a few minutes, and call who runs the server if it stays so.
commune-inside = Signed in now
commune-this-one = This one · { $address }
commune-sign-out = Sign out
commune-sign-out-others = Sign out everywhere else
commune-others-out = All others were signed out.
commune-unread = the server's store cannot be read, call who runs it
commune-parted-shorter = the village's box lost { $n ->
    [one] { $n } item
   *[other] { $n } items
} that the commune has; they are kept here
commune-parted-older = the village's box went back to an old copy or began anew (boot { $boot }, { $highest } was known); what was received is kept
commune-parted-twin = two boxes speak under this village's name: a card was copied
commune-parted-differs = an item here is another than the one of its number in the village; it is kept
commune-little-room = The commune's disk is nearly full: 8 MB a day are taken from each village. Have the technician make room.
commune-no-room = The commune's disk is full: nothing more is taken from any village. They keep it all and send it when there is room. Call the technician now.
commune-more-alarms = { $n } more alarms
commune-full = sent too much today, the rest is taken tomorrow
commune-unreadable = { $n } batches could not be read
commune-write = Send a bulletin to the villages
commune-nobody = No village was chosen; nothing was sent.
commune-sent = The bulletin is on its way.
commune-sent-others = The bulletin is on its way to the villages that did not have it. Villages that have it already do not get it again.
commune-present = The chosen villages have this bulletin already; it was not sent again.
commune-send = Send the bulletin
commune-reported = Just reported
commune-bulletins = Bulletins sent
commune-bulletin-taken = taken and published
commune-bulletin-waiting = waiting for the village
commune-bulletin-refused = the village refused it: { $why }
commune-console = the villages at a glance
commune-sign-out-here = Sign out here
commune-offline = No connection to the commune's server. What this page says is of
commune-reload = This page is of { $time }. Reload
commune-officer-unnamed = Officer of the commune
commune-choose-name = Please choose a name
commune-text-is-kept = The sign-in of before has ended. The bulletin is still there; sign in to see it again.
commune-silent = Out of touch: { $names }
commune-silent-since = { $name } (since { $time })
commune-silent-ever = { $name } (never heard)
commune-and-more = { $names } and { $n } more
commune-chief = the chief
commune-call = Call { $name } { $phone }
commune-no-phone = The chief's telephone is not known. Who runs the server puts it into the configuration: chief, phone.
commune-nothing-reported = The village has not reported how its devices are.
commune-bulletins-here = Bulletins to this village
commune-all-bulletins = All bulletins sent
commune-older = Older ones
commune-received = { $n } of { $all } villages have it
commune-not-taken-by = not taken by: { $names }
commune-waiting-for = waiting for: { $names }
commune-taken-down-in = taken down in { $n }
commune-at = { $what } at { $time }
commune-removed-by-chief = taken and published, taken down by the chief
commune-removed-by-technician = taken and published, taken down by the technician
commune-removed-by-program = taken and published, taken down by a program of the village
commune-removed-by-village = taken and published, taken down in the village
commune-bulletin-expired = the village did not take it in time, it is not sent any more
commune-sent-by = Sent by { $name } at { $when }. Shown in the villages until { $until }.
commune-by-village = Village by village
commune-what-it-says = What it says
commune-signed = Beneath the bulletin will stand: { $name }
commune-urgent-is = Stands first on every page of the village. You see it once more before it is sent.
commune-source = Source: the authority
commune-paper = Number of its paper (may be left empty)
commune-paper-on = Day of the paper
commune-paper-time = Time of the paper
commune-until = Keep it up to the end of (empty = 7 days)
commune-source-day-wrong = The day of the paper must not be after today.
commune-until-wrong = The last day must be after today, and within 60 days.
commune-paper-number = paper no. { $number }
commune-paper-day = of { $day }
commune-to = Send to
commune-to-all = All { $n } villages
commune-to-some = Choose villages
commune-confirm = Send urgent news to { $n ->
    [one] { $n } village
   *[other] { $n } villages
}?
commune-reach = { $n ->
    [one] { $n } village gets
   *[other] { $n } villages get
} it at once
commune-reach-people = { $n } villages get it at once; in all villages that it is sent to live about { $people } people
commune-reach-later = Out of touch, they get it when they are back: { $names }.
commune-uncounted = How many people live there is not known: { $names }.
commune-send-urgent = Send the urgent news now
commune-edit = Change it
commune-broken = This page cannot be opened now
commune-history-choose = Choose a day, an officer, a village
commune-history-village = Village
commune-technician = The administrator of the server
commune-did-sign-in = signed in on the machine { $address }
commune-did-others-out = { $n ->
    [0] signed out all other machines; there were none
    [one] signed out 1 other machine
   *[other] signed out { $n } other machines
}
commune-did-send = sent the bulletin “{ $title }” to { $n ->
    [one] { $n } village
   *[other] { $n } villages
}
commune-title-of = “{ $title }”
commune-did-publish = took and published the bulletin “{ $title }”
commune-did-publish-n = { $n } villages took and published the bulletin { $title }
commune-did-refuse = did not take the bulletin “{ $title }”
commune-did-take-down = took the bulletin “{ $title }” down
commune-did-take-down-chief = took the bulletin “{ $title }” down; the chief did
commune-did-take-down-technician = took the bulletin “{ $title }” down; the village's technician did
commune-did-take-down-program = took the bulletin “{ $title }” down; a program of the village did
commune-did-restore = put the bulletin “{ $title }” up again
commune-did-add-officer = added the officer { $name }
commune-did-rename = changed the name of { $before } to { $name }
commune-did-add-village = added { $name } to the configuration
commune-did-add-villages = added { $n } villages to the configuration
commune-did-remove-village = took { $name } out of the configuration
commune-key-admitted = { $name } may connect with a new key
commune-key-revoked = { $name } may not connect with its old key any more
commune-key-made = The key { $name } was made
commune-key-lost = The key { $name } is missing, damaged or not the one of before
commune-did-unknown = Something that this version of the program does not know
link-lost = No contact with the box since { $time }. What this page shows is from then.
link-old = old
order-late = Not done, because the box answered too late; press again
order-late-do = Nothing was changed.
order-unsure = The box cannot be reached: it is not sure that your order arrived. Look at the state, then press again.
order-wait = Waiting for the box to answer what you pressed.
usual-text = Normal text
notices-of-the-village = Notices of the village
unheard-things = Nothing was heard of { $n ->
    [one] { $n } device
   *[other] { $n } devices
} yet: { $names }.
alarm-now = { $name } rose above { $mark } { $unit } at { $since }
alarm-smoke = { $name }: alarm since { $since }
long-sentence = This sentence is too long; please say it in two.
mend-sentence = Change the sentence or the loudspeakers
playing = The order to play was sent.
notice-empty = A title and words are needed.
posted-until = until { $when }
a-light = lamp { $name }
a-speaker = loudspeaker { $name }
happened-group-on = Switched on the group { $name }
happened-group-off = Switched off the group { $name }
happened-taken-down-one = Took down “{ $text }”
happened-restored-one = Put up the notice “{ $text }” again
happened-undone = Undone: { $what }
reading-gone = Silent since { $since }: the figure above is no longer true
reading-deaf = Silent since { $since }: it cannot raise an alarm now. Call the technician.
tile-reading-gone = Silent since { $since }
reading-falling = Rose above { $mark } { $unit } at { $since }, falling now, still watched
call-technician = Call the technician: { $phone }
others-out = All other phones were signed out.
phones-in = { $n } phones are signed in with this name.
sign-out-others = Sign out all other phones
sign-out-others-do = When a phone was lost. This one stays signed in; the others must enter the PIN again. If the PIN may be known, call the technician to change it.
form-again = The page was open for long. Your words are still here; please press again.
heard-before = This sentence was played at { $time }.
play-again = Play it again
was-silent = No loudspeaker was playing.
stopping = The order to stop was sent; waiting for the loudspeakers.
sign-in-again = Your sign-in has ended; please sign in again.
typed-kept-until = The sign-in has ended, but the text that you typed is still there. Type the PIN to see it again; nothing was sent.
typed-kept = The text that you typed is still here; it was not sent. Please look at it again, then press the button.
typed-drop = Drop this text, sign in as somebody else
typed-not-yours = The unfinished text was not opened: it is somebody else's, or may not be sent any more.
lights-never = { $n } never answered: { $names }
tile-lights-never = { $name } never answered
alarm-falling = { $name } rose above { $mark } { $unit } at { $since }, falling now
notice-twice = This notice is up already.
notice-long-title = The title is too long: { $n } characters, at most { $most }.
notice-long-body = The text is too long: { $n } characters, at most { $most }.
happened-alarm = { $name }: alarm
happened-alarm-over = { $name }: the alarm is over
happened-flapped-here = { $name } came and went { $n } times; it answers now
happened-flapped-gone = { $name } came and went { $n } times; it does not answer now
commune-raised = { $name } is over its mark (measured { $value })
commune-lowered = { $name } fell below its mark (measured { $value })
read-aloud = Read it on the loudspeakers
tap-to-repeat = tap to play it again
notice-cut = The notice is long; this is its beginning. Read the rest afterwards.
heard-before-once = This sentence was played before.
lost-everything = all { $n } devices were lost at the same time, { $since }: { $names }
lost-together = { $n } devices were lost at the same time, { $since }: { $names }
lost-place = every device at { $place } ({ $n }) is lost since { $since }: { $names }
lost-together-do = Most likely there is one cause: look at the power, the switch and the cable that they share. Call the technician if switching it off and on did not help.
a-camera = camera { $name }
camera-never = Never gave a picture; it is still being called
device-unusable = Announces { $n ->
    [one] { $n } thing
   *[other] { $n } things
} that cannot be used
status-do-camera = look at the power and the cable of the camera; conglang camera list
status-do-recording = conglang camera list
status-do-lamp = try the switch at the lamp; replace the controller if it stays dark
status-do-silent = look at the power and the cable of the device; conglang broker why { $id }
status-do-never = see whether it has power and was given its password; conglang broker why { $id }
status-do-reading = look at the settings of the device; conglang broker why { $id }
status-devices = devices
status-speakers = speakers
status-lights = lamps
status-cameras = cameras
status-sensors = sensors
status-commune = commune
status-links = MQTT
status-names = names
status-count-names = { $n } asked
status-names-cached = { $n } from the cache
status-names-local = { $n } of the village hall
status-names-forwarded = { $n } sent on
status-names-offline = { $n } led to the portal
status-names-blocked = { $n } on the block list
status-names-refused = { $n } refused
status-names-too-fast = { $n } too fast, dropped
status-names-silent = { $n } without an answer
status-gateway = box
status-count-speakers = { $n }/{ $all }
status-count-lights = { $n }/{ $all } on
status-count-links = { $n }
status-reading-old = { $value } (old)
status-commune-none = not connected
status-commune-up = up to { $time }, { $n } waiting
status-commune-down = no link since { $time }, { $n } waiting
status-commune-all = complete
status-dropped = { $n } MQTT messages dropped since the start; see conglang broker clients
status-green = well
status-amber = to be checked
status-red = faulty
speakers-unreachable = Not heard at { $n } of { $all } clusters: { $names }
speakers-none-reachable = No cluster can be heard now: { $names }
speakers-none-reachable-do = Look at the power of the speakers. Call the technician if switching them off and on did not help.
devices-counted = { $n } of { $all } devices answer
other-troubles = Lamps, cameras and sensors to look at
lights-unknown = { $n } are not known to be well
lights-unknown-names = { $n } not known to be well: { $names }
tile-speakers-none = No cluster can be heard
tile-speakers-missing = Not heard: { $names }
doctor-more = {" "}and { $n } more
doctor-lost-with = → lost with it: { $names }
commune-status = { $sentence } (reported at { $time })
played-unreachable = { $name } was out of touch and did not play
names-and-more = { $names } and { $n } more
actor-commune = The commune
actor-console = The technician at the box
actor-program = The program { $name }
commune-person = Somebody of the village
commune-person-chief = The village chief
result-lit = it is on
result-lit-after = on after { $n } s
result-dark = it is off
result-dark-after = off after { $n } s
result-gave-up = the lamp did not answer the order
result-lit-n = { $n ->
    [one] 1 lamp is on
   *[other] { $n } lamps are on
}
result-dark-n = { $n ->
    [one] 1 lamp is off
   *[other] { $n } lamps are off
}
result-silent = no answer to the order: { $name }
happened-signal-flapped-here = Camera { $name } came and went { $n } times; it has its picture now
happened-signal-flapped-gone = Camera { $name } came and went { $n } times; it has no picture now
happened-swung-over = { $name } swung about its mark { $mark }, { $n } times in { $minutes } min; it is over it now
happened-swung-under = { $name } swung about its mark { $mark }, { $n } times in { $minutes } min; it is below it now
happened-swung-alarm = { $name } raised and ended its alarm { $n } times in { $minutes } min; the alarm is on now
happened-swung-no-alarm = { $name } raised and ended its alarm { $n } times in { $minutes } min; it is over now
happened-signed-in = Signed in
happened-signed-in-new = Signed in on a new phone
happened-signed-in-n = Signed in { $n } times
happened-signed-out = Signed out
happened-phones-out = { $n ->
    [0] Signed out all other phones; there were none
    [one] Signed out 1 other phone
   *[other] Signed out { $n } other phones
}
happened-pins-wrong = Somebody tried a wrong PIN of { $name } { $n } times
happened-pins-locked = Somebody tried a wrong PIN of { $name } { $n } times and had to wait
history-parts = One by one
history-choose = Choose a day, a person, a thing
history-day = Day
history-person = Done by
history-anybody = Anybody
history-thing = Device or group
history-anything = Anything
history-show = Show
history-all = Show everything
history-none-chosen = Nothing like what was chosen.
history-not-yet = Not found in the part that was searched. “Older” searches on.
day-before = ← Day before
day-after = Day after →

happened-map = took in the village's map: { $roads ->
    [one] { $roads } road or alley
   *[other] { $roads } roads and alleys
}, { $houses ->
    [one] { $houses } house
   *[other] { $houses } houses
}
happened-house-label = recorded a trade or telephone for house { $name }, with the householder's consent
happened-house-label-gone = took the trade or telephone of house { $name } away

# Roads, alleys, houses
roads-title = Roads, alleys, houses
roads-ask = Find a house or an alley, for example: so 7 ngo 12
roads-find = Find
roads-found = { $n ->
    [one] { $n } place found
   *[other] { $n } places found
}
roads-nothing = Nothing found
roads-nothing-do = Try the number and the name of the alley, without accents: “7 gieng lang”.
roads-all = All roads and alleys
roads-none = The village has no map on this box yet.
roads-map = Map of the village. Numbers on it are those of the list below. Tap a number for its road.
roads-list = Roads and alleys
roads-places = Public places
road-none = There is no such road or house
road-none-do = The code may be old. Look at the list of roads and alleys, or ask the village chief.
road-houses = { $n ->
    [one] { $n } house
   *[other] { $n } houses
}
road-odd-left = Where house numbers rise: odd on the left, even on the right.
road-odd-right = Where house numbers rise: odd on the right, even on the left.
road-head-odd-left = From the beginning of the { $kind }: odd on the left, even on the right.
road-head-odd-right = From the beginning of the { $kind }: odd on the right, even on the left.
road-kind-duong = road
road-kind-ngo = alley
road-kind-ngach = alley
road-kind-kiet = alley
road-kind-hem = alley
road-kind-xom = hamlet
road-odd = Odd numbers
road-even = Even numbers
road-formerly = Formerly: { $names }
road-from = Called so from { $day }.
road-until = Not called so any more after { $day }.
road-map = Map of { $road }
road-range = Numbers { $from } to { $to }
road-choose = Tap a house number for the way
road-parts = Alleys that go off here
house-number = Number
house-map = Map to { $address }
house-phone = Telephone: { $phone }
house-extinguisher = Has a fire extinguisher
way-title = The way
way-from = From { $name }
way-from-head = From the beginning of { $name }
way-metres = about { $n } m
way-none = On the map no road leads to this house yet. See the red dot on the map.
way-other-head = The way from the beginning of { $name }
way-other-hall = The way from the village hall
way-geo = Open the map app
way-app = Open Google Maps
way-app-do = These two need the internet. The map above does not.
way-along = Go along { $road } for { $metres } m.
way-along-rising = Go along { $road }, { $metres } m. House numbers rise.
way-along-falling = Go along { $road }, { $metres } m. House numbers fall.
way-into-rising = Straight on into { $road }, { $metres } m. House numbers rise.
way-out = Go out to { $road }, straight on for { $metres } m.
way-out-left = Go out to { $road }, turn left, go { $metres } m.
way-out-right = Go out to { $road }, turn right, go { $metres } m.
way-on-into = Straight on into { $road }, { $metres } m.
way-left-into = Turn left into { $road }, go { $metres } m.
way-right-into = Turn right into { $road }, go { $metres } m.
way-on = Straight on along { $road } for { $metres } m.
way-left = Turn left along { $road }, go { $metres } m.
way-right = Turn right along { $road }, go { $metres } m.
way-back = Turn back along { $road }, go { $metres } m.
way-house-left = House { $number } is on the left.
way-house-right = House { $number } is on the right.
way-house-ahead = House { $number } is straight ahead.
way-house-here = House { $number } is right here.
way-place-left = { $name } is on the left.
way-place-right = { $name } is on the right.
way-place-ahead = { $name } is straight ahead.
way-place-here = { $name } is right here.
way-place-hall = The wifi and the village’s codes are here.
way-at = Right at { $name }
way-from-metres = From { $name }, { $n } m
place-map = Map to { $name }
way-to-none = On the map no road leads here yet. See the red dot on the map.

# Mistakes in a file with a map
map-problem = line { $line }, column { $column }: { $why }
map-file-too-large = the file is larger than { $most_mib } MiB
map-not-utf8 = the text here is not UTF-8: save the file again as UTF-8
map-syntax = this file is no map, or it is damaged
map-not-collection = a GeoJSON FeatureCollection is wanted
map-other-system = coordinates of the system { $name }: export the file again in WGS 84 (EPSG:4326)
map-not-feature = a Feature with properties and a geometry is wanted
map-geometry-kind = a geometry of the type “{ $found }”: only LineString, MultiLineString and Point are taken
map-what-unknown = what is “{ $text }”: a point says house, place or code; a line says road
map-property-missing = { $name } is missing
map-property-unknown = { $name } is not taken
map-property-private = “{ $name }” may not stand in a map: a house has a number and a road; anything else about it is written on the page of roads, when the householder agrees
map-property-twice = { $name } stands twice
map-not-text = { $name } must be a text
map-not-yes-no = { $name } must be yes or no
map-text-long = { $name } is empty or longer than { $most } characters
map-not-id = “{ $text }” is not an id: use 1–64 of a–z, A–Z, 0–9, _ - .
map-not-number = “{ $text }” is not a house number: it begins with a digit, as 7, 7A, 12/3
map-kind-unknown = “{ $text }” is not a kind of road: use đường, ngõ, ngách, kiệt, hẻm or xóm
map-not-day = “{ $text }” is not a day: write it as 2026-12-31
map-days-reversed = the last day comes before the first
map-not-position = coordinates [longitude, latitude] are wanted
map-too-far = more than { $most_km } km from the village
map-exchanged = longitude and latitude are exchanged: longitude comes first
map-line-short = a road needs two different points at least
map-no-roads = there is no road
map-id-twice = the id { $id } is used twice
map-road-unknown = there is no road with the id { $id }
map-part-of-itself = the road { $id } is an alley of itself
map-number-twice = the number { $number } has two houses on { $road }
map-far-from-road = { $metres } m from { $road }: a wrong road or a wrong position
map-hall-twice = two places are the village hall
map-too-many-roads = more than { $most } roads and alleys
map-too-many-houses = more than { $most } houses
map-too-many-sites = more than { $most } public places or codes
map-too-many-points = the roads have more than { $most } points
map-too-dense = the roads are drawn too densely, most of all “{ $road }”. Thin the points out: one every 5 m is enough
directory-map = The village's map: { $roads ->
    [one] { $roads } road or alley
   *[other] { $roads } roads and alleys
}, { $houses ->
    [one] { $houses } house
   *[other] { $houses } houses
}, taken in { $when }.
directory-no-map = The village has no map yet. Give it with the button below.
print-do = PDF files to print. Without a printer, send the file to a print shop. Plates are to be engraved, for the gate; stickers are to be stuck on.
print-link = Print codes for walls and houses
print-link-do = sheets for walls, plates and stickers of houses
print-send = Send the file by Zalo
print-wall = Print the sheet for the village hall's wall (A4)
print-alleys = Print the sheets for heads of roads and alleys (A4)
print-houses = Print plates and stickers of houses
print-plates = Plates
print-stickers = Stickers
print-notice = Print a small sheet for walls (A5)
print-wifi = Join the wifi
print-wifi-name = Wifi: { $name }
print-notices = Read the news
print-roads = Find a house
print-foot = Point the camera of the phone at a code. No password is needed.
print-foot-without = Open the phone’s camera and point it at a code. Turn the phone’s 4G on.
print-hall = cultural house
print-roads-do = The way to each house
print-odd-left = Odd on the left, even on the right
print-odd-right = Odd on the right, even on the left
print-scan = Scan for the way to each house
print-read = Scan to read it on the phone
print-numbers = numbers { $from } to { $to }
print-too-many = This road has more houses than one file of plates holds. Print stickers instead.
labels-title = Houses with a shop, a trade, a telephone
labels-do = Everybody can read this. Record it only when the householder agrees. When the householder changes their mind, take it away; the text is erased.
label-house = Which house? For example: 7 gieng lang
label-trade = Trade or shop (may be empty)
label-phone = Telephone (may be empty)
label-extinguisher-do = Neighbours know where to get it in a fire
label-consent = How did the householder agree?
label-choose = Choose…
label-paper = Where the paper is kept (may be left empty)
label-paper-at = The paper is kept at: { $where }
label-given = Day of the consent
label-record = Record it for this house
label-withdraw = Take away
label-recorded = Recorded for this house.
label-withdrawn = The trade or telephone of this house is erased.
label-gone = Remove the trade or telephone of this house?
label-gone-ever = It cannot be brought back.
label-gone-yes = Remove and erase
label-gone-no = Keep
label-off-map = A house that is no longer on the map (old id { $id })
label-sure = Is this the right house?
label-sure-public = Everybody will read:
label-sure-before = Instead of the trade or telephone of now:
label-sure-yes = The right house, record it
label-sure-no = Another house, type again
label-no-house = There is no such house. Type the number and the alley.
label-which-house = Several houses have this number. Type the alley as well.
label-nothing = Give a trade, a telephone number, or the fire extinguisher.
label-trade-long = The trade has more than { $most } characters. Shorten it.
label-phone-wrong = The telephone is wrong: 3 to 15 digits; spaces, dots and dashes are allowed.
label-no-consent = Choose how the householder agreed.
label-no-day = The day of the consent must be today or earlier.
consent-signed = signed on paper
consent-spoken = told the village chief
consent-written = wrote a message
consent-given = The householder agreed on { $day }: { $how }
# The file with the map and the file with the procedures
map-file-title = Upload the village map
map-file-do = Choose the file that the map’s drawer sent (its name often ends in .geojson). It is read whole and shown before it replaces anything. A file with mistakes changes nothing.
map-file-none = The village has no map yet.
map-file-of = { $roads ->
    [one] One road or alley
   *[other] { $roads } roads and alleys
}, { $houses ->
    [one] one house
   *[other] { $houses } houses
}, given { $when }
map-file-preview = The map before it is taken
map-file-counts = The file has { $houses ->
    [one] one house
   *[other] { $houses } houses
}, { $roads ->
    [one] one road or alley
   *[other] { $roads } roads and alleys
}.
map-file-houses = Houses: { $new } added, { $changed } changed, { $gone } removed
map-file-roads = Roads and alleys: { $new } added, { $changed } changed, { $gone } removed
map-file-sites = Public places and codes: { $new } added, { $changed } changed, { $gone } removed
map-file-labels = These houses have a trade or telephone and are not where they were on this map:
map-file-labels-do = Ids may have moved to other houses. Mend them in the file and give it again, and nothing is lost.
map-file-labels-withdraw = Take the trade or telephone of these houses away
map-file-labels-erased = Their words are erased. To record them again, ask the householder.
map-file-labels-first = The map was not replaced. Mend the file, or tick below that they are taken away.
map-file-labels-chief = Only the chief takes the trade or telephone of a house away. Mend the file, or ask the chief to replace the map.
map-file-lost = The printed codes of these pages will open no more. To keep them, write the old id into old_ids of the file.
map-file-taken = The map is replaced. The one before is kept below.
map-file-restored = The map before is in force again.
map-file-same = This map is in force already; nothing changed.
procedures-file-title = Administrative procedures: another list
procedures-file-do = Download the list in use, change it in Excel, save it, and choose that file here. It is shown before it replaces anything. A file with mistakes changes nothing.
procedures-file-now = Download the list in use (opens in Excel)
procedures-file-none = The village has no list of procedures yet.
procedures-file-of = { $n ->
    [one] One procedure
   *[other] { $n } procedures
}, given { $when }
procedures-file-preview = The list before it is taken
procedures-file-counts = The file has { $n ->
    [one] one procedure
   *[other] { $n } procedures
}.
procedures-file-counts-font = The file has { $n ->
    [one] one procedure
   *[other] { $n } procedures
}, in letters of the old kind { $written }.
procedures-file-changes = Procedures: { $new } added, { $changed } changed, { $gone } removed
procedures-file-lost = These procedures will be gone:
procedures-file-taken = The list is replaced. The one before is kept below.
procedures-file-restored = The list before is in force again.
procedures-file-same = This list is in force already; nothing changed.
file-choose = A file on this device
file-look = Look at it
file-not-chosen = No file is chosen.
file-mistakes = { $n ->
    [one] The file has a mistake
   *[other] The file has { $n } mistakes
}; nothing changed.
file-no-change = It is the same as what is in force; nothing changes.
file-not-yet = Nothing is replaced yet. If it is right, press the button below.
file-take = Replace it with this file
file-other = Choose another file
file-before = The one before
file-restore = Restore the one before
# Procedures, search, official addresses
procedures = Papers to bring
procedures-list = Administrative procedures
procedures-find = Find a procedure (no diacritics needed)
procedures-n = { $n ->
    [one] One procedure
   *[other] { $n } procedures
}
procedures-none = The village has no list of procedures yet. Please ask at the commune's counter.
procedures-lost = The list of procedures cannot be read. Please tell the village's technician.
procedures-see-all = See all { $n } procedures
procedures-ask = Call { $name } { $phone }
procedure-also-called = Also called: { $names }
procedure-number = Code of the procedure: { $code }
procedures-more = Show more
procedures-all = Other procedures
procedures-not-written = the list of procedures could not be written to storage. Do: conglang doctor.
procedure-not-yet = Not in effect yet: it begins on { $day }
procedure-no-longer = No longer in effect: it ended on { $day }
procedure-unknown = There is no such procedure
procedure-unknown-do = It may have another code now, or may have been dropped. Please look in the list.
procedure-papers = What to bring
procedure-papers-ask = The papers are not listed yet. Please ask at the counter before you go.
procedure-place = Where to submit
procedure-hours = Opening hours
procedure-time = How many days it takes
procedure-fee = What it costs
procedure-online = Submit online
procedure-official = Open the official page: { $host }
procedure-code = Code of the official page { $host }, for another phone
procedure-help = Where to get help
procedure-print = Take a picture of the screen to have it with you.
procedure-this-page = Read it on a phone
never-otp = No officer ever asks for your OTP code or your password.
search = Search
search-what = Search notices, procedures, houses, telephones
search-how = Type one or two words, no diacritics needed: “hop thon”, “khai sinh”, “house 17”.
paper-open = Open: { $name }
paper-fetch = Download: { $name }
paper-pages = { $n ->
    [one] { $n } page
   *[other] { $n } pages
}
paper-read = Read it on this page
paper-open-file = Open the { $kind }
paper-fetch-file = Download the { $kind }
paper-back = Back to the notice
paper-unnamed = Attached file
paper-download = Download the file
paper-page = Page { $n }
paper-sheet = Sheet { $n }
paper-part = Part { $n } of { $all }
paper-next = Read on
paper-before = Part before
paper-see-picture = See the picture
paper-see-picture-of = See the picture of page { $n }
paper-picture-of = Picture of page { $n }
paper-page-without-text = This page has no text that can be read here; please see the picture.
paper-recognised = Text marked “read by machine, may be wrong” was read from a picture. For numbers, names, days and times please see the picture.
paper-recognised-tag = read by machine, may be wrong
paper-pictures-first = The file has { $pages } pages. Only { $n } of them have a picture; to see all, download the file.
paper-text-first = The file has { $pages } pages; the first { $n } can be read here.
paper-empty = This file has no text that can be read here. Please download the file.
paper-encrypted = This file has a password and cannot be read here. Please download it and open it with the password.
paper-unreadable = This file cannot be read here. Please download it.
paper-too-large = This file is too large to be read here in full. To see all, download the file.
paper-ended = Reading this file took too long, so not all of it is here. To see all, download the file.
found-papers = Papers of notices
listen = Listen
listen-wait = The first time takes a while. It is read in Vietnamese.
paper-recognised-aloud = The text of this file was read from a picture by a machine and may be wrong
search-busy = Many people are searching
search-busy-do = Wait a few seconds, then press “Search again”. All other pages open as usual.
search-busy-again = Search again
storm-more = More warnings: all notices
page-busy = Many people are looking
page-busy-do = Wait a few seconds, then press “Open again”. All other pages open as usual.
page-busy-again = Open again
search-nothing-for = Nothing found for “{ $words }”. Try another word, or fewer.
found-n = { $n ->
    [one] One found
   *[other] { $n } found
}
found-first = { $n } found; here are the first { $shown }
found-more = Show all { $n }
found-all-kinds = Search everything
found-notices = Notices
found-procedures = Procedures
found-places = Houses, roads, public places
is-over = Expired
official = Official addresses
official-scam = False pages look almost like the true ones. When somebody sends a link, wants you to install an app or to send money: do not tap, call a number below or ask the commune's police.
official-service = Public services, papers
official-health = Health
official-electricity = Electricity
official-water = Water
official-emergency = Emergency calls (free)
official-how = Compare the address on your phone with the one here, letter by letter.
official-unchecked = A sample list that nobody has checked. Ask the chief or the commune’s police before you trust it.
official-elsewhere = Elsewhere in the country
phone-free = free
phone-charged = charged
official-dead = this page does not open at present
link-dead = (broken link)
outside-troubles = Pages outside the village have troubles
outside-feed-do = Ask the technician to check the address of that page; the village's notices work as usual.
outside-link = Does not open: { $link }
outside-notice = In the notice “{ $title }”. People read “(broken link)”; correct the notice to change or remove it.
outside-procedure = In procedure { $code }. People's pages do not show this link any more.
outside-official = In “Official addresses”. People's pages do not show this link any more.
feed-about = News of { $village }, from the village hall's gateway
procedure-file-in-line = Line { $line }: { $why }
procedure-file-in-column = Line { $line }, column { $column }: { $why }
procedure-file-in-heading = Line { $line }, column { $column } ({ $heading }): { $why }
procedure-file-large = the file is too large; at most { $most } MB.
procedure-file-no-text = the file is no CSV. In Excel choose Save As, type “CSV UTF-8”.
procedure-file-font = the kind of letters in the file is not known. Save it with a Unicode font (Times New Roman, Arial), type “CSV UTF-8”.
procedure-file-empty = the file has no procedure.
procedure-file-quote = a quotation mark (") opens and is never closed.
procedure-file-many = too many procedures; at most { $most }.
procedure-file-column = this column is not known. The columns: Mã, Tên thủ tục, Giấy tờ, Nơi nhận, Giờ nhận, Thời hạn, Lệ phí, Liên kết, Hiệu lực từ, Hiệu lực đến, Còn gọi là.
procedure-file-column-twice = this column is there twice.
procedure-file-no-column = the column “{ $name }” is missing.
procedure-file-no-heading = a cell with words in a column without a heading.
procedure-file-missing = this cell may not be empty.
procedure-file-code = “{ $text }” is no code: plain letters, digits, full stops and hyphens only.
procedure-file-code-twice = the code { $code } is in line { $first } already.
procedure-file-long = { $n } characters; at most { $most }.
procedure-file-papers = too many papers; at most { $most }.
procedure-file-link = “{ $text }” is not the address of a page on the web; it begins with https://
procedure-file-day = “{ $text }” is no day; write it like 1/7/2026.
procedure-file-days = the last day is before the first.

# In storm and flood
storm = In storm and flood
storm-where = shelters, numbers to call
storm-no-bulletin = There is no warning of the village or the commune at present.
storm-way = The way to { $name } ›
storm-water = Water level, rain
storm-no-gauge = The village has no gauge for water or rain.
storm-no-reading = no reading yet
storm-own-gauge = This is measured in the village; it is no official bulletin.
storm-rising = up { $by } { $unit } in an hour
storm-falling = down { $by } { $unit } in an hour
storm-steady = unchanged in an hour
storm-next-mark = { $left } { $unit } below { $name } ({ $mark })
storm-over-mark = above { $name } ({ $mark })
storm-mark-first = the watch level
storm-mark-next = the alarm level
storm-no-trend = not known yet whether it rises or falls
storm-shelters = Shelters
storm-boats = Boats
storm-phones = Duty telephones
storm-missing = Not written down yet: { $parts }. To ask, call { $who }.
storm-missing-ask = Not written down yet: { $parts }. Please ask the village chief.
storm-made = Made at { $time }.
storm-carry = Take a screenshot for when there is no network.
storm-plan = Plan for a storm
storm-plan-do = Write it before the season of storms, one place on a line. The page “In storm and flood” shows it to everybody, also without internet.
storm-shelters-like = Village hall: 80 people, has a generator
storm-boats-like = Motor boat at the Trạm Bơm sluice
storm-phones-like = Village chief: 0000 000 011
storm-plan-keep = Save the plan
storm-plan-set = The plan for a storm is written.
see-as-people = See the page that people see
storm-plan-long = This part has at most { $rows } lines, each of at most { $chars } characters.
storm-plan-changed = Somebody else just changed this plan, as below. What you typed is still here; bring both together if needed, then press again.
