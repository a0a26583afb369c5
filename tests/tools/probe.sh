#!/usr/bin/env bash
# Tests of mio-probe. Usage: probe.sh PROGRAM CASE [FORBID]; a case is a function `test_CASE` below. Exit status: 0 passed,
# 1 failed, 77 skipped.
#
# Each case uses only loopback and a temporary folder, so that any number of cases can run at once.
set -euo pipefail

probe=$(realpath "$1")
here=$(dirname "$(realpath "$0")")
folder=$(mktemp -d)
chmod 755 "$folder" # some cases run the program as another user
cd "$folder"

# ctest leaves descriptors open; some cases depend on the open ones. Bash reads this file through 255.
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

# A sanitizer's run time needs descriptors, too, and ends the program without them.
skip_with_sanitizer() {
    if grep -qE '__[a-z]+san_init' "$probe"; then skip 'built with a sanitizer'; fi
}

needs() {
    command -v "$1" >/dev/null || skip "no $1"
}

# run COMMAND...: its exit status in $status, its output in the files out and err.
run() {
    status=0
    timeout 120 "$@" >out 2>err || status=$?
}

# rejects STATUS PATTERN COMMAND...: COMMAND ends with STATUS, and one line on standard error that matches.
rejects() {
    local expected=$1 pattern=$2
    shift 2
    run "$@"
    ((status == expected)) || fail "$*: exit status $status instead of $expected"
    (($(wc -l <err) == 1)) || fail "$*: not one line on standard error"
    grep -qE -- "^mio-probe: .*$pattern" err || fail "$*: standard error has no '$pattern'"
}

# succeeds PATTERN COMMAND...: COMMAND ends with 0, its output matches, and standard error is empty.
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

# until_true WHAT COMMAND...: waits for COMMAND to succeed, at most ten seconds.
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

# Wrong usage and errors of the OS.

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
    wrong "TARGET 'listen://127.0.0.256:0'.* not an IP address" watch listen://127.0.0.256:0
    wrong "TARGET 'listen://localhost'.* port is missing" watch listen://localhost
    wrong "TARGET 'listen://127.0.0.1:99999'.* port" watch listen://127.0.0.1:99999
    wrong "TARGET 'udp://\\[::1:0'" watch 'udp://[::1:0'
    wrong "TARGET 'timer://x'.* duration" watch timer://x
    wrong "TARGET 'alarm://'.* duration" watch alarm://
    wrong "TARGET 'udp://127.0.0.1'.* port is missing" watch udp://127.0.0.1
    wrong "TARGET 'unix://'.* path is missing" watch unix://
    wrong "TARGET 'unix-listen://'.* path is missing" watch unix-listen://
    wrong "TARGET 'unix-listen://x+'.* too long" watch "unix-listen://$(printf 'x%.0s' {1..200})"
    wrong "TARGET 'fd://x'" watch fd://x
    wrong "TARGET 'fd://99999999999'" watch fd://99999999999
    wrong "TARGET 'pipe://'.* path is missing" watch pipe://
    wrong "TARGET 'timer://0s'.* from 1ms" watch timer://0s
    wrong "TARGET is required; see: mio-probe watch --help" watch
    wrong "not expected: --nonsense; see: mio-probe watch --help" watch --nonsense
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
    wrong "there is no subcommand 'nonsense'; see: mio-probe --help" nonsense

    run "$probe"
    ((status == 2)) || fail "without arguments: exit status $status"
    [[ ! -s out ]] || fail 'without arguments: something on standard output'
    grep -qi 'subcommands:' err || fail 'without arguments: no help'

    local subcommand
    for subcommand in '' info events watch bench trace doctor; do
        # shellcheck disable=SC2086
        succeeds '^Example' "$probe" $subcommand --help
        mv out help
        # shellcheck disable=SC2086
        succeeds '^Example' "$probe" help $subcommand
        cmp -s out help || fail "help $subcommand is not what --help prints"
    done
    local version
    for version in --version -V; do
        succeeds '^mio-probe [0-9.]+ \(backend .+, .+, .+\)$' "$probe" "$version"
    done
}

# An empty value of an option is an error, not an omitted option.
test_empty_values() {
    local option
    for option in --for --count --trigger --interest --send --show; do
        wrong "$option ''" watch stdin "$option" ''
        wrong "$option" watch stdin "$option="
    done
    wrong "--rounds ''" bench --rounds ''
    wrong "--for ''" bench --for ''
    wrong "--scenario ''" events --scenario ''
    wrong "--color" info --color ''
}

test_durations() {
    local duration
    for duration in 0.05 50ms .05s 5x 1.2.3s 1. . s; do
        run "$probe" watch timer://10ms --count 1 --for "$duration"
        case $duration in
        0.05 | 50ms) ((status == 0)) || fail "$duration: exit status $status" ;;
        *) ((status == 2)) || fail "$duration: exit status $status" ;;
        esac
    done
    # A number without a unit is in seconds.
    local start=${EPOCHREALTIME/./}
    succeeds 'time is up' "$probe" watch listen://127.0.0.1:0 --for 1
    (((${EPOCHREALTIME/./} - start) >= 1000000)) || fail 'ended before a second was over'
    start=${EPOCHREALTIME/./}
    succeeds 'time is up' "$probe" watch listen://127.0.0.1:0 --for 1.25s
    (((${EPOCHREALTIME/./} - start) >= 1250000)) || fail 'ended before a second and a quarter were over'
}

test_suggestions() {
    wrong 'wacth.* did you mean watch\?' wacth stdin
    wrong 'did you mean --json\?' info --jsno
    wrong 'did you mean --counters\?' watch stdin --conters
    wrong 'did you mean tcp-peer-close\?' events --scenario tcp-peer-clsoe
    wrong 'did you mean pingpong\?' bench pingpng
    wrong 'did you mean unix-listen://\?' watch unix-listn://x
    wrong 'did you mean tcp://\[::1\]:8080 or listen://\[::1\]:8080\?' watch '[::1]:8080'
    wrong 'did you mean oneshot\?' watch stdin --trigger onshot
    wrong 'did you mean events\?' help event
    wrong "did you mean $(a_backend)\\?" events --backend "$(a_backend)x"
    rejects 2 "there is no subcommand 'nonsense'; see: mio-probe --help$" "$probe" nonsense
    if grep -q 'did you mean' err; then fail 'a suggestion for a word that is like nothing'; fi
}

# Options of every subcommand.
test_common_options() {
    needs python3
    local arguments
    for arguments in '--json info' 'info --json' '--json events --list' 'events --list --json' '--json bench --list' \
        '--color never --json info' 'info --color=never --json'; do
        # shellcheck disable=SC2086
        succeeds '"version"' "$probe" $arguments
        is_json out
    done
    local escape=$'\033'
    succeeds "$escape" "$probe" --color always info
    succeeds "$escape" env NO_COLOR=1 "$probe" info --color always
    run python3 "$here/terminal.py" 80 "$probe" info --color never
    if grep -q "$escape" out; then fail 'colours in spite of --color never'; fi
    run env -u NO_COLOR python3 "$here/terminal.py" 80 "$probe" info
    grep -q "$escape" out || fail 'no colours on a terminal'
    wrong '--color: .*auto.*always.*never' info --color red
}

# The documents match docs/probe.schema.json.
is_documented() { # NAME ARGUMENTS...
    local name=$1
    shift
    run "$probe" "$@" --json
    ((status <= 1 || status == 3)) || fail "$*: exit status $status"
    python3 "$here/schema.py" "$here/../../docs/probe.schema.json" "$name" <out >err || fail "$*: not as documented"
}

test_schema() {
    needs python3
    needs nc
    is_documented info info
    is_documented doctor doctor
    is_documented events events --scenario tcp-peer-close registration-unsupported
    is_documented events events --check --scenario 'waker-*' --backend "$(a_backend),$(a_backend)"
    is_documented events_list events --list
    is_documented bench bench churn await --rounds 10
    is_documented bench bench churn --rounds 1
    is_documented bench_list bench --list
    is_documented watch_line watch timer://5ms --count 3 --counters
    is_documented watch_line watch tcp://127.0.0.1:1
    is_documented watch_line watch stdin --hex -s 2 < <(echo data)
    is_documented watch_line watch unix-listen://socket --for 10ms

    listen --echo --send hello --json udp://127.0.0.1:0
    prints '"bound"'
    printf 'hello' | nc -N 127.0.0.1 "$port" >/dev/null
    prints '"kind":"end"'
    printf 'hello' | nc -u -w1 127.0.0.1 "$(grep -oE '"bound".*' out | grep -oE '[0-9]+"' | head -n1 | tr -d '"')" >/dev/null
    kill -INT "$pid"
    ends_with 0
    python3 "$here/schema.py" "$here/../../docs/probe.schema.json" watch_line <out >err || fail 'not as documented'
    local kind
    for kind in start listening bound accepted event read write end summary "done"; do
        grep -q "\"kind\":\"$kind\"" out || fail "no line of the kind $kind"
    done

    # The check detects undocumented members.
    echo '{"schema":1,"command":"bench --list","version":"1","backend":"epoll","workloads":[{"name":"x"}],"more":1}' >out
    if python3 "$here/schema.py" "$here/../../docs/probe.schema.json" bench_list <out >err; then fail 'nothing is checked'; fi
    grep -q 'no operation' err && grep -q 'more is not documented' err || fail 'not what is wrong'
}

# Terminals.

# Writes the display of a terminal with COLUMNS columns to the file out: each line fits, except commands in help texts.
fits_in() { # COLUMNS ARGUMENTS...
    local columns=$1
    shift
    run env NO_COLOR=1 TERM=xterm python3 "$here/terminal.py" "$columns" "$probe" "$@"
    ((status <= 1)) || fail "$* in $columns columns: exit status $status"
    python3 - "$columns" <<'EOF' 2>err || fail "$* in $columns columns: $(<err)"
import re, sys
columns = int(sys.argv[1])
for line in open("out", encoding="utf-8", newline="\n"):
    # A progress bar returns to the start of its line: it must leave the last column free.
    for part in re.split(r"\r\x1b\[K", line.rstrip("\n")):
        if len(part) > columns and not part.startswith("  mio-probe "): sys.exit(f"{len(part)} columns: {part!r}")
EOF
}

test_width() {
    needs python3
    local columns subcommand
    for columns in 40 64 80 100 200; do
        for subcommand in '' events watch; do
            # shellcheck disable=SC2086
            fits_in "$columns" $subcommand --help
        done
    done
    for columns in 40 80 200; do
        fits_in "$columns" info
        ! grep -E '^ *(µs|ms|-n)( |$)' out || fail "a number and its unit, or a command and its option, are torn apart at $columns columns"
        fits_in "$columns" doctor
        fits_in "$columns" events --list
        fits_in "$columns" events --check --scenario 'tcp-peer-close*' registration-unsupported
        grep -q 'tcp-peer-close' out || fail 'no scenario'
        fits_in "$columns" events --backend "$(a_backend),$(a_backend)" --scenario waker-once
        fits_in "$columns" bench --list
        fits_in "$columns" bench churn await --rounds 10
        grep -q '100 %' out || fail 'no bar'
        fits_in "$columns" watch listen://127.0.0.1:0 udp://127.0.0.1:0 timer://5ms --count 2
        grep -q 'count reached' out || fail 'not watched'
    done
    # Messages on standard error as well; words are not broken.
    for columns in 40 80; do
        fits_in "$columns" --version
        run env NO_COLOR=1 python3 "$here/terminal.py" "$columns" bash -c '"$0" watch nowhere://; true' "$probe"
        (($(wc -L <out) <= columns)) || fail "a message is wider than $columns columns"
        grep -qE '(^|[ ,])unix-listen://PATH' out || fail 'a word is torn apart'
    done
    # In a pipe, lines are not broken.
    succeeds '^  RWF_NOSIGNAL|^  accept4 |^  AFD' "$probe" info
    (($(wc -L <out) > 60)) || fail 'a pipe is taken for a narrow terminal'
    # Words are not broken, and the description of a row is beside its name or below it.
    fits_in 80 info
    grep -qE '^  selected +|^  backend selected +' out || fail 'no rows'
    # The calling program may set the width of the terminal.
    run env NO_COLOR=1 python3 "$here/terminal.py" 200 env COLUMNS=50 "$probe" doctor
    (($(wc -L <out) <= 50)) || fail 'COLUMNS is not obeyed'
}

# Data is broken too, and a dump has fewer columns.
test_narrow_data() {
    needs python3
    printf 'x%.0s' {1..300} >data
    run env NO_COLOR=1 python3 "$here/terminal.py" 40 bash -c 'exec "$0" watch stdin --read < <(cat data)' "$probe"
    (($(wc -L <out) <= 40)) || fail 'a line of data is wider than the terminal'
    (($(tr -cd x <out | wc -c) == 300)) || fail 'not all of the data is printed'
    run env NO_COLOR=1 python3 "$here/terminal.py" 40 bash -c 'exec "$0" watch stdin --hex < <(cat data)' "$probe"
    (($(wc -L <out) <= 40)) || fail 'a line of the dump is wider than the terminal'
    grep -qE '^ +00000128  78 78 78 78  \|xxxx\|$' out || fail 'no dump of four bytes a line'
}

test_refusals() {
    refused 'pipe://missing: open: No such file' watch pipe://missing
    : >file
    refused 'pipe://file: open: not a FIFO' watch pipe://file
    refused 'pipe://\.: open: not a FIFO' watch pipe://.
    refused 'fd://99: .*Bad file descriptor' watch fd://99
    refused 'fd://3: .*Bad file descriptor' watch fd://3 # the next number that the program would open
    rejects 3 'stdin: .*Bad file descriptor' bash -c '"$0" watch stdin <&-' "$probe"
    if [[ $(a_backend) == kqueue ]]; then # accepts files, and the second of two sources for one handle replaces the first
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

# A descriptor limit that the program reaches at its start.
test_descriptor_limit() {
    skip_with_sanitizer
    local limit
    for limit in 4 5; do
        rejects 3 'Too many open files' bash -c 'ulimit -n "$1"; exec "$0" watch stdin' "$probe" "$limit"
    done
    rejects 3 'Too many open files' bash -c 'ulimit -n 6; exec "$0" events' "$probe"
    [[ ! -d /proc/self/fdinfo ]] || # the limit, not the process, is what is wrong
        rejects 3 'open /proc/[0-9]+/fd: Too many open files \(EMFILE\)$' \
            bash -c 'ulimit -n 4; exec "$0" trace $PPID' "$probe"
}

# A descriptor limit that it reaches while it runs: it reports that once, continues, and leaks nothing.
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

# Findings.

test_info() {
    needs python3
    succeeds '^  eventfd +(yes|no) ' "$probe" info
    grep -qE "^  backend selected +$(a_backend)$" out || fail 'the backend is not named'
    grep -qE "^  backends built in +(.*, )?$(a_backend)(,|$)" out || fail 'the backends are not named'
    grep -qE '^  open files, soft +[0-9u]' out || fail 'no limits'
    succeeds '"backend":' "$probe" info --json
    is_json out
}

# examines STATUS COMMAND...: COMMAND runs the doctor, which ends with STATUS and an empty standard error.
examines() {
    run "${@:2}"
    ((status == $1)) || fail "${*:2}: exit status $status instead of $1"
    is_silent
}

# finds VERDICT NAME FINDING ADVICE: a line of the doctor, and the advice on the next line. Patterns.
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
    grep -qE '^  (ok|note|warn|fail) +timeouts +a poll of ' out || fail 'no timeouts'
    grep -qE '^([0-9]+ (fail|warn|note), )*[0-9]+ ok$' out || fail 'no summary'
    if grep -qE '^  (warn|fail) ' out; then ((status == 1)); else ((status == 0)); fi || fail "exit status $status"
    if grep -q $'\033' out; then fail 'colours where no terminal is'; fi

    run "$probe" doctor --json
    ((status <= 1)) || fail "--json: exit status $status"
    is_json out
    mv out doctor.json
    "$probe" info --json >info.json
    # Everything that info tries has a verdict; every verdict but ok has advice.
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

    # A facility that could not be tried for lack of descriptors is not reported as forbidden.
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
        finds warn timeouts 'a poll of 100 µs took' 'below a millisecond'
        examines 1 "$forbid" epoll_create1 $eperm "$probe" doctor
        finds fail timeouts 'Poll::create: .*EPERM' 'nothing can be polled'
    else
        finds note epoll_pwait2 '.*ENOSYS' 'whole milliseconds'
    fi
}

# A machine on which polling fails: the rest is reported.
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

# Makes `alone` a prefix that runs a command in a network namespace without a network, as in containers and sandboxes.
needs_namespace() {
    alone=(unshare -n)
    if ((EUID != 0)); then alone=(unshare -rn); fi
    "${alone[@]}" true 2>/dev/null || skip 'no network namespace can be made'
}

# Commands that need the loopback device report that it does not work.
test_loopback_down() {
    needs_namespace
    local v4='connections to 127\.0\.0\.1 fail' down='Network is unreachable \(ENETUNREACH\)' advice='; see: mio-probe doctor$'
    rejects 3 "echo: the load process: $down; $v4$advice" "${alone[@]}" "$probe" bench echo
    rejects 3 "tcp-connected-idle on .*: connect: $down; $v4$advice" "${alone[@]}" "$probe" events
    rejects 3 "tcp://127.0.0.1:9: connect to .*: $down; $v4$advice" "${alone[@]}" "$probe" watch tcp://127.0.0.1:9
    local target
    for target in 'listen://[::1]:0' 'udp://[::1]:0'; do
        rejects 3 "bind: .*\(EADDRNOTAVAIL\); connections to ::1 fail$advice" "${alone[@]}" "$probe" watch "$target"
    done
    # What needs no connection works, and other failures are not attributed to the loopback device.
    succeeds 'time is up' "${alone[@]}" "$probe" watch listen://127.0.0.1:0 udp://127.0.0.1:0 --for 50ms
    rejects 3 "tcp://192.0.2.1:9: connect to .*: $down\$" "${alone[@]}" "$probe" watch tcp://192.0.2.1:9
    rejects 3 'tcp://127.0.0.1:1: connect to .*\(ECONNREFUSED\)$' "$probe" watch tcp://127.0.0.1:1
}

test_doctor_namespace() {
    needs_namespace
    examines 1 "${alone[@]}" "$probe" doctor
    finds warn 'IPv4 loopback' 'the interface lo is down: .*ENETUNREACH' 'cannot reach each other; ip link set lo up'
    finds note 'IPv6 loopback' 'the interface lo is down: .*EADDRNOTAVAIL' 'ip link set lo up'
    succeeds '^  IPv4 loopback +no +Network is unreachable' "${alone[@]}" "$probe" info

    # Following the advice helps.
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

    # Each backend of this build alone, and all side by side.
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
    (($(grep -c "^ .*\"backend\": \"$backend\"" out) == 3)) || fail 'not two backends in the document'
}

# An incomplete check is not a success.
test_interrupted_events() {
    local signal
    for signal in INT TERM HUP; do
        start events --check
        prints 'tcp-connected-idle'
        kill "-$signal" "$pid"
        ends_with 130
        is_silent
        grep -qE '^interrupted; .*as documented' out || fail 'no verdict on what was played'
    done
    start events
    prints 'tcp-connected-idle'
    kill -INT "$pid"
    ends_with 0 # there was nothing to check
    grep -qE '^interrupted; [0-9]+ of [0-9]+ scenarios were played$' out || fail 'nothing says that it was interrupted'
}

test_scenario_patterns() {
    succeeds '^all [1-9][0-9]* steps' "$probe" events --check --scenario 'waker-*' 'tcp-peer-clos?'
    grep -q '^ok.* tcp-peer-close ' out || fail 'a scenario that matches was not played'
    grep -q '^ok.* waker-once ' out || fail 'a scenario that matches was not played'
    if grep -qE '^ok.* (tcp-peer-reset|pipe-data) ' out; then fail 'another was played'; fi
    wrong "--scenario 'nothing-\\*'.* --list" events --scenario 'nothing-*'
    # It runs once even if several patterns match it.
    succeeds '^all 2 steps' "$probe" events --check --scenario tcp-peer-close 'tcp-peer-clos?' 'tcp-peer-c*'
}

# watch.

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

    curl -s --max-time 0.5 "http://127.0.0.1:$port/index" >/dev/null || true # it gets no reply
    prints '^ +GET /index HTTP/1\.1\\r\\n$'
    prints '#2 .* end of stream'
    kill -INT "$pid"
    ends_with 0
    prints 'interrupted, [0-9]+ events'
    is_silent

    listen --hex --interest r --count 2 # the event of the listener, and that of the data
    printf 'ABC' | nc -N 127.0.0.1 "$port" || true
    ends_with 0
    prints '00000000  41 42 43  .*\|ABC\|'
    prints 'count reached, 2 events'
}

# --send: the text arrives, in parts if necessary, with its escapes, and from a file.
test_send() {
    needs nc
    needs python3
    listen --send 'hello\tthere\x21\r\n'
    : >received
    timeout 5 nc -d 127.0.0.1 "$port" >received &
    pids+=("$!")
    has_received() { [[ $(<received) == $'hello\tthere!\r' ]]; }
    until_true 'the text at the client' has_received
    prints '#1 127\.0\.0\.1:[0-9]+ +wrote 14 bytes$'
    kill -INT "$pid"
    ends_with 0

    # More than the socket buffers hold: the rest follows as the peer reads.
    head -c 20000000 /dev/urandom >large
    mkfifo bound
    python3 -c '
import hashlib, socket, time
listener = socket.create_server(("127.0.0.1", 0))
open("bound", "w").write(str(listener.getsockname()[1]))
client = listener.accept()[0]
time.sleep(0.2)
with client, open("received", "wb") as file:
    left = 20000000
    while left > 0:
        data = client.recv(65536)
        if not data: break
        left -= len(data); file.write(data)' &
    pids+=("$!")
    succeeds 'the peer closed' "$probe" watch "tcp://127.0.0.1:$(<bound)" --send @large
    cmp -s received large || fail 'not what was sent'
    grep -qE "^  tcp://127.0.0.1:[0-9]+ .* 20000000$" out || fail 'the bytes written are not in the summary'

    wrong "--send '@missing': the file cannot be read: No such file" watch tcp://127.0.0.1:1 --send @missing
    wrong "--send '@\.': the file cannot be read: " watch tcp://127.0.0.1:1 --send @.
    wrong "--send '@/dev/zero': a device" watch tcp://127.0.0.1:1 --send @/dev/zero
    : >empty
    wrong "--send '@empty': the file is empty" watch tcp://127.0.0.1:1 --send @empty
    wrong "--send 'a.q'.* escapes" watch tcp://127.0.0.1:1 --send 'a\q'
    wrong '--send: needs a target with connections' watch stdin --send x
    wrong "--interest 'r'.* need w" watch listen://127.0.0.1:0 --send x --interest r
    wrong '--echo: needs a target with peers' watch stdin --echo
}

test_echo() {
    needs nc
    needs python3
    listen --echo udp://127.0.0.1:0
    prints 'bound to'
    local udp
    udp=$(grep -oE -m1 'bound to 127\.0\.0\.1:[0-9]+' out | cut -d: -f2)
    [[ $(printf 'hello' | timeout 5 nc -N 127.0.0.1 "$port") == hello ]] || fail 'no echo over TCP'
    python3 - "$port" "$udp" <<'EOF' || fail 'not an echo of what was sent'
import socket, sys, threading
datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
datagrams.settimeout(5)
datagrams.sendto(b"datagram", ("127.0.0.1", int(sys.argv[2])))
assert datagrams.recvfrom(100)[0] == b"datagram"

# More than the buffers hold: a client that reads late receives all of it, then end of stream.
sent = bytes(range(256)) * 80000
client = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=20)
def send():
    client.sendall(sent)
    client.shutdown(socket.SHUT_WR)
sender = threading.Thread(target=send); sender.start()
received = bytearray()
while data := client.recv(1 << 20): received += data
sender.join()
assert received == sent, (len(received), len(sent))
EOF
    kill -INT "$pid"
    ends_with 0
    is_silent
    grep -qE '^  accepted by listen://.* \(2\) .* 20480005 +20480005$' out || fail 'the bytes are not in the summary'
    grep -qE '^  udp://.* 8 +8$' out || fail 'the datagram is not in the summary'
}

# strace's -s.
test_shown_bytes() {
    needs python3
    printf '0123456789' >data
    succeeds '^ +0123$' "$probe" watch stdin --read -s 4 < <(cat data)
    grep -qE '^ +\.\.\. 6 more bytes$' out || fail 'it is not said that there is more'
    succeeds '^ +0123456789$' "$probe" watch stdin --read --show 10 < <(cat data)
    if grep -q more out; then fail 'more than all'; fi
    succeeds '^ +00000000  30 31 32 +\|012\|$' "$probe" watch stdin --hex -s 3 < <(cat data)
    succeeds '"bytes":10,"shown":4,"text":"0123"' "$probe" watch stdin --read --json -s 4 < <(cat data)

    # By default the log for people is shortened, JSON is not.
    printf 'x%.0s' {1..5000} >data
    succeeds '^ +\.\.\. [0-9]+ more bytes$' "$probe" watch stdin --read < <(cat data)
    (($(tr -cd x <out | wc -c) == 1024)) || fail 'not 1024 bytes are shown'
    succeeds '"bytes":5000,"text":"x{5000}"' "$probe" watch stdin --read --json < <(cat data)
}

# Text is printed as text, and terminal control characters are escaped.
test_text_of_other_languages() {
    printf 'h\303\251llo \342\206\222 \344\275\240\345\245\275\n\377\302\233' >data
    run "$probe" watch stdin --read < <(cat data)
    grep -qF $'h\303\251llo \342\206\222 \344\275\240\345\245\275\\n' out || fail 'UTF-8 is not shown as text'
    grep -qF '\xff\u009b' out || fail 'a byte that is no text is not escaped'
}

test_times() {
    needs python3
    local before after
    before=$(date +%s)
    succeeds '^ +time  source' env TZ=XXX-5:30 "$probe" watch timer://10ms --count 2 --time absolute
    grep -qE '^[0-2][0-9]:[0-5][0-9]:[0-5][0-9]\.[0-9]{6}  timer://10ms +expired' out || fail 'no time of day'
    after=$(date +%s)
    python3 - "$before" "$after" <<'EOF' || fail 'not the local time'
import re, sys
of_day = next(int(a) * 3600 + int(b) * 60 + int(c) for a, b, c in re.findall(r"^(\d\d):(\d\d):(\d\d)\.", open("out").read(), re.M))
before, after = ((int(arg) + 19800) % 86400 for arg in sys.argv[1:])
assert before <= of_day <= after or after < before, (before, of_day, after)
EOF
    succeeds '^ +delta  source' "$probe" watch timer://60ms --count 3 --time delta
    python3 - <<'EOF' || fail 'not the times since the line before'
import re
deltas = [float(text) for text in re.findall(r"^ +(\d+\.\d{6})  timer", open("out").read(), re.M)]
assert len(deltas) == 3 and all(0.02 < delta < 5 for delta in deltas), deltas
EOF
    wrong '--time: .*absolute' watch stdin --time exact

    # JSON has both times: since the start, and of the day.
    before=$(date +%s)
    succeeds '"time_us"' "$probe" watch timer://10ms --count 1 --json
    python3 - "$before" "$(date +%s)" <<'EOF' || fail 'no wall clock'
import datetime, json, sys
for line in open("out"):
    time = datetime.datetime.strptime(json.loads(line)["time"], "%Y-%m-%dT%H:%M:%S.%fZ")
    seconds = time.replace(tzinfo=datetime.timezone.utc).timestamp()
    assert int(sys.argv[1]) <= seconds <= int(sys.argv[2]) + 1, (line, sys.argv)
EOF
}

# The delay of timers.
test_timers() {
    succeeds '^ +[0-9.]+  timer://20ms +expired [0-9]+ µs late$' "$probe" watch timer://20ms --count 3
    (($(grep -c 'expired [0-9]* µs late' out) == 3)) || fail 'not three times'
    grep -qE '^  timer://20ms: expired 3 times, late by [0-9]+ µs at best, [0-9]+ µs as the median, [0-9]+ µs at most$' out ||
        fail 'no summary'
    awk '/late$/ && $1 + 0 < 0.02 { exit 1 }' out || fail 'expired early'
    run "$probe" watch alarm://20ms --count 2
    if ((status == 3)) && grep -q 'not supported' err; then return; fi # on a system without alarms
    ((status == 0)) || fail "alarm: exit status $status"
    (($(grep -c 'alarm://20ms  *R' out) == 2)) || fail 'not two events'
    grep -q 'alarm://20ms: expired 2 times' out || fail 'no summary of the alarm'
    succeeds '"kind":"summary",.*"expiries":2,"late_us_minimum":' "$probe" watch timer://5ms --count 2 --json
}

test_summary() {
    needs nc
    listen --read
    printf 'hello' | nc -N 127.0.0.1 "$port"
    printf 'there' | nc -N 127.0.0.1 "$port"
    has_ended_twice() { (($(grep -c 'end of stream' out) == 2)); }
    until_true 'both ended' has_ended_twice
    kill -INT "$pid"
    ends_with 0
    grep -qE '^  summary +events  R +W +E +RC +WC +P +read +written$' out || fail 'no summary'
    grep -qE "^  listen://127\.0\.0\.1:$port +[12] +[12] +\. +\. +\. +\. +\. +\. +\.$" out || fail 'not the listener'
    grep -qE "^  accepted by listen://127\.0\.0\.1:$port \(2\) +[2-9] +[2-9] +[0-9] +[.0-9] +[12] +.* 10 +\.$" out ||
        fail 'not the connections'
    start watch listen://127.0.0.1:0 --for 20ms --json
    ends_with 0
    prints '"kind":"summary","events":0,"readable":0,.*"connections":0,"bytes_read":0,"bytes_written":0}'
}

# It ends cleanly when its terminal closes; started by nohup(1), it continues.
test_hangup() {
    needs python3
    start watch unix-listen://socket
    prints 'listening on socket$'
    kill -HUP "$pid"
    ends_with 0
    is_silent
    prints 'interrupted, 0 events'
    [[ ! -e socket ]] || fail 'the socket was left behind'

    run python3 "$here/terminal.py" 80:0.5 "$probe" watch unix-listen://socket
    [[ ! -e socket ]] || fail 'the socket was left behind when the terminal went'

    : >out
    bash -c 'trap "" HUP; exec "$0" watch listen://127.0.0.1:0 --for 1' "$probe" >out 2>err &
    pid=$!
    pids+=("$pid")
    prints 'listening'
    kill -HUP "$pid"
    ends_with 0
    prints 'time is up'
}

test_names_of_hosts() {
    needs nc
    start watch listen://localhost:0 --for 10
    prints 'listening on (127\.0\.0\.1|\[::1\]):[0-9]+$'
    kill -INT "$pid"
    ends_with 0
    start watch listen://:0 --read
    prints 'listening on (0\.0\.0\.0|\[::\]):[0-9]+$'
    port=$(grep -oE -m1 'listening on .*' out | sed 's/.*://')
    printf 'hello' | nc -N 127.0.0.1 "$port"
    prints 'read 5 bytes'
    kill -INT "$pid"
    ends_with 0
    start watch udp://localhost:0 udp://:0 --for 10
    prints 'bound to (127\.0\.0\.1|\[::1\]):[0-9]+$'
    prints 'bound to (0\.0\.0\.0|\[::\]):[0-9]+$'
    kill -INT "$pid"
    ends_with 0
    refused 'listen://does-not-exist\.invalid:1: resolve: ' watch listen://does-not-exist.invalid:1
}

# A failure is reported once to people, and always to programs.
test_failures() {
    needs python3
    run "$probe" watch tcp://127.0.0.1:1
    ((status == 3)) || fail "exit status $status"
    (($(cat out err | grep -c 'Connection refused') == 1)) || fail 'not reported once'
    local target
    for target in tcp://127.0.0.1:1 unix://missing pipe://missing listen://192.0.2.1:0 udp://192.0.2.1:0 fd://99 \
        tcp://does-not-exist.invalid:1; do
        run "$probe" watch "$target" --json
        ((status == 3)) || fail "$target: exit status $status"
        python3 - "$target" <<'EOF' || fail "$target: no error line"
import json, sys
errors = [line for line in map(json.loads, open("out")) if line["kind"] == "error"]
assert len(errors) == 1 and errors[0]["source"] == sys.argv[1] and errors[0]["error"], errors
EOF
        (($(wc -l <err) == 1)) || fail "$target: not one line on standard error"
    done
}

# A sandbox that refuses sockets: no bind failed.
test_refused_socket() {
    local forbid=$1 eacces=13
    "$forbid" io_uring 1 /bin/true || skip 'no seccomp here'
    local target
    for target in listen://127.0.0.1:0 udp://127.0.0.1:0 tcp://127.0.0.1:1 unix-listen://socket unix://socket; do
        rejects 3 "$target: socket: Permission denied" "$forbid" socket $eacces "$probe" watch "$target"
    done
}

test_counters() {
    listen --counters --for 300ms
    ends_with 0
    prints 'watch +polls: [1-9][0-9]*, events: 0, time in polls: [1-9][0-9]{2,}\.[0-9]{3} ms, longest gap: [0-9]+\.[0-9]{3} ms$'
    # Nearly all of the time since the line "listening".
    awk '/listening/ { start = $1 }
        match($0, /time in polls: [0-9.]+/) { rest = ($1 - start) * 1000 - substr($0, RSTART + 15, RLENGTH - 15) }
        END { exit rest < -1 || rest > 50 }' out || fail 'the time in polls is wrong'
    prints 'time is up, 0 events'
    is_silent
    listen --json --counters --for 50ms
    ends_with 0
    prints '"counters".*"polls": ?[1-9].*"nanoseconds_in_polls": ?[0-9]{7,}'
}

test_connection_refused() {
    needs python3
    # Bound and not listening, to reserve the port.
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

    # Three at once: one is empty, one has the maximum length.
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
    curl -s --max-time 0.5 --unix-socket socket http://localhost/index >/dev/null || true # it gets no reply
    prints '^ +GET /index HTTP/1\.1\\r\\n$'
    prints '#3 process .* end of stream'

    # The path of a live listener is not replaced, and is removed with the listener.
    refused 'unix-listen://socket: bind: Address already in use' watch unix-listen://socket
    prints '#4 process' # the process that checked whether it is live
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

    # A file that replaced the socket meanwhile is not removed.
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

# The queue of a Unix listener is full: no event reports when there is room.
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

# Bytes that control a terminal or reorder text: control characters (C0, DEL, C1 alone and as UTF-8), bidirectional
# controls and separators.
dangerous=$'\033[31m \177 \233 \302\233 \302\235 \342\200\256 \342\201\246 \342\200\216 \330\234 \342\200\250 \342\200\251'

# FILE...: these files contain only text and line ends.
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

test_closed_output() {
    local -a statuses
    "$probe" events 2>err | head -n1 >out && statuses=("${PIPESTATUS[@]}") || statuses=("${PIPESTATUS[@]}")
    ((statuses[0] == 0)) || fail "events | head, status ${statuses[0]}"
    is_silent
    statuses=(0)
    yes | "$probe" watch stdin --read --json 2>err | head -n3 >out || true
    is_silent
    grep -q '"kind":"read"' out || fail 'nothing was read'
}

# Sources that another process registered.
test_trace() {
    needs python3
    wrong 'PID is required' trace
    wrong "PID 'x'" trace x
    wrong "PID '0'" trace 0
    [[ -d /proc/self/fdinfo ]] || { refused 'only Linux' trace $$ && return; }
    refused 'trace|no such process' trace 4194304
    [[ $(a_backend) == epoll ]] || skip 'the probe itself does not use epoll'

    listen unix-listen://socket udp://127.0.0.1:0 --trigger level
    prints 'bound to'
    local target=$pid
    succeeds "^process $target, mio-probe\$" "$probe" trace "$target"
    grep -qE '^epoll [0-9]+, 4 sources$' out || fail 'not four sources'
    grep -qE "^  [0-9]+ +1 +level +readable +TCP 127\.0\.0\.1:$port, listening$" out || fail 'not the listener'
    grep -qE '^  [0-9]+ +2 +level +readable +Unix stream socket, listening$' out || fail 'not the Unix listener'
    grep -qE '^  [0-9]+ +3 +level +readable +UDP 127\.0\.0\.1:[0-9]+$' out || fail 'not the UDP socket'
    grep -qE '^  [0-9]+ +18446744073709551615 +edge +readable +pipe$' out || fail 'not the pipe of signals'
    is_documented trace trace "$target"
    kill -INT "$target"
    ends_with_status_of() { wait "$target" || true; }
    ends_with_status_of

    succeeds 'has no epoll descriptor' "$probe" trace $$
    fits_in 40 trace $$
    is_documented trace trace $$
}

# bench.
# The set of measurements, not their values.

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
        grep -qE '^  mio +[0-9.]+( [kMG])?/s( +[0-9.]+ ([nµm]?s)){4}$' out || fail "$name: nothing on this library"
        grep -qE "^  $(a_backend) calls +[0-9.]+( [kMG])?/s" out || fail "$name: nothing on the bare calls"
        grep -qE '^  ratio [0-9]+\.[0-9]{3} of the (time|latency) on the bare calls$' out || fail "$name: no ratio"
        grep -qE '^  the median of 10 pairs of rounds, quartiles [0-9.]+ and [0-9.]+, from [0-9.]+ to [0-9.]+$' out ||
            fail "$name: no quartiles"
        grep -qE '^  more +[0-9.]+ %' out || fail "$name: no histogram"
    done
    for name in "${alone[@]}"; do
        succeeds "^$name, " "$probe" bench "$name" --rounds 2
        grep -qE '^  mio +[0-9.]+( [kMG])?/s( +[0-9.]+ ([nµm]?s)){4}$' out || fail "$name: nothing on this library"
        grep -qE '^  2 rounds$' out || fail "$name: the rounds are not counted"
        if grep -qE 'ratio|calls' out; then fail "$name: compared with something"; fi
    done
    succeeds '^churn, ' "$probe" bench churn wake --rounds 1
    [[ $(grep -o '^[a-z]*, ' out | paste -sd' ') == 'churn,  wake, ' ]] || fail 'not those two, in their order'
}

# A ratio of few rounds is not shown.
test_bench_few_rounds() {
    needs python3
    succeeds '^  no ratio: 9 pairs of rounds are too few, at least 10 are needed$' "$probe" bench churn --rounds 9
    succeeds '^  no ratio: 1 pair of rounds is too few, ' "$probe" bench churn --rounds 1
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
    # On a terminal there is a progress bar, which is removed at the end; there is none elsewhere or on a dumb terminal.
    run env TERM=xterm script -qec "'$probe' bench churn --rounds 2 >only_output" /dev/null
    ((status == 0)) || fail "exit status $status"
    grep -qE 'churn +\[#*\.*\] [0-9]+ %' out || fail 'no bar'
    [[ $(tail -c 4 out) == *"${escape}[K" ]] || fail 'the bar was left there'
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
