# A node is taken over the network with the code that it shows.
source "$(dirname "$0")/lib.sh"

# nearby WHO CODE [OPTION...]: types CODE at WHO.
nearby() {
    local who="$1" code="$2"
    shift 2
    printf '%s\n' "$code" >"$BOX/.code"
    "$SPEEM" accept --nearby --config "$BOX/$who.toml" "$@" <"$BOX/.code"
}
# The transcripts' own words close standard input; here it holds the code.
refuses_code() {
    local words="$1" pattern="$2" err status=0
    shift 2
    err="$(nearby "$@" 2>&1)" || status=$?
    if [ "$status" -eq 1 ] && printf '%s\n' "$err" | grep -qE "^speem: error: .*$pattern"; then
        ok "$words"
    else
        bad "$words" "status $status, wanted: $pattern
$err"
    fi
}
# other CODE: a code that is another one.
other() { if [ "$1" = "0000 0000" ]; then printf '0000 0001'; else printf '0000 0000'; fi; }
# nearby_again: alice with a code that was good once.
nearby_again() { nearby alice "$code" --address "$at"; }
# newest: the newest code in the node's log.
newest() { grep -oE 'code is now [0-9]{4} [0-9]{4}' "$BOX/node.log" | tail -n 1 | cut -d' ' -f4-; }

CLAIM_PORT="$(free_port)"
node node "[claim]
port = $CLAIM_PORT"
start node
at="127.0.0.1:$CLAIM_PORT"
device alice
speem alice init >/dev/null 2>&1

prints "the node shows a code and where to use it" "^speem: or by address: speem accept --nearby --address $at\$" \
    cat "$BOX/node.log"
code="$(sed -n 's/^speem: code: //p' "$BOX/node.log")"
case "$code" in
    [0-9][0-9][0-9][0-9]" "[0-9][0-9][0-9][0-9]) ok "eight digits" ;;
    *) bad "eight digits" "$code" ;;
esac

refuses "no node found" 'no node that can be claimed was found' speem alice accept --nearby
refuses "no code" 'no code on standard input' speem alice accept --nearby --address "$at"
refuses_code "what is no code" 'this is not a code: .*8 digits' alice "speem:abc" --address "$at"
refuses_code "nobody there" 'no node can be claimed at 127\.0\.0\.1:1:' alice "$code" --address 127.0.0.1:1
refuses_code "an address that is none" 'not an address' alice "$code" --address 127.0.0.1
refuses_code "a wrong code" 'the code is wrong .*shows a new code now' alice "$(other "$code")" --address "$at"
second="$(newest)"
if [ -n "$second" ] && [ "$second" != "$code" ]; then ok "a miss makes a new code"; else bad "a miss makes a new code" "$second"; fi
refuses_code "the old code" 'the code is wrong' alice "$code" --address "$at"
refuses_code "a third wrong code" 'the code is wrong' alice "$(other "$(newest)")" --address "$at"
soon "three misses close the port" 'no node can be claimed at' nearby_again
prints "the node's log says what to do" '3 wrong codes.*speem claim-code' cat "$BOX/node.log"

refuses "claim-code is for the node" 'configuration of a device' speem alice claim-code
code="$(speem node claim-code 2>/dev/null)"
prints "claim-code as JSON" '"code" ?: ?"[0-9]{4} [0-9]{4}"' speem node claim-code --json
code="$(speem node claim-code 2>/dev/null)"
typed="$(nearby alice "$(printf '%s' "$code" | tr ' ' '-')" --address "$at" 2>&1)" || true
if [ "$typed" = "the node is yours" ]; then ok "the right code takes the node"; else bad "the right code takes the node" "$typed"; fi
prints "the device is with the node" '127\.0\.0\.1' speem alice nodes

device bob
speem bob init >/dev/null 2>&1
refuses_code "the port is closed once the node is owned" 'no node can be claimed at' bob "$code" --address "$at"
refuses "an owned node shows no code" 'the node is owned' speem node claim-code
if (exec 3<>"/dev/tcp/127.0.0.1/$CLAIM_PORT") 2>/dev/null; then bad "nobody listens there any more"; else ok "nobody listens there any more"; fi

node quiet "[claim]
network = false"
start quiet
if grep -q 'accept --nearby' "$BOX/quiet.log"; then bad "claim.network = false shows no code"; else ok "claim.network = false shows no code"; fi
refuses "and makes none" 'cannot be claimed over the network' speem quiet claim-code

status=0
err="$(speem bob accept --nearby speem:abc 2>&1)" || status=$?
if [ "$status" -eq 64 ]; then ok "either an invite or --nearby"; else bad "either an invite or --nearby" "$err"; fi
