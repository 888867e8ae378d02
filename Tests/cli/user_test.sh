# A node and two devices of a user without any privilege: what only root may do must not be asked of the system. The other transcripts
# run as whoever calls them, which in CI is root.
source "$(dirname "$0")/lib.sh"
if [ "$(id -u)" -ne 0 ] || ! command -v setpriv >/dev/null; then
    skip "running as another user takes root and setpriv"
    exit 0
fi
AS=(setpriv --reuid=65534 --regid=65534 --clear-groups --bounding-set=-all --no-new-privs)
chmod 755 "$BOX"
if ! "${AS[@]}" test -x "$BOX"; then
    skip "nobody may not enter $BOX"
    exit 0
fi
# The program, where nobody can read it; the folders for what it writes.
cp "$SPEEM" "$BOX/program"
printf '#!/bin/sh\nexec %s "%s/program" "$@"\n' "${AS[*]}" "$BOX" >"$BOX/speem"
chmod 755 "$BOX/program" "$BOX/speem"
SPEEM="$BOX/speem"
for who in node bob-node laptop bob; do install -d -m 700 -o 65534 -g 65534 "$BOX/$who"; done

node node
node bob-node
device laptop
device bob
start node || exit 1
start bob-node || exit 1
prints "an account" "account" speem laptop init
own bob-node bob
prints "a claim over TCP" "the node is yours" speem laptop accept "$(tail -n 1 "$BOX/node.out")"
prints "a contact" "alice is a contact" speem bob accept --name alice "$(speem laptop invite)"
speem laptop contacts >/dev/null
prints "a message to the node" "^stored" speem bob send alice "without any privilege"
start laptop
prints "a device that stays connected" "without any privilege" speem laptop inbox
prints "the node sees it" '"connections": *[1-9]' speem node status --json
