#!/usr/bin/env bash
# The completions of mio-probe in a shell. Usage: completions.sh PROBE SHELL FOLDER; FOLDER contains the completions. Exit
# status: 0 passed, 1 failed, 77 skipped.
set -euo pipefail
PATH=$(dirname "$(realpath "$1")"):$PATH
shell=$2 folder=$(realpath "$3")
command -v "$shell" >/dev/null || { echo "skipped: no $shell" && exit 77; }

# complete_words LINE EXPECTED: prints what the shell offers at its end, one a line.
case $shell in
bash)
    # shellcheck source=/dev/null
    . "$folder/mio-probe.bash"
    complete_words() {
        read -r -a COMP_WORDS <<<"$1"
        [[ $1 != *' ' ]] || COMP_WORDS+=('')
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        _mio_probe mio-probe "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf '%s\n' "${COMPREPLY[@]}"
    } ;;
fish)
    HOME=$(mktemp -d)
    export HOME
    trap 'rm -rf "$HOME"' EXIT
    complete_words() { fish --no-config -c "source '$folder/mio-probe.fish'; complete -C '$1'" | cut -f 1; } ;;
zsh)
    HOME=$(mktemp -d)
    export HOME TERM=dumb
    trap 'rm -rf "$HOME"' EXIT
    # An interactive shell on a terminal of its own. It lists the matches only if no more input is pending, so its output is
    # read up to the last match that is expected.
    complete_words() {
        timeout 120 zsh -f -c 'zmodload zsh/zpty
            zpty shell zsh -f -i
            zpty -w shell "fpath=($1 \$fpath); autoload -Uz compinit; compinit -u -D; bindkey \"^I\" complete-word
                unset zle_bracketed_paste; LISTMAX=1000; setopt auto_list no_list_ambiguous; print re\"\"ady"
            zpty -r shell text "*ready*"
            zpty -w -n shell "$2"$'"'\\t'"'
            zpty -r shell text "*$3*"
            print -r -- $text' zsh "$folder" "$1" "$(sort <<<"$2" | tail -n 1)" | tr '\r' '\n' | grep -oE '[A-Za-z0-9:/_-]+' || true
    } ;;
esac

offers() { # LINE WORD...
    local line=$1 word got
    shift
    got=$(complete_words "$line" "$(printf '%s\n' "$@")")
    for word in "$@"; do
        grep -qxF -e "$word" <<<"$got" || { printf "FAILED: '%s' offers no %s, but:\n%s\n" "$line" "$word" "$got" >&2 && exit 1; }
    done
}

offers 'mio-probe ' info events watch doctor
offers 'mio-probe events --' --check --list --backend
offers 'mio-probe watch --trigger ' edge level oneshot
offers 'mio-probe events --scenario tcp-peer-' tcp-peer-close tcp-peer-reset
