# A store that a newer program has brought up to date, opened by this one, as after a downgrade: refused in words, and nothing of
# it is changed.
source "$(dirname "$0")/lib.sh"
TOOL="${SPEEM_NEWER_STORE:-$HERE/../../.build/debug/NewerStore}"
if [ ! -x "$TOOL" ]; then
    skip "a newer store takes $TOOL, which swift build --build-tests makes"
    exit 0
fi
# sums FOLDER: every file of the store. The lock is an empty file, and others are no part of it.
sums() { (cd "$1" && sha256sum store.* initialised); }

node node
device laptop
start node
daemon=$PID
own node laptop
stop "$daemon"
prints "a newer program uses the node's store" "^the store has version 1000$" "$TOOL" "$BOX/node"
before="$(sums "$BOX/node")"
for attempt in first second; do
    refuses "this one refuses it, the $attempt time" \
        "a newer speem has used the store in $BOX/node: it has version 1000, and this program knows none after [0-9]+$" \
        speem node run
done
err="$(speem node run 2>&1 >/dev/null)"
[[ "$err" == *"hint: install the newer speem again; nothing was changed"* ]] && ok "and says what to do" ||
    bad "and says what to do" "$err"
[ "$(sums "$BOX/node")" = "$before" ] && ok "not a byte of it is changed" || bad "not a byte of it is changed"
prints "the newer program still opens it" "^the store has version 1000$" "$TOOL" "$BOX/node"

prints "a newer program uses the device's store" "^the store has version 1000$" "$TOOL" "$BOX/laptop"
before="$(sums "$BOX/laptop")"
for command in run contacts inbox; do
    refuses "a device's is refused, too: speem $command" "a newer speem has used the store in $BOX/laptop" \
        speem laptop "$command"
done
[ "$(sums "$BOX/laptop")" = "$before" ] && ok "not a byte of that is changed" || bad "not a byte of that is changed"
