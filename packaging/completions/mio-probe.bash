# bash completion for mio-probe, written by packaging/probe_docs.py
_mio_probe() {
    local current=$2 previous=$3 command='' word
    COMPREPLY=()
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        case $word in
        info | events | watch | bench | doctor) command=$word && break ;;
        esac
    done
    local words
    case $previous in
    --trigger) words="edge level oneshot" ;;
    --backend) words="epoll poll kqueue iocp" ;;
    --scenario) words="$(mio-probe events --list 2>/dev/null | awk '{print $1}')" ;;
    *)
        case $command in
        info) words="-h --help --json" ;;
        events) words="-h --help --scenario --backend --list --check --json" ;;
        watch) words="-h --help --interest --trigger --read --hex --count --for --counters --json tcp:// listen:// udp:// unix:// unix-listen:// pipe:// fd:// stdin" ;;
        bench) words="-h --help --rounds --for --list --json $(mio-probe bench --list 2>/dev/null | awk '{print $1}')" ;;
        doctor) words="-h --help --json" ;;
        *) words="info events watch bench doctor -h --help --version" ;;
        esac
        ;;
    esac
    # The part of a word before its last colon is not replaced.
    [[ $current != *:* || $COMP_WORDBREAKS != *:* ]] || current=${current##*:}
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -o default -F _mio_probe mio-probe
