#!/usr/bin/env bash
# Judges a broker with foreign clients: mosquitto_pub, mosquitto_sub and mosquitto_rr.
#
# MQTT 3.1, 3.1.1 and 5. The target comes from the environment: HOST, PORT, TLS_PORT, CA, USER_NAME,
# USER_SECRET. These clients speak no WebSocket, so WS_PORT and WSS_PORT are skipped. Exit code 0 only if
# no check failed.
set -u

HOST=${HOST:-127.0.0.1}
bound=5
work=$(mktemp -d)
run=$(od -An -N4 -tx4 /dev/urandom | tr -d ' ')
mebibyte=$work/mebibyte
made=0
declare -A pid_of
twenty=$(seq -w 0 19)

trap 'rm -rf "$work"' EXIT

stop_clients() {
    local pid
    for pid in "${pid_of[@]}"; do kill "$pid" 2>/dev/null; done
}

# check NAME EXPECTED CAME
check() {
    if [[ $2 == "$3" ]]; then
        echo "ok $1"
    else
        local expected=${2//$'\n'/ } came=${3//$'\n'/ }
        echo "FAILED $1: expected '${expected:0:300}', came '${came:0:300}'"
    fi
}

# Sets `topic` or `id` to one that is new; ids stay short enough for MQTT 3.1 (23 bytes).
fresh_topic() { made=$((made + 1)); topic="t/${run}m$made"; }
fresh_id() { made=$((made + 1)); id="${run}m$made"; }

usual_door=plain
if [[ -z ${PORT:-} ]]; then usual_door=tls; fi
door=$usual_door
access() {
    local -n arguments=$1
    arguments=(-V "mqtt$version" -h "$HOST" -u "$USER_NAME" -P "$USER_SECRET")
    if [[ $door == tls ]]; then arguments+=(-p "$TLS_PORT" --cafile "$CA"); else arguments+=(-p "$PORT"); fi
}

# until_true COMMAND...: tries again until it succeeds, within the bound
until_true() {
    local deadline=$((SECONDS + bound + 1))
    until "$@"; do
        if ((SECONDS >= deadline)); then return 1; fi
        sleep 0.01
    done
}

heard_lines() { grep -ac '^heard ' "$work/$1"; }
has_heard() { (($(heard_lines "$1") >= $2)); }
heard_together() { (($(heard_lines "$1") + $(heard_lines "$2") >= $3)); }
ended() { ! kill -0 "$1" 2>/dev/null; }

# listen NAME ARGUMENTS...: starts a subscriber and waits until the broker has granted what it asked for.
# `format` says what is noted of each message; the file $work/NAME holds one line for each.
format='%p'
listen() {
    local name=$1 common
    shift
    access common
    : >"$work/$name"
    stdbuf -oL mosquitto_sub "${common[@]}" -d -F "heard $format" "$@" >>"$work/$name" 2>&1 &
    pid_of[$name]=$!
    until_true grep -aq '^Subscribed' "$work/$name" || echo "no SUBACK for $name: $(tail -n 1 "$work/$name")"
}

# heard NAME COUNT: what it heard, once COUNT messages are there or the bound is over
heard() {
    until_true has_heard "$1" "$2"
    grep -a '^heard ' "$work/$1" | cut -d' ' -f2-
}

stop() { # politely: the client sends DISCONNECT
    kill -INT "${pid_of[$1]}" 2>/dev/null
    until_true ended "${pid_of[$1]}"
    unset "pid_of[$1]"
}

die() { # without DISCONNECT
    kill -KILL "${pid_of[$1]}"
    wait "${pid_of[$1]}" 2>/dev/null
    unset "pid_of[$1]"
}

say() {
    local common
    access common
    timeout "$bound" mosquitto_pub "${common[@]}" "$@"
}

clear_session() { # ID: a clean start ends what was kept
    local common
    access common
    timeout "$bound" mosquitto_sub "${common[@]}" -i "$1" -t "t/$run/none" -E >/dev/null 2>&1
}

doors() {
    for door in plain tls; do
        if [[ $door == plain && -z ${PORT:-} || $door == tls && (-z ${TLS_PORT:-} || -z ${CA:-}) ]]; then
            echo "- skip $version $door: no port or no CA given"
            continue
        fi
        local qos
        for qos in 0 1 2; do
            fresh_topic
            fresh_id
            format='%q %p' listen door -i "$id" -q 2 -t "$topic"
            say -q "$qos" -t "$topic" -l <<<"$twenty"
            check "$version $door 20 in order, qos $qos" "$(sed "s/^/$qos /" <<<"$twenty")" "$(heard door 20)"
            stop door
        done
        format='%l' listen door -q 1 -t "$topic"
        say -q 1 -t "$topic" -f "$mebibyte"
        check "$version $door 1 MiB" 1048576 "$(heard door 1)"
        stop door
    done
    door=$usual_door
    echo "- skip $version ws, wss: these clients speak no WebSocket"
}

payload_unchanged() {
    fresh_topic
    local common
    access common
    timeout "$bound" mosquitto_sub "${common[@]}" -N -C 1 -t "$topic" -q 1 >"$work/large" &
    local reader=$!
    say -q 1 -r -t "$topic" -f "$mebibyte"
    wait "$reader"
    check "$version 1 MiB unchanged" same "$(cmp -s "$work/large" "$mebibyte" && echo same)"
    say -q 1 -r -n -t "$topic"
}

downgrade() {
    local sent granted
    for sent in 0 1 2; do
        for granted in 0 1 2; do
            fresh_topic
            format='%q %p' listen one -q "$granted" -t "$topic"
            say -q "$sent" -t "$topic" -m x
            check "$version sent $sent granted $granted" "$((sent < granted ? sent : granted)) x" "$(heard one 1)"
            check "$version suback $granted (sent $sent)" "$granted" "$(sed -n 's/^Subscribed (mid: [0-9]*): //p' "$work/one")"
            stop one
        done
    done
}

topics() {
    fresh_topic
    format='%t' listen one -q 1 -t "$topic/đèn/ngõ Đình" -t "$topic/phố/+/đèn" -t "$topic/chợ/#"
    local spoken
    for spoken in 'đèn/ngõ Đình' phố/Huế/đèn phố/Huế/quạt chợ 'chợ/Đồng Xuân/a'; do say -q 1 -t "$topic/$spoken" -m x; done
    local wanted
    wanted=$(printf "$topic/%s\n" 'đèn/ngõ Đình' phố/Huế/đèn chợ 'chợ/Đồng Xuân/a')
    check "$version vietnamese topics and wildcards" "$wanted" "$(heard one 4)"
    stop one

    local filters=() number
    for number in {0..299}; do filters+=(-t "$topic/lọc/$number"); done
    listen many -q 1 "${filters[@]}"
    local granted
    granted=$(sed -n 's/^Subscribed (mid: [0-9]*): //p' "$work/many")
    check "$version 300 filters granted" 300 "$(tr ',' '\n' <<<"$granted" | grep -c '^ *1$')"
    for number in 0 150 299; do say -q 1 -t "$topic/lọc/$number" -m "$number"; done
    check "$version 300 filters heard" $'0\n150\n299' "$(heard many 3)"
    stop many
}

wills() {
    fresh_topic
    local qos
    format='%q %p' listen witness -q 2 -t "$topic"
    for qos in 0 1 2; do
        listen mortal -t "$topic/none" --will-topic "$topic" --will-payload "died $qos" --will-qos "$qos"
        die mortal
        check "$version will qos $qos heard" "$qos died $qos" "$(heard witness $((qos + 1)) | tail -n 1)"
    done
    fresh_id
    listen polite -i "$id" -C 1 -t "$topic/leave" --will-topic "$topic" --will-payload 'must not be heard' --will-qos 1
    say -t "$topic/leave" -m now # a signal would do in 3.1.1, but in 5 this client then asks for its will
    until_true ended "${pid_of[polite]}"
    clear_session "$id" # once the same id is in again, the broker is done with the earlier connection
    say -q 1 -t "$topic" -m end
    check "$version will silent after a polite end" '1 end' "$(heard witness 4 | tail -n +4)"
    if [[ $version == v5 ]]; then
        listen leaver -t "$topic/none" --will-topic "$topic" --will-payload 'left with a will' --will-qos 1
        stop leaver
        check "$version disconnect with will" '1 left with a will' "$(heard witness 5 | tail -n +5)"
    fi
    stop witness
    listen mortal -t "$topic/none" --will-topic "$topic" --will-payload kept --will-qos 1 --will-retain
    listen witness -q 1 -t "$topic"
    die mortal
    heard witness 1 >/dev/null
    stop witness
    format='%r %p' listen late -q 1 -t "$topic"
    check "$version retained will" '1 kept' "$(heard late 1)"
    stop late
    say -q 1 -r -n -t "$topic"
}

retained() {
    fresh_topic
    format='%r %p' listen live -q 1 -t "$topic"
    say -q 1 -r -t "$topic" -m kept
    check "$version retained to a live one" '0 kept' "$(heard live 1)"
    format='%r %p' listen late -q 1 -t "$topic"
    check "$version retained to a late one" '1 kept' "$(heard late 1)"
    stop late
    say -q 1 -r -n -t "$topic"
    format='%r %p' listen later -q 1 -t "$topic"
    say -q 1 -t "$topic" -m end
    check "$version retained cleared" '0 end' "$(heard later 1)"
    stop later
    stop live
}

sessions() {
    fresh_topic
    fresh_id
    listen sleeper -i "$id" -c -q 2 -t "$topic/+"
    stop sleeper
    local qos
    for qos in 1 2; do say -q "$qos" -t "$topic/$qos" -l <<<"$twenty"; done
    format='%q %p' listen awake -i "$id" -c -q 2 -t "$topic/+"
    heard awake 40 >"$work/away"
    for qos in 1 2; do
        check "$version qos $qos said while away" "$(sed "s/^/$qos /" <<<"$twenty")" "$(grep "^$qos " "$work/away")"
    done
    stop awake
    clear_session "$id"
    say -q 1 -t "$topic/1" -m 'to nobody'
    format='%p' listen awake -i "$id" -c -q 2 -t "$topic/+"
    say -q 1 -t "$topic/1" -m end
    check "$version clean start forgets" end "$(heard awake 1)"
    stop awake
    clear_session "$id"
}

shared() {
    local qos member
    for qos in 0 1 2; do
        fresh_topic
        for member in first second; do listen "$member" -q "$qos" -t "\$share/g/$topic/#" -t "$topic-all"; done
        say -q "$qos" -t "$topic/x" -l <<<"$twenty"
        until_true heard_together first second 20
        say -q "$qos" -t "$topic-all" -m end
        until_true heard_together first second 22
        local all
        all=$({ heard first 1; heard second 1; } | sort)
        check "$version shared qos $qos, each to one" "$twenty"$'\nend\nend' "$all"
        stop first
        stop second
    done
}

refusals() {
    local USER_SECRET=wrong
    say -t x -m x >/dev/null 2>&1
    check "$version wrong secret refused" refused "$([[ $? == 0 || $? == 124 ]] || echo refused)"
}

requests() { # mosquitto_rr speaks 3.1.1 and 5
    fresh_topic
    local common extra=()
    access common
    [[ $version == v5 ]] && extra=(-D publish correlation-data 42)
    format='%R %D %p' listen replier -q 1 -t "$topic/ask"
    timeout "$bound" mosquitto_rr "${common[@]}" -q 1 -t "$topic/ask" -e "$topic/reply" -m 'how many' "${extra[@]}" >"$work/reply" &
    local asker=$!
    local wanted='  how many'
    [[ $version == v5 ]] && wanted="$topic/reply 42 how many"
    check "$version request heard" "$wanted" "$(heard replier 1)"
    say -q 1 -t "$topic/reply" -m seven
    wait "$asker"
    check "$version response heard" seven "$(cat "$work/reply")"
    stop replier
}

five() {
    local tag=v5 qos
    fresh_topic
    format='%P|%C|%R|%D|%F|%p' listen one -q 2 -t "$topic"
    format='%E' listen expiring -q 2 -t "$topic"
    for qos in 0 1 2; do
        say -q "$qos" -t "$topic" -m full -D publish user-property b 2 -D publish user-property a 1 -D publish user-property b 3 \
            -D publish content-type text/plain -D publish response-topic "$topic/trả lời" -D publish correlation-data 42 \
            -D publish payload-format-indicator 1 -D publish message-expiry-interval 60
        check "$tag qos $qos properties" "b:2 a:1 b:3|text/plain|$topic/trả lời|42|1|full" "$(heard one $((qos + 1)) | tail -n 1)"
        check "$tag qos $qos message expiry" near "$(heard expiring $((qos + 1)) | awk 'END { if ($1 > 55 && $1 <= 60) print "near" }')"
    done
    stop one
    stop expiring

    fresh_topic
    format='%t %p' listen one -q 2 -t "$topic"
    for qos in 0 1 2; do say -q "$qos" -t "$topic" -D publish topic-alias 1 -l <<<"$twenty"; done
    check "$tag topic alias" "$(for qos in 0 1 2; do sed "s|^|$topic |" <<<"$twenty"; done)" "$(heard one 60)"
    stop one

    for qos in 1 2; do
        fresh_topic
        listen one -q "$qos" -t "$topic" -D connect receive-maximum 3
        say -q "$qos" -t "$topic" -l <<<"$twenty"
        check "$tag receive maximum 3, qos $qos, all heard" "$twenty" "$(heard one 20)"
        stop one
    done

    fresh_topic
    format='%S %p' listen one -q 1 -t "$topic" -D subscribe subscription-identifier 268435455
    format='%r %p' listen as -q 1 -t "$topic" --retain-as-published
    format='%r %p' listen plain -q 1 -t "$topic"
    say -q 1 -r -t "$topic" -m x
    check "$tag subscription identifier" '268435455 x' "$(heard one 1)"
    check "$tag retain as published" '1 x' "$(heard as 1)"
    check "$tag retain not as published" '0 x' "$(heard plain 1)"
    say -q 1 -r -n -t "$topic"
    stop one
    stop as
    stop plain

    fresh_topic
    listen nameless -q 1 -t "$topic"
    say -q 1 -t "$topic" -m x
    check "$tag assigned client id" x "$(heard nameless 1)"
    stop nameless
}

five_in_time() { # will delay, session expiry and message expiry, side by side
    fresh_topic
    local back gone short long
    fresh_id && back=$id && fresh_id && gone=$id && fresh_id && short=$id && fresh_id && long=$id
    local delayed=(-x 30 -D will will-delay-interval 1 -D will user-property k v --will-qos 1 --will-topic "$topic/will")
    format='%p %P' listen witness -q 1 -t "$topic/will"
    listen short -i "$short" -c -x 1 -q 1 -t "$topic/session"
    listen long -i "$long" -c -x 60 -q 1 -t "$topic/session"
    stop short
    stop long
    say -q 1 -t "$topic/session" -m 'soon gone' -D publish message-expiry-interval 1
    say -q 1 -t "$topic/session" -m lasting -D publish message-expiry-interval 60
    listen back -i "$back" -t "$topic/none" "${delayed[@]}" --will-payload 'must not be heard'
    listen gone -i "$gone" -t "$topic/none" "${delayed[@]}" --will-payload late
    die back
    listen back -i "$back" -c -x 30 -t "$topic/none"
    die gone
    local died
    died=$(date +%s%N)
    check "v5 will delay: only of the one who stayed away" 'late k:v' "$(heard witness 1)"
    local waited=$((($(date +%s%N) - died) / 1000000))
    check "v5 will delay kept" kept "$( ((waited >= 700 && waited <= 4000)) && echo kept || echo "$waited ms")"
    sleep 1.3
    listen short -i "$short" -c -x 1 -q 1 -t "$topic/session"
    listen long -i "$long" -c -x 60 -q 1 -t "$topic/session"
    say -q 1 -t "$topic/session" -m end
    check "v5 session expired" end "$(heard short 1)"
    check "v5 message expired while away" $'lasting\nend' "$(heard long 2)"
    stop witness && stop back && stop short && stop long
    clear_session "$back" && clear_session "$gone" && clear_session "$long"
}

common_groups='doors payload_unchanged downgrade topics wills retained sessions shared refusals'

# part NAME VERSION GROUPS...: runs groups of checks beside the other parts, under names of its own
part() {
    run=$run$1 work=$work/$1 version=$2
    pid_of=()
    trap stop_clients EXIT
    mkdir "$work"
    shift 2
    local group
    for group in "$@"; do "$group"; done
}

head -c 1048576 /dev/urandom >"$mebibyte"
if [[ -z ${PORT:-} && (-z ${TLS_PORT:-} || -z ${CA:-}) ]]; then
    echo "- skip everything: neither PORT nor TLS_PORT with CA given"
else
    # shellcheck disable=SC2086
    {
        (part three v31 $common_groups) >"$work/out-1" 2>&1 &
        (part four v311 $common_groups requests) >"$work/out-2" 2>&1 &
        (part five v5 $common_groups requests) >"$work/out-3" 2>&1 &
        (part more v5 five five_in_time) >"$work/out-4" 2>&1 &
        wait
    }
    cat "$work"/out-?
fi
checks=$(cat "$work"/out-? 2>/dev/null | grep -cE '^(ok|FAILED) ')
failures=$(cat "$work"/out-? 2>/dev/null | grep -c '^FAILED ')
echo "$checks checks, $failures failed"
((failures == 0 && checks > 0))
