#!/usr/bin/env bash
# A laptop finds an unowned board on its network and takes it with the code that the board shows.
source "$(dirname "${BASH_SOURCE[0]}")/../cli/lib.sh"
source "$HERE/../network/hosts.sh"
can_make_hosts || exit 0
trap 'remove_hosts lan; clean_up || exit 1' EXIT

segment lan
host board lan 10.77.0.11/24
host laptop lan 10.77.0.13/24
printf 'role = "node"\ndata = "%s"\n' "$BOX/board/data" >"$BOX/board.toml"
printf 'role = "device"\ndata = "%s"\nname = "alice"\n' "$BOX/laptop/data" >"$BOX/laptop.toml"

# speem WHO ARGUMENT...: on WHO's host.
speem() {
    local who="$1"
    shift
    on "$who" "$SPEEM" "$@" --config "$BOX/$who.toml"
}

enter board
"${enter[@]}" "$SPEEM" run --config "$BOX/board.toml" >"$BOX/board.out" 2>>"$BOX/board.log" &
pids+=("$!")
until [ -S "$BOX/board/data/control.sock" ] && speem board status --json >/dev/null 2>&1; do sleep 0.05; done
speem laptop init >/dev/null 2>&1

sees() { [[ "$(speem laptop nearby 2>/dev/null)" == *"a node without an owner"* ]]; }
until_ok "the laptop sees a node without an owner" sees
code="$(sed -n 's/^speem: code: //p' "$BOX/board.log")"
wrong=0000 && [ "$code" != "0000 0000" ] || wrong=1111
err="$(printf '%s %s\n' "$wrong" "$wrong" | speem laptop accept --nearby 2>&1)" &&
    bad "a wrong code is refused" "$err" || ok "a wrong code is refused"
code="$(grep -oE 'code is now [0-9]{4} [0-9]{4}' "$BOX/board.log" | tail -n 1 | cut -d' ' -f4-)"
out="$(printf '%s\n' "$code" | speem laptop accept --nearby 2>&1)"
[[ "$out" == *"the node is yours"* ]] && ok "the right code takes it" || bad "the right code takes it" "$out"
gone_from_view() { ! sees; }
until_ok "it does not offer itself any more" gone_from_view
