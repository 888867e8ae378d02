# Help, versions, mistakes on the command line, and what each command says before there is anything.
source "$(dirname "$0")/lib.sh"
export HOME="$BOX/home"
unset SPEEM_CONFIG
mkdir "$HOME"

for command in "" run init invite accept contacts verify send inbox sent status doctor config version; do
    # shellcheck disable=SC2086
    prints "help of \"$command\"" 'USAGE: speem' "$SPEEM" $command --help
done
prints "version" '^speem [0-9]+\.[0-9]+\.[0-9]+$' "$SPEEM" version
prints "--version" '^speem [0-9]+\.[0-9]+\.[0-9]+$' "$SPEEM" --version
for library in 'libsodium 1\.' 'sqlite 3\.' 'libdbus 1\.' 'libavahi-client [0-9]+\.'; do
    prints "version --verbose names $library" "^$library" "$SPEEM" version --verbose
done

prints "version --verbose asks avahi-daemon" '^avahi-daemon (says|cannot be asked): .' "$SPEEM" version --verbose

status=0
out="$("$SPEEM" sned 2>&1)" || status=$?
if [ "$status" -eq 64 ] && printf '%s' "$out" | grep -q '^speem: error: unexpected argument' &&
    printf '%s' "$out" | grep -q '^hint: speem --help'; then
    ok "a wrong command line has status 64 and a hint"
else
    bad "a wrong command line has status 64 and a hint" "status $status: $out"
fi

refuses "no configuration" "there is no configuration at $HOME/.config/speem/speem.toml" "$SPEEM" status
refuses "a configuration that is not there" 'nowhere\.toml' "$SPEEM" status --config "$BOX/nowhere.toml"
refuses "init without a name" 'there is no configuration' "$SPEEM" init
prints "init --name makes a configuration" '1 [a-z]+ +2 [a-z]+' "$SPEEM" init --name carol
prints "the configuration it made" 'a device, data in .*/home/\.local/share/speem' "$SPEEM" config check
refuses "init twice" 'has an identity already' "$SPEEM" init
refuses "init --name with a configuration" 'says how this device is called' "$SPEEM" init --name carol
prints "no contacts yet" 'no contacts yet' "$SPEEM" contacts
refuses "an unknown contact" 'there is no contact "bob"' "$SPEEM" send bob hello
refuses "an invite without a node" 'has no node yet' "$SPEEM" invite
prints "an empty inbox" 'no messages' "$SPEEM" inbox --all
prints "JSON in a pipe is one line" '^\{"messages":\[\]\}$' "$SPEEM" inbox --json
prints "the status of a new device" '^role: +device$' "$SPEEM" status
prints "the status as JSON" '"role":"device"' "$SPEEM" status --json

device empty
refuses "commands before init" 'has no identity yet' speem empty contacts
node node
refuses "init on a node" 'configuration of a node' speem node init
refuses "a node that does not run" 'the node is not running' speem node status
start node
# Each is a device's command; the hint says what to do instead.
for command in contacts sent inbox "inbox --follow" "verify bob" "send bob hello" "accept speem:a"; do
    # shellcheck disable=SC2086
    refuses "\"$command\" on a node" 'this is a node: it keeps sealed messages' speem node $command
    # shellcheck disable=SC2086
    hint="$(speem node $command 2>&1 | grep '^hint: ')"
    case "$hint" in
        *"the configuration of a device"*) ok "the hint for \"$command\" on a node" ;;
        *) bad "the hint for \"$command\" on a node" "$hint" ;;
    esac
done
prints "the status of a node" '^owned: +no$' speem node status
prints "an unowned node shows its claim invite" '^speem:' speem node invite
