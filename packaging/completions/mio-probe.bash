# bash completion for mio-probe, written by packaging/probe_docs.py
_mio_probe() {
    local current=$2 previous=$3 command='' word
    COMPREPLY=()
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        case $word in
        info | events | watch | bench | trace | doctor) command=$word && break ;;
        esac
    done
    local words
    case $previous in
    --trigger) words="edge level oneshot" ;;
    --color) words="auto always never" ;;
    --time) words="elapsed absolute delta" ;;
    --backend) words="epoll poll kqueue iocp" ;;
    --scenario) words="$(mio-probe events --list 2>/dev/null | awk '{print $1}')" ;;
    *)
        case $command in
        info) words="-h --help --json --color" ;;
        events) words="-h --help --json --color --scenario --backend --list --check" ;;
        watch) words="-h --help --json --color --interest --trigger -s --show --send --count --for --read --hex --echo --time --counters tcp:// listen:// udp:// unix:// unix-listen:// pipe:// fd:// timer:// alarm:// stdin" ;;
        bench) words="-h --help --json --color --rounds --for --list $(mio-probe bench --list 2>/dev/null | awk '{print $1}')" ;;
        trace) words="-h --help --json --color $(ps -e -o pid= 2>/dev/null | awk '{print $1}')" ;;
        doctor) words="-h --help --json --color" ;;
        *) words="info events watch bench trace doctor help -h --help -V --version --json --color" ;;
        esac
        ;;
    esac
    # The part of a word before its last colon is not replaced.
    [[ $current != *:* || $COMP_WORDBREAKS != *:* ]] || current=${current##*:}
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -o default -F _mio_probe mio-probe
