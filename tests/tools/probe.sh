#!/usr/bin/env bash
# Tests of mio-probe. Usage: probe.sh PROGRAM CASE [FORBID]; a case is a function `test_CASE` below. Exit status: 0 passed,
# 1 failed, 77 skipped.
#
# Loopback and a folder of its own are all that a case uses, so that any number of them can run at once.
set -euo pipefail

probe=$(realpath "$1")
folder=$(mktemp -d)
chmod 755 "$folder" # some cases run the program as somebody else
cd "$folder"

# ctest leaves descriptors open, and some cases need to know which are. Bash reads this file through 255.
for path in "/proc/$$/fd/"*; do
    handle=${path##*/}
    ((handle <= 2 || handle == 255)) || eval "exec $handle>&-"
done

pids=()
clean_up() {
    local pid
    for pid in "${pids[@]}"; do kill -KILL "$pid" 2>/dev/null || true; done
    rm -rf "$folder"
}
trap clean_up EXIT

fail() {
    printf 'FAILED: %s\n' "$*" >&2
    local file
    for file in out err; do
        [[ -e $file ]] && printf -- '---- %s ----\n%s\n' "$file" "$(<"$file")" >&2
    done
    exit 1
}

skip() {
    printf 'skipped: %s\n' "$*"
    exit 77
}

# A sanitizer's run time needs descriptors too, and ends the program when it gets none.
skip_with_sanitizer() {
    if grep -qE '__[a-z]+san_init' "$probe"; then skip 'built with a sanitizer'; fi
}

needs() {
    command -v "$1" >/dev/null || skip "no $1"
}

# run COMMAND...: its exit status in $status, its output in the files out and err.
run() {
    status=0
    timeout 30 "$@" >out 2>err || status=$?
}

# rejects STATUS PATTERN COMMAND...: COMMAND ends so, with one line on standard error that matches.
rejects() {
    local expected=$1 pattern=$2
    shift 2
    run "$@"
    ((status == expected)) || fail "$*: exit status $status instead of $expected"
    (($(wc -l <err) == 1)) || fail "$*: not one line on standard error"
    grep -qE -- "^mio-probe: .*$pattern" err || fail "$*: standard error has no '$pattern'"
}

# succeeds PATTERN COMMAND...: COMMAND ends with 0, prints something that matches, and says nothing else.
succeeds() {
    local pattern=$1
    shift
    run "$@"
    ((status == 0)) || fail "$*: exit status $status"
    grep -qE -- "$pattern" out || fail "$*: the output has no '$pattern'"
    is_silent
}

wrong() { rejects 2 "$1" "$probe" "${@:2}"; }
refused() { rejects 3 "$1" "$probe" "${@:2}"; }

# start ARGUMENTS...: the program in the background, its id in $pid.
start() {
    : >out
    "$probe" "$@" <&0 >out 2>err & # what runs in the background would read nothing otherwise
    pid=$!
    pids+=("$pid")
}

# until_true WHAT COMMAND...: waits for COMMAND to succeed, ten seconds at the most.
until_true() {
    local what=$1 _
    shift
    for _ in {1..500}; do
        if "$@"; then return; fi
        sleep 0.02
    done
    fail "did not happen in ten seconds: $what"
}

prints() { until_true "a line '$1'" grep -qE -- "$1" out; }

listen() { # ARGUMENTS...
    start watch listen://127.0.0.1:0 "$@"
    prints 'listening'
    port=$(grep -oE -m1 '127\.0\.0\.1:[0-9]+' out | head -n1 | cut -d: -f2)
}

ends_with() { # STATUS
    local got=0
    wait "$pid" || got=$?
    ((got == $1)) || fail "exit status $got instead of $1"
}

# The backend that Poll uses.
a_backend() { "$probe" --version | sed -E 's/.*backend ([a-z]+),.*/\1/'; }

is_silent() { [[ ! -s err ]] || fail "standard error is not empty"; }

is_json() { python3 -m json.tool <"$1" >/dev/null || fail "$1 is not JSON"; }

# ---- What is wrong, and what the OS refuses --------------------------------------------------------------------------

test_usage() {
    wrong "TARGET 'nonsense'" watch nonsense
    wrong "TARGET 'http://127.0.0.1:80'" watch http://127.0.0.1:80
    wrong "TARGET 'tcp://127.0.0.1'.* port is missing" watch tcp://127.0.0.1
    wrong "TARGET 'tcp://:80'.* host is missing" watch tcp://:80
    wrong "TARGET 'tcp://127.0.0.256:80'.* not an IP address" watch tcp://127.0.0.256:80
    wrong "TARGET 'tcp://::1:80'.* brackets" watch tcp://::1:80
    wrong "TARGET 'tcp://\\[::1:80'" watch 'tcp://[::1:80'
    wrong "TARGET 'tcp://127.0.0.1:65536'.* port" watch tcp://127.0.0.1:65536
    wrong "TARGET 'tcp://127.0.0.1:-1'.* port" watch tcp://127.0.0.1:-1
    wrong "TARGET 'tcp://127.0.0.1:0'.* port" watch tcp://127.0.0.1:0
    wrong "TARGET 'listen://localhost:0'" watch listen://localhost:0
    wrong "TARGET 'listen://127.0.0.1:99999'.* port" watch listen://127.0.0.1:99999
    wrong "TARGET 'udp://localhost:0'" watch udp://localhost:0
    wrong "TARGET 'udp://127.0.0.1'.* port is missing" watch udp://127.0.0.1
    wrong "TARGET 'unix://'.* path is missing" watch unix://
    wrong "TARGET 'unix-listen://'.* path is missing" watch unix-listen://
    wrong "TARGET 'unix-listen://x+'.* too long" watch "unix-listen://$(printf 'x%.0s' {1..200})"
    wrong "TARGET 'fd://x'" watch fd://x
    wrong "TARGET 'fd://99999999999'" watch fd://99999999999
    wrong "TARGET 'pipe://'.* path is missing" watch pipe://
    wrong "TARGET is required" watch
    wrong "--for '5x'" watch stdin --for 5x
    wrong "--for '0s'" watch stdin --for 0s
    wrong "--for '9999999999999h'" watch stdin --for 9999999999999h
    wrong "--count '0'" watch stdin --count 0
    wrong "--count '-1'" watch stdin --count=-1
    wrong "--interest 'rx'" watch stdin --interest rx
    wrong "--interest 'w'.* --read" watch stdin --interest w --read
    wrong "--trigger 'never'" watch stdin --trigger never
    wrong "--nonsense" watch stdin --nonsense
    wrong "--scenario 'nonsense'.* --list" events --scenario nonsense
    wrong "--backend 'nonsense': this build has: .*$(a_backend)" events --backend nonsense
    wrong "--backend 'nonsense'" events --backend "$(a_backend),nonsense" --check
    wrong "--nonsense" doctor --nonsense
    wrong "nonsense" doctor nonsense
    wrong "nonsense" nonsense

    run "$probe"
    ((status == 2)) || fail "without arguments: exit status $status"
    [[ ! -s out ]] || fail 'without arguments: something on standard output'
    grep -qi 'subcommands:' err || fail 'without arguments: no help'

    local subcommand
    for subcommand in '' info events watch doctor; do
        # shellcheck disable=SC2086
        succeeds '^Example' "$probe" $subcommand --help
    done
    succeeds '^mio-probe [0-9.]+ \(backend .+, .+, .+\)$' "$probe" --version
}

test_refusals() {
    refused 'pipe://missing: open: No such file' watch pipe://missing
    : >file
    refused 'pipe://file: open: not a FIFO' watch pipe://file
    refused 'pipe://\.: open: not a FIFO' watch pipe://.
    refused 'fd://99: .*Bad file descriptor' watch fd://99
    refused 'fd://3: .*Bad file descriptor' watch fd://3 # which the program would open next
    rejects 3 'stdin: .*Bad file descriptor' bash -c '"$0" watch stdin <&-' "$probe"
    if [[ $(a_backend) == kqueue ]]; then # watches files, and has the later one of two that watch one handle
        echo data >data
        succeeds '^ +data\\n$' bash -c '"$0" watch fd://5 --read 5<data' "$probe"
        succeeds 'fd://0 +read 5 bytes' bash -c '"$0" watch stdin fd://0 --read --count 1 < <(echo data)' "$probe"
    else
        rejects 3 'fd://5: .*Operation not permitted.*files' bash -c '"$0" watch fd://5 5<file' "$probe"
        rejects 3 'fd://0: .*File exists' bash -c '"$0" watch stdin fd://0 < <(:)' "$probe"
    fi
    refused 'listen://192\.0\.2\.1:0: bind: Cannot assign' watch listen://192.0.2.1:0
    rejects 3 'standard output: write: No space left' bash -c '"$0" info >/dev/full' "$probe"
    rejects 3 'standard output: write: No space left' bash -c '"$0" doctor >/dev/full' "$probe"

    refused 'udp://192\.0\.2\.1:0: bind: Cannot assign' watch udp://192.0.2.1:0
    refused 'unix://missing: connect to missing: No such file' watch unix://missing
    refused 'unix-listen://missing/socket: bind: No such file' watch unix-listen://missing/socket
    refused 'unix-listen://file: bind: Address already in use .*not be replaced' watch unix-listen://file
    [[ -f file ]] || fail 'a file was replaced'

    listen
    refused 'bind: Address already in use' watch "listen://127.0.0.1:$port"
}

test_permissions() {
    cp "$probe" program
    local -a as_nobody=()
    if ((EUID == 0)); then
        needs setpriv
        as_nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups)
    fi
    mkfifo forbidden
    chmod 000 forbidden
    rejects 3 'pipe://forbidden: open: Permission denied' "${as_nobody[@]}" ./program watch pipe://forbidden

    (($(</proc/sys/net/ipv4/ip_unprivileged_port_start) > 81)) || skip 'no port is privileged here'
    rejects 3 'listen://127.0.0.1:81: bind: Permission denied' \
        "${as_nobody[@]}" ./program watch listen://127.0.0.1:81
}

# A limit that the program reaches before it has begun.
test_descriptor_limit() {
    skip_with_sanitizer
    local limit
    for limit in 4 5; do
        rejects 3 'Too many open files' bash -c 'ulimit -n "$1"; exec "$0" watch stdin' "$probe" "$limit"
    done
    rejects 3 'Too many open files' bash -c 'ulimit -n 6; exec "$0" events' "$probe"
}

# A limit that it reaches while it runs: it says so once, goes on, and gives back what it took.
test_descriptors_returned() {
    needs python3
    skip_with_sanitizer
    : >out
    (
        ulimit -n 20
        exec "$probe" watch listen://127.0.0.1:0 --read >out 2>err
    ) &
    pid=$!
    pids+=("$pid")
    prints 'listening on'
    port=$(grep -oE -m1 'listening on 127\.0\.0\.1:[0-9]+' out | cut -d: -f2)
    count_open() { ls "/proc/$pid/fd" | wc -l; }
    local before
    before=$(count_open)

    mkfifo hold
    python3 -c '
import socket, sys
clients = [socket.create_connection(("127.0.0.1", int(sys.argv[1]))) for _ in range(30)]
open("hold").read()' "$port" &
    pids+=("$!")
    prints 'accept: Too many open files'
    : >hold
    has_returned() { (($(grep -c 'end of stream' out) == 30 && $(count_open) == before)); }
    until_true 'all connections ended and closed' has_returned
    (($(grep -c 'Too many open files' out) <= 3)) || fail 'the limit is reported again and again'
    kill -INT "$pid"
    ends_with 0
    is_silent
}

# ---- What it finds ---------------------------------------------------------------------------------------------------

test_info() {
    needs python3
    succeeds '^  eventfd +(yes|no) ' "$probe" info
    grep -qE "^  backend selected +$(a_backend)$" out || fail 'the backend is not named'
    grep -qE "^  backends built in +(.*, )?$(a_backend)(,|$)" out || fail 'the backends are not named'
    grep -qE '^  open files, soft +[0-9u]' out || fail 'no limits'
    succeeds '"backend":' "$probe" info --json
    is_json out
}

# examines STATUS COMMAND...: COMMAND, which ends in a doctor, does so with STATUS and says nothing on standard error.
examines() {
    run "${@:2}"
    ((status == $1)) || fail "${*:2}: exit status $status instead of $1"
    is_silent
}

# finds VERDICT NAME FINDING ADVICE: a line of the doctor's, and what the next one advises. Patterns.
finds() {
    grep -qE "^  $1 +$2 +$3" out || fail "not found: $*"
    grep -E -A1 "^  $1 +$2 +$3" out | tail -n +2 | grep -qE "^ {8,}.*$4" || fail "no such advice: $*"
}

test_doctor() {
    needs python3
    run "$probe" doctor
    ((status <= 1)) || fail "exit status $status"
    is_silent
    grep -qE "^mio-probe doctor, backend $(a_backend) on " out || fail 'what was looked at is not named'
    grep -qE '^  (ok|note|warn|fail) +open files +[0-9u]' out || fail 'no limits'
    grep -qE '^  (ok|note|warn|fail) +time-outs +a poll of ' out || fail 'no time-outs'
    grep -qE '^([0-9]+ (fail|warn|note), )*[0-9]+ ok$' out || fail 'no summary'
    if grep -qE '^  (warn|fail) ' out; then ((status == 1)); else ((status == 0)); fi || fail "exit status $status"
    if grep -q $'\033' out; then fail 'colours where no terminal is'; fi

    run "$probe" doctor --json
    ((status <= 1)) || fail "--json: exit status $status"
    is_json out
    mv out doctor.json
    "$probe" info --json >info.json
    # Everything that info tries is judged, and what is not well has an advice.
    python3 - doctor.json info.json >out 2>err <<'END' || fail 'the document is not as it should be'
import json, sys
doctor, info = (json.load(open(name)) for name in sys.argv[1:])
checks = {check["name"]: check for check in doctor["checks"]}
assert len(checks) == len(doctor["checks"]), "a name twice"
for facility in info["facilities"]:
    assert (checks[facility["name"]]["verdict"] == "ok") == facility["available"], facility
for check in checks.values():
    assert ("advice" in check) == (check["verdict"] != "ok"), check
order = ["ok", "note", "warn", "fail"]
assert doctor["verdict"] == max((check["verdict"] for check in checks.values()), key=order.index)
END

    needs script
    local terminal='env -u NO_COLOR TERM=xterm'
    run script -qc "$terminal '$probe' doctor" /dev/null
    grep -q $'\033\\[32mok' out || fail 'no colours on a terminal'
    run script -qc "$terminal NO_COLOR=1 '$probe' doctor" /dev/null
    if grep -q $'\033' out; then fail 'colours in spite of NO_COLOR'; fi
}

test_doctor_limits() {
    needs python3
    skip_with_sanitizer
    examines 1 bash -c 'ulimit -n 64; exec "$0" doctor' "$probe"
    finds fail 'open files' '64 of one process' 'root has to raise the hard limit'
    (($(ulimit -Hn) >= 4096)) || skip 'the hard limit is low'
    examines 1 bash -c 'ulimit -Sn 1024; exec "$0" doctor' "$probe"
    finds warn 'open files' '1024 of one process, can be raised to' 'ulimit -n [0-9]+ '
    examines 1 bash -c 'ulimit -n 64; exec "$0" doctor --json' "$probe"
    is_json out
    grep -q '"verdict": "fail"' out || fail 'the verdict is not fail'

    # What could not be tried for want of descriptors is not called forbidden.
    examines 1 bash -c 'ulimit -n 4; exec "$0" doctor' "$probe"
    finds warn accept4 'could not be tried: Too many open files' 'limits of open files'

    run bash -c 'trap "" PIPE; exec "$0" doctor' "$probe"
    grep -qE '^  ok +SIGPIPE ' out || fail 'SIGPIPE is not seen to be ignored'
    run python3 -c 'import signal, sys, os
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])' "$probe" doctor
    grep -qE '^  note +SIGPIPE ' out || fail 'SIGPIPE is not noted'
}

test_doctor_sandbox() {
    local forbid=$1 eperm=1 enosys=38
    "$forbid" io_uring $eperm /bin/true || skip 'no seccomp here'
    examines 1 "$forbid" accept4 $eperm "$probe" doctor
    finds fail accept4 'forbidden or left out: .*EPERM' 'no listener can accept; let the sandbox'
    run "$forbid" io_uring $eperm "$probe" doctor
    finds note io_uring 'forbidden or left out' 'not used by the library'
    run "$forbid" eventfd $eperm "$probe" doctor
    finds fail eventfd 'forbidden or left out' 'no waker'
    grep -qE '^  ok +EPOLLEXCLUSIVE ' out || fail 'EPOLLEXCLUSIVE needs no eventfd'

    run "$forbid" epoll_pwait2 $enosys "$probe" doctor
    if [[ $(a_backend) == epoll ]]; then
        ((status == 1)) || fail "exit status $status"
        finds warn epoll_pwait2 '.*ENOSYS' 'whole milliseconds'
        finds warn time-outs 'a poll of 100 µs took' 'below a millisecond'
        examines 1 "$forbid" epoll_create1 $eperm "$probe" doctor
        finds fail time-outs 'Poll::create: .*EPERM' 'nothing can be polled'
    else
        finds note epoll_pwait2 '.*ENOSYS' 'whole milliseconds'
    fi
}

# A machine on which nothing can be polled: the rest is reported.
test_info_sandbox() {
    local forbid=$1 eperm=1
    needs python3
    "$forbid" io_uring $eperm /bin/true || skip 'no seccomp here'
    [[ $(a_backend) == epoll ]] || skip 'no epoll'
    succeeds '^  Poll::create: .*EPERM' "$forbid" epoll_create1 $eperm "$probe" info
    grep -qE '^  open files, soft +[0-9u]' out || fail 'no limits'
    grep -qE '^  eventfd +yes' out || fail 'no facilities'
    succeeds '"error": "Poll::create: ' "$forbid" epoll_create1 $eperm "$probe" info --json
    is_json out
}

# A network namespace without a network, as containers and sandboxes have.
test_doctor_namespace() {
    local -a alone=(unshare -n)
    if ((EUID != 0)); then alone=(unshare -rn); fi
    "${alone[@]}" true 2>/dev/null || skip 'no network namespace can be made'
    examines 1 "${alone[@]}" "$probe" doctor
    finds warn 'IPv4 loopback' 'the interface lo is down: .*ENETUNREACH' 'cannot reach each other; ip link set lo up'
    finds note 'IPv6 loopback' 'the interface lo is down: .*EADDRNOTAVAIL' 'ip link set lo up'
    succeeds '^  IPv4 loopback +no +Network is unreachable' "${alone[@]}" "$probe" info

    # The advice helps.
    needs ip
    run "${alone[@]}" bash -c 'ip link set lo up && exec "$0" doctor' "$probe"
    grep -qE '^  ok +IPv4 loopback ' out || fail 'the loopback is not found to be up'
    # Without addresses the interface is up.
    examines 1 "${alone[@]}" bash -c 'ip link set lo up && ip addr flush dev lo && exec "$0" doctor' "$probe"
    finds warn 'IPv4 loopback' 'no connection: |the address is not assigned: ' '; (see the interface|ip addr add 127)'
}

test_doctor_slack() {
    [[ -w /proc/self/timerslack_ns ]] || skip 'no /proc/self/timerslack_ns'
    examines 1 bash -c 'echo 20000000 >/proc/$$/timerslack_ns; exec "$0" doctor' "$probe"
    finds warn 'timer slack' 'waits may end 20 ms late' 'PR_SET_TIMERSLACK'
    run bash -c 'echo 50000 >/proc/$$/timerslack_ns; exec "$0" doctor' "$probe"
    grep -qE '^  ok +timer slack +waits may end 50 µs late' out || fail 'the usual slack is not well'
}

test_events() {
    needs python3
    succeeds '^all [0-9]+ steps played are as documented' "$probe" events --check
    succeeds '"differences": \[\]' "$probe" events --check --json --scenario tcp-peer-reset waker-two
    is_json out
    succeeds '"scenarios":' "$probe" events --list --json
    is_json out
    succeeds '^  tcp-peer-half-close  ' "$probe" events --list
    local name
    while read -r name _; do
        [[ $name =~ ^[a-z]+(-[a-z]+)+$ ]] || fail "not a name: $name"
    done <out
}

test_events_backends() {
    needs python3
    local backend name
    backend=$(a_backend)
    succeeds "^all [0-9]+ steps played are as documented for $backend\$" "$probe" events --check --backend "$backend"

    # Each of this build on its own, and all side by side.
    local -a all
    read -ra all < <("$probe" info | sed -nE 's/^  backends built in +//p' | tr -d ,)
    for name in "${all[@]}"; do
        succeeds "as documented for $name\$" "$probe" events --check --backend "$name"
    done
    succeeds 'steps played (agree|differ from backend to backend)$' \
        "$probe" events --backend "$(IFS=, && echo "${all[*]},$backend")" --scenario waker-once

    # A backend agrees with itself.
    succeeds '^all [0-9]+ steps played agree$' "$probe" events --backend "$backend,$backend" \
        --scenario tcp-peer-close pipe-data registration-unsupported
    grep -qE "^ +$backend +$backend\$" out || fail 'the columns have no names'
    grep -qE '^same +tcp-peer-close +peer closed +R [W.] . RC .  .  [^ ]+ +R [W.] . RC .  .  [^ ]+$' out ||
        fail 'not side by side'
    succeeds '"disagreements": \[\]' "$probe" events --json --backend "$backend,$backend" --scenario waker-once
    is_json out
    (($(grep -c "\"backend\": \"$backend\"" out) == 2)) || fail 'not two backends in the document'
}

test_interrupted_events() {
    start events --check
    prints 'tcp-connected-idle'
    kill -INT "$pid"
    ends_with 0
    is_silent
    grep -qE 'as documented' out || fail 'no verdict on what was played'
}

# ---- What it watches -------------------------------------------------------------------------------------------------

test_connection() {
    needs nc
    needs curl
    listen --read
    printf 'hello\nthere\001' | nc -N 127.0.0.1 "$port"
    prints 'accepted #1 127\.0\.0\.1:[0-9]+$'
    prints '#1 127\.0\.0\.1:[0-9]+ +read 12 bytes'
    prints '^ +hello\\n$'
    prints '^ +there\\x01$'
    prints '#1 127\.0\.0\.1:[0-9]+ +end of stream'

    curl -s --max-time 0.5 "http://127.0.0.1:$port/index" >/dev/null || true # nobody answers it
    prints '^ +GET /index HTTP/1\.1\\r\\n$'
    prints '#2 .* end of stream'
    kill -INT "$pid"
    ends_with 0
    prints 'interrupted, [0-9]+ events'
    is_silent

    listen --hex --interest r --count 2 # the listener's, and that of the data
    printf 'ABC' | nc -N 127.0.0.1 "$port" || true
    ends_with 0
    prints '00000000  41 42 43  .*\|ABC\|'
    prints 'count reached, 2 events'
}

test_counters() {
    listen --counters --for 300ms
    ends_with 0
    prints 'watch +polls: [1-9][0-9]*, events: 0, time in polls: (29[0-9]|[3-9][0-9]{2}|[0-9]{4,})\.[0-9]{3} ms, longest gap: [0-9]+\.[0-9]{3} ms$'
    prints 'time is up, 0 events'
    is_silent
    listen --json --counters --for 50ms
    ends_with 0
    prints '"counters".*"polls": ?[1-9].*"nanoseconds_in_polls": ?[0-9]{7,}'
}

test_connection_refused() {
    needs python3
    # Bound and not listening: nobody else takes the port.
    mkfifo bound hold
    python3 -c '
import socket
socket_ = socket.socket(); socket_.bind(("127.0.0.1", 0))
open("bound", "w").write(str(socket_.getsockname()[1]))
open("hold").read()' &
    pids+=("$!")
    local target
    target=tcp://127.0.0.1:$(<bound)
    refused "$target: connect to .*: Connection refused" watch "$target"
    local event
    local -a events=('R W E RC WC')
    if [[ $(a_backend) == kqueue ]]; then events=('R \. E RC \.' '\. W E \.  WC'); fi
    for event in "${events[@]}"; do
        grep -q "$target  $event" out || fail "no event '$event' was printed"
    done
    refused "$target: connect to .*: Connection refused" watch "$target" --json
    : >hold
}

test_datagrams() {
    needs nc
    needs python3
    start watch udp://127.0.0.1:0 --read
    prints 'bound to 127\.0\.0\.1:[0-9]+$'
    port=$(grep -oE -m1 'bound to 127\.0\.0\.1:[0-9]+' out | cut -d: -f2)
    printf 'hello\n' | nc -u -w1 127.0.0.1 "$port"
    prints "^ +[0-9.]+  udp://127\\.0\\.0\\.1:$port +R . . .  .  .  "
    prints 'read 6 bytes from 127\.0\.0\.1:[0-9]+$'
    prints '^ +hello\\n$'

    # Three at once, one of them empty, and one as long as they get.
    python3 -c '
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("127.0.0.1", 0))
for data in b"one", b"", bytes(65507): s.sendto(data, ("127.0.0.1", int(sys.argv[1])))
print(s.getsockname()[1])' "$port" >sender
    local size
    for size in '3 bytes' '0 bytes' '65507 bytes'; do
        prints "read $size from 127\\.0\\.0\\.1:$(<sender)\$"
    done
    kill -INT "$pid"
    ends_with 0
    is_silent

    start watch udp://127.0.0.1:0 --hex --json --count 1
    prints '"kind":"bound"'
    port=$(grep -oE -m1 '"address":"127\.0\.0\.1:[0-9]+' out | cut -d: -f3)
    printf 'ABC' | nc -u -w1 127.0.0.1 "$port"
    ends_with 0
    prints '"kind":"read","bytes":3,"from":"127\.0\.0\.1:[0-9]+","hex":"414243"'
    is_silent
}

test_unix_listener() {
    needs nc
    needs curl
    needs socat
    start watch unix-listen://socket --read
    prints 'listening on socket$'
    [[ -S socket ]] || fail 'no socket'
    printf 'hello\n' | nc -N -U socket
    prints "accepted #1 process [0-9]+, user $EUID\$"
    prints '#1 process .* read 6 bytes'
    prints '^ +hello\\n$'
    prints '#1 process .* end of stream'
    printf 'there' | socat - UNIX-CONNECT:socket
    prints '#2 process .* read 5 bytes'
    curl -s --max-time 0.5 --unix-socket socket http://localhost/index >/dev/null || true # nobody answers it
    prints '^ +GET /index HTTP/1\.1\\r\\n$'
    prints '#3 process .* end of stream'

    # Nobody takes the name of one that answers, and it goes with its maker.
    refused 'unix-listen://socket: bind: Address already in use' watch unix-listen://socket
    prints '#4 process' # who asked whether it answers
    kill -INT "$pid"
    ends_with 0
    [[ ! -e socket ]] || fail 'the socket was left behind'
}

test_unix_name() {
    start watch unix-listen://socket
    prints 'listening on socket$'
    kill -KILL "$pid"
    wait "$pid" || true
    [[ -S socket ]] || fail 'no socket was left behind'
    succeeds 'time is up' "$probe" watch unix-listen://socket --for 20ms
    [[ ! -e socket ]] || fail 'the socket was left behind'

    # What somebody else put there meanwhile is not the probe's.
    start watch unix-listen://socket
    prints 'listening on socket$'
    rm socket
    : >socket
    kill -TERM "$pid"
    ends_with 0
    [[ -f socket ]] || fail 'what is not the socket was removed'
}

test_unix_connection() {
    needs socat
    socat UNIX-LISTEN:socket SYSTEM:'echo hello' &
    pids+=("$!")
    until_true 'a socket' test -S socket
    succeeds 'unix://socket +end of stream$' "$probe" watch unix://socket --read
    grep -qE 'connected to socket from \(unnamed\)$' out || fail 'not connected'
    grep -qE '^ +hello\\n$' out || fail 'nothing was read'
}

# The queue of a Unix listener is full: no event tells when it is not any more.
test_unix_queue() {
    needs python3
    mkfifo bound hold
    python3 -c '
import socket
listener = socket.socket(socket.AF_UNIX); listener.bind("socket"); listener.listen(0)
first = socket.socket(socket.AF_UNIX); first.connect("socket")
open("bound", "w").close()
open("hold").read()
listener.accept(); second = listener.accept()[0]; second.send(b"welcome")' &
    pids+=("$!")
    : <bound
    start watch unix://socket --read
    prints 'connect to socket: Resource temporarily unavailable .*trying again'
    : >hold
    prints '^ +welcome$'
    prints 'unix://socket +end of stream$'
    ends_with 0
    is_silent
    (($(grep -c 'trying again' out) == 1)) || fail 'it is said again and again'
}

test_json_lines() {
    needs nc
    needs python3
    listen --read --json
    printf '\377 is not UTF-8' | nc -N 127.0.0.1 "$port"
    prints '"kind":"end"'
    kill -TERM "$pid"
    ends_with 0
    is_silent
    local line
    while read -r line; do
        printf '%s' "$line" >line
        is_json line
    done <out
    grep -q '"kind":"done","reason":"interrupted"' out || fail 'no last line'
}

# Bytes that a terminal obeys, or that reorder text: control characters (C0, DEL, C1 alone and as UTF-8), bidirectional
# controls and separators.
dangerous=$'\033[31m \177 \233 \302\233 \302\235 \342\200\256 \342\201\246 \342\200\216 \330\234 \342\200\250 \342\200\251'

# FILE...: nothing in these files but text and line ends.
is_harmless() {
    python3 - "$@" <<'EOF'
import re, sys
for name in sys.argv[1:]:
    text = open(name, "rb").read().decode("utf-8")  # fails for what is not UTF-8
    found = re.search("[\0-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]", text)
    if found: sys.exit(f"{name}: U+{ord(found[0]):04X} at {found.start()}")
EOF
}

test_received_bytes() {
    needs python3
    local format
    for format in --read --json '--read --json' --hex '--hex --json'; do
        # shellcheck disable=SC2086
        run bash -c 'printf %s "$1" | "$0" watch stdin "${@:2}"' "$probe" "$dangerous" $format
        ((status == 0)) || fail "$format: exit status $status"
        is_harmless out err || fail "$format: a dangerous character is printed raw"
    done
    # JSON decodes to the text that was sent.
    run bash -c 'printf "\177 \302\233 \342\200\256 \342\201\251 h\303\251" | "$0" watch stdin --read --json' "$probe"
    python3 - <<'EOF' || fail 'the text is not what was sent'
import json
lines = [json.loads(line) for line in open("out")]
assert "".join(line.get("text", "") for line in lines) == "\x7f \x9b \u202e \u2069 h\xe9", lines
EOF
}

test_names() {
    needs python3
    mkfifo "fifo$dangerous"
    # shellcheck disable=SC2016
    start watch "pipe://fifo$dangerous" --read --count 1
    prints 'opened for reading'
    echo data >"fifo$dangerous"
    ends_with 0
    is_harmless out err || fail 'a dangerous character in the name of a FIFO'
    local -a format
    for format in '' --json; do
        # shellcheck disable=SC2086
        run "$probe" watch "unix-listen://s$dangerous" --for 50ms $format
        ((status == 0)) || fail "exit status $status"
        is_harmless out err || fail "a dangerous character in the name of a Unix socket $format"
    done
    run "$probe" watch "pipe://missing$dangerous"
    ((status == 3)) || fail "exit status $status"
    is_harmless out err || fail 'a dangerous character in a message'
    run "$probe" watch "nonsense$dangerous"
    ((status == 2)) || fail "exit status $status"
    is_harmless out err || fail 'a dangerous character in a message about the command line'
}

test_fifo() {
    mkfifo fifo
    start watch pipe://fifo --read
    prints 'opened for reading'
    echo first >fifo
    prints '^ +first\\n$'
    prints 'waiting for the next'
    echo second >fifo
    prints '^ +second\\n$'
    kill -TERM "$pid"
    ends_with 0
    is_silent
}

test_standard_input() {
    mkfifo input
    exec 7<>input 8>input
    start watch stdin --read --count 2 <&7
    is_blocking() { ((!(0$(sed -n 's/^flags:[[:space:]]*//p' "/proc/$$/fdinfo/7") & 04000))); }
    echo data >&8
    prints '^ +data\\n$'
    is_blocking || fail 'standard input was made non-blocking'
    kill -KILL "$pid"
    wait "$pid" || true
    is_blocking || fail 'standard input was left non-blocking'

    succeeds 'read 7 bytes' bash -c 'printf "one\ntwo" | "$0" watch stdin --read' "$probe"
    grep -q 'end of stream' out || fail 'the end was not seen'
    succeeds '"kind":"end"' bash -c ': | "$0" watch stdin --json' "$probe"
}

test_interrupt() {
    local signal trigger
    for signal in INT TERM; do
        for trigger in edge level oneshot; do
            listen --trigger "$trigger"
            kill "-$signal" "$pid"
            ends_with 0
            is_silent
            prints 'interrupted, 0 events'
        done
    done
    start watch listen://127.0.0.1:0 --for 50ms
    ends_with 0
    prints 'time is up, 0 events'
}

test_nobody_reads() {
    local -a statuses
    "$probe" events 2>err | head -n1 >out && statuses=("${PIPESTATUS[@]}") || statuses=("${PIPESTATUS[@]}")
    ((statuses[0] == 0)) || fail "events | head, status ${statuses[0]}"
    is_silent
    statuses=(0)
    yes | "$probe" watch stdin --read --json 2>err | head -n3 >out || true
    is_silent
    grep -q '"kind":"read"' out || fail 'nothing was read'
}

# ---- bench -----------------------------------------------------------------------------------------------------------
# What is measured, never how much it is.

compared=(wake pingpong chain churn echo timeout alarm sleep coroutine)
alone=(timers await spawn)
workloads=(wake pingpong chain churn echo timeout alarm sleep timers coroutine await spawn)

test_bench() {
    wrong "NAME 'nonsense'.* --list" bench nonsense
    wrong "NAME 'nonsense'" bench --list nonsense
    wrong "--rounds '0'" bench --rounds 0
    wrong "--rounds 'x'" bench --rounds x
    wrong "--for '5x'" bench --for 5x
    wrong '--nonsense' bench --nonsense
    succeeds 'Example:' "$probe" bench --help

    succeeds '^  wake ' "$probe" bench --list
    [[ $(awk '{print $1}' out | paste -sd' ') == "${workloads[*]}" ]] || fail 'not the workloads, in their order'

    local name
    for name in "${compared[@]}"; do
        succeeds "^$name, " "$probe" bench "$name" --rounds 10
        (($(grep -c '^[a-z]*, ' out) == 1)) || fail "$name: not one workload"
        grep -qE '^ +rate +minimum +median +p99 +maximum$' out || fail "$name: no heads"
        grep -qE '^  mio +[0-9.]+ ([kMG])?/s( +[0-9.]+ ([nµm]?s)){4}$' out || fail "$name: nothing on this library"
        grep -qE "^  $(a_backend) calls +[0-9.]+ " out || fail "$name: nothing on the bare calls"
        grep -qE '^  ratio [0-9]+\.[0-9]{3} of the (time|latency) on the bare calls$' out || fail "$name: no ratio"
        grep -qE '^  the median of 10 pairs of rounds, quartiles [0-9.]+ and [0-9.]+, from [0-9.]+ to [0-9.]+$' out ||
            fail "$name: no quartiles"
        grep -qE '^  more +[0-9.]+ %' out || fail "$name: no histogram"
    done
    for name in "${alone[@]}"; do
        succeeds "^$name, " "$probe" bench "$name" --rounds 2
        grep -qE '^  mio +[0-9.]+ ([kMG])?/s( +[0-9.]+ ([nµm]?s)){4}$' out || fail "$name: nothing on this library"
        grep -qE '^  2 rounds$' out || fail "$name: the rounds are not counted"
        if grep -qE 'ratio|calls' out; then fail "$name: compared with something"; fi
    done
    succeeds '^churn, ' "$probe" bench churn wake --rounds 1
    [[ $(grep -o '^[a-z]*, ' out | paste -sd' ') == 'churn,  wake, ' ]] || fail 'not those two, in their order'
}

# A ratio from a few rounds says nothing.
test_bench_few_rounds() {
    needs python3
    succeeds '^  no ratio: 9 pairs of rounds are too few, it takes 10$' "$probe" bench churn --rounds 9
    succeeds '^  no ratio: 1 pair of rounds ' "$probe" bench churn --rounds 1
    succeeds '"ratio": null' "$probe" bench churn --rounds 9 --json
    is_json out
    succeeds '"median"' "$probe" bench churn --rounds 10 --json
    if grep -q '"ratio": null' out; then fail 'ten pairs have no ratio'; fi
}

test_bench_json() {
    needs python3
    succeeds '"name": "wake"' "$probe" bench --list --json
    is_json out
    succeeds '"workloads"' "$probe" bench --rounds 10 --json
    is_json out
    python3 - "${workloads[*]}" "${alone[*]}" <<'EOF' || fail 'not what is documented'
import json, sys
document = json.load(open("out"))
assert document["interrupted"] is False
assert [each["name"] for each in document["workloads"]] == sys.argv[1].split()
for each in document["workloads"]:
    assert list(each) == ["name", "operation", "rounds", "ratio", "mio", "bare"], each
    assert each["rounds"] == 10
    ratio = each["ratio"]
    assert (ratio is None) == (each["bare"] is None) == (each["name"] in sys.argv[2].split())
    if ratio:
        assert ratio["of"] == ("latency" if each["name"] in ("timeout", "alarm", "sleep") else "time")
        assert 0 < ratio["minimum"] <= ratio["first_quartile"] <= ratio["median"] <= ratio["third_quartile"]
        assert ratio["third_quartile"] <= ratio["maximum"]
    for side in (each["mio"], each["bare"]):
        if side is None: continue
        latency = side["latency_ns"]
        assert 0 <= latency["minimum"] <= latency["median"] <= latency["p99"] <= latency["maximum"]
        assert side["operations"] > 0 and side["operations_per_second"] > 0
        ranges = side["histogram"]
        assert sum(one["count"] for one in ranges) == side["operations"]
        assert all(one["from_ns"] < one["to_ns"] == next["from_ns"] for one, next in zip(ranges, ranges[1:]))
        assert ranges[-1]["to_ns"] is None
EOF
}

# Each round of `wake` has a second thread.
begins_measuring() {
    has_second_thread() { [[ $(ls "/proc/$pid/task" | wc -l) -gt 1 ]]; }
    until_true 'a second thread' has_second_thread
}

ends_soon_with() { # STATUS
    has_ended() { [[ " $(jobs -rp | paste -sd' ') " != *" $pid "* ]]; }
    until_true 'the end' has_ended
    ends_with "$1"
}

test_bench_interrupt() {
    needs python3
    start bench wake pingpong --for 1h
    begins_measuring
    kill -INT "$pid"
    ends_soon_with 0
    is_silent
    prints '^wake, '
    prints '^  (ratio|no ratio:) '
    prints '^interrupted'
    if grep -q '^pingpong, ' out; then fail 'what was not begun was reported'; fi

    start bench wake pingpong --for 1h --json
    begins_measuring
    kill -TERM "$pid"
    ends_soon_with 0
    is_silent
    is_json out
    python3 - <<'EOF' || fail 'not what was measured so far'
import json
document = json.load(open("out"))
assert document["interrupted"] is True
assert [each["name"] for each in document["workloads"]] == ["wake"]
assert document["workloads"][0]["rounds"] >= 1
EOF
}

test_bench_limits() {
    needs python3
    rounds() { python3 -c 'import json; print(json.load(open("out"))["workloads"][0]["rounds"])'; }
    # The limit that is reached first counts; one pair of rounds is always measured.
    succeeds '"rounds"' "$probe" bench churn --rounds 3 --for 1h --json
    (($(rounds) == 3)) || fail 'not three rounds'
    succeeds '"rounds"' "$probe" bench churn --rounds 1000000000 --for 1ms --json
    (($(rounds) < 1000000000)) || fail 'the time did not end it'
    (($(rounds) >= 1)) || fail 'nothing was measured'
    skip_with_sanitizer
    rejects 3 '(wake|chain): .*EMFILE' bash -c 'ulimit -n 12; exec "$0" bench chain --rounds 1' "$probe"
    [[ ! -s out ]] || fail 'something was printed'
}

test_bench_progress() {
    needs script
    local escape=$'\033'
    # On a terminal there is a bar, which goes away; elsewhere, and on one that cannot draw, there is none.
    run env TERM=xterm script -qec "'$probe' bench churn --rounds 2 >only_output" /dev/null
    ((status == 0)) || fail "exit status $status"
    grep -qE 'churn +\[#*\.*\] [0-9]+ %' out || fail 'no bar'
    [[ $(tail -c 4 out) == *"$escape[K" ]] || fail 'the bar was left there'
    if grep -q "$escape" only_output; then fail 'colours in a file'; fi
    run env TERM=dumb script -qec "'$probe' bench churn --rounds 2 >only_output" /dev/null
    [[ ! -s out ]] || fail 'a bar on a terminal that cannot draw it'

    run env TERM=xterm script -qec "'$probe' bench churn --rounds 2 2>err" /dev/null
    grep -q "$escape" out || fail 'no colours on a terminal'
    run env TERM=xterm NO_COLOR=1 script -qec "'$probe' bench churn --rounds 2 2>err" /dev/null
    if grep -q "$escape" out; then fail 'colours in spite of NO_COLOR'; fi
    grep -q '^churn, ' out || fail 'nothing was printed'
}

"test_$2" "${@:3}"
