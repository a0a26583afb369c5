#!/usr/bin/env bash
# Tests of mio-bench's interface, without measured values. Usage: bench.sh PROGRAM. Exit status: 0 passed,
# 1 failed.
set -euo pipefail

bench=$(realpath "$1")
scripts=$(realpath "$(dirname "$0")/../../tools/bench")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

fail() {
    printf 'FAILED: %s\n' "$*" >&2
    local file
    for file in out err; do
        [[ -e $file ]] && printf -- '---- %s ----\n%s\n' "$file" "$(<"$file")" >&2
    done
    exit 1
}

# run ARGUMENTS...: the exit status in $status, the output in the files out and err.
run() {
    status=0
    timeout 60 "$bench" "$@" >out 2>err || status=$?
}

succeeds() {
    run "$@"
    ((status == 0)) || fail "mio-bench $*: exit status $status"
}

rejects() { # PATTERN ARGUMENTS...
    run "${@:2}"
    ((status != 0)) || fail "mio-bench ${*:2}: succeeded"
    grep -qE -- "$1" err || fail "mio-bench ${*:2}: standard error has no '$1'"
    [[ ! -s out ]] || fail "mio-bench ${*:2}: something on standard output"
}

# All workloads are listed, for this library and for the bare calls.
succeeds --list
for workload in pingpong pingpong-64 pingpong-idle pingpong-64-idle chain chain-5000 churn churn-open echo echo-64 http \
    accept wake-one-cpu wake-two-cpus wakeflood wakeflood-polled timeout-50us timeout-1ms udp; do
    grep -A1 -- "^$workload: " out | grep -qE '^  bare,.* mio(,|$)' || fail "--list: $workload"
done
# Timers make no system calls; they are compared with the container that a program would use.
for workload in timers timers-1m; do
    for operation in insert replace limit expire postpone; do
        grep -A1 -- "^$workload-$operation: " out | grep -qE '^  mio, mio-ids, std-multiset(, asio)?$' ||
            fail "--list: $workload-$operation"
    done
done
for workload in timeout-50us timeout-1ms; do
    grep -A1 -- "^$workload: " out | grep -qE '^  bare,.* mio-alarm(,|$)' || fail "--list: $workload with an alarm"
done
# Servers of coroutines, and the loop of examples/tcp_echo; the parts of coroutines, with no system calls to compare with.
for workload in echo echo-64 short; do
    grep -A1 -- "^$workload: " out | grep -qE '^  bare, mio, mio-example, mio-async(,|$)' || fail "--list: $workload"
done
for workload in await spawn await-limit channel; do
    grep -A1 -- "^$workload: " out | grep -qE '^  mio-async(,|$)' || fail "--list: $workload"
done
# Another library is a contestant, or is reported as missing.
for peer in libuv libevent asio asio-async mio-rs tokio; do
    (($(grep -cE "(, $peer(,|\$))|^not built, because it is not installed: $peer \(Debian: " out) > 0)) ||
        fail "--list says nothing of $peer"
done

# A round of each workload with few operations: the table, the JSON document and the chart have the same ones.
succeeds --rounds 3 --scale 0.002 --contestant bare mio --json result.json --plot result.svg
grep -qE '^pingpong: ' out || fail 'no table'
grep -qE '^  mio( +[0-9.]+){6}$' out || fail 'no line of this library in the table'
python3 - <<'END' || fail 'the document or the chart'
import json, statistics, xml.dom.minidom
document = json.load(open("result.json"))
results = document["results"]
assert document["rounds"] == 3 and {"kernel", "compiler", "mio"} <= document["machine"].keys()
for one in results:
    times = [sample["time_ns"] for sample in one["samples"]]
    assert len(times) == 3, one
    assert one["time_ns"] == {"minimum": min(times), "median": statistics.median(times), "maximum": max(times)}, one
    if one["workload"].startswith("timers-"):
        assert one["time_ratio"] is None, one
        continue
    bare = next(o for o in results if (o["workload"], o["contestant"]) == (one["workload"], "bare"))
    ratios = [a["time_ns"] / b["time_ns"] for a, b in zip(one["samples"], bare["samples"])]
    assert abs(one["time_ratio"] - statistics.median(ratios)) < 1e-6 * abs(one["time_ratio"]), one
chart = xml.dom.minidom.parse("result.svg")
texts = {text.firstChild.data for text in chart.getElementsByTagName("text")}
assert {one["workload"] for one in results} <= texts
END

succeeds udp --rounds 1 --scale 0.01 --json -
python3 -m json.tool <out >/dev/null || fail 'standard output is not the document alone'
succeeds pingpong --contestant mio --once 100
[[ ! -s out && ! -s err ]] || fail '--once prints something'
succeeds --describe
python3 -m json.tool <out >/dev/null || fail '--describe'

# Each contestant runs each workload, as --list shows.
succeeds --list
mapfile -t contestants < <(sed -n 's/^  //p' out | tr -d ' ' | tr , '\n' | sort -u)
succeeds --rounds 1 --scale 0.002 --contestant "${contestants[@]}"

rejects "no workload 'nonsense'; see --list" nonsense
rejects "no contestant 'nonsense'; see --list" --contestant nonsense
rejects '--rounds' --rounds 0
run udp --rounds 1 --scale 0.01 --json missing/file
((status == 1)) || fail "a document that cannot be written: exit status $status"
grep -q '^mio-bench: cannot write missing/file$' err || fail 'nothing is said of a document that cannot be written'

# A count that is not available is neither an increase nor a missed target.
for script in exact bars; do
    status=0
    "$scripts/$script" --program missing/file >out 2>err || status=$?
    ((status == 2)) || fail "$script without a program: exit status $status"
    grep -qE "^$script: (there is no missing/file|(valgrind|strace|taskset) is not installed)" err || fail "$script: no reason"
done
