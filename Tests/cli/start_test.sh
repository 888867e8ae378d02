# What keeps a node or a device from starting: each said clearly, and nothing half done.
source "$(dirname "$0")/lib.sh"

node node
start node
first=$PID
sed "s#/node\"#/second\"#" "$BOX/node.toml" >"$BOX/second.toml"
refuses "a port in use" "cannot listen on 127\.0\.0\.1:$PORT: .*in use" speem second run
refuses "a data folder in use" 'another process uses the store' \
    "$SPEEM" run --config <(sed 's/127.0.0.1:[0-9]*/127.0.0.1:0/' "$BOX/node.toml")
stop "$first"

: >"$BOX/file"
printf 'role = "node"\ndata = "%s/file/data"\n' "$BOX" >"$BOX/notafolder.toml"
refuses "a data folder below a file" 'cannot make the folder' speem notafolder run
if [ "$(id -u)" -ne 0 ]; then
    mkdir -m 500 "$BOX/readonly"
    printf 'role = "node"\ndata = "%s/readonly/data"\n' "$BOX" >"$BOX/readonly.toml"
    refuses "a data folder that is not writable" 'cannot make the folder .*ermission denied' speem readonly run
elif [ -d /sys/kernel ]; then
    printf 'role = "node"\ndata = "/sys/kernel/speem"\n' >"$BOX/readonly.toml"
    refuses "a data folder that is not writable" 'cannot make the folder' speem readonly run
fi

chmod 644 "$BOX/node/store.key"
refuses "a key that others may read" 'store\.key cannot be used: others may read it .*chmod 600' speem node run
chmod 600 "$BOX/node/store.key"

cp -a "$BOX/node" "$BOX/kept"
restore() { rm -rf "$BOX/node" && cp -a "$BOX/kept" "$BOX/node"; }
rm "$BOX/node/store.db"
refuses "a store that is gone" 'store\.db is missing: .*no new identity' speem node run
restore
rm "$BOX/node/store.db-wal"
refuses "a log that is gone" 'store\.db-wal is missing' speem node run
restore
rm "$BOX/node/store.key"
refuses "a key that is gone" 'store\.key is missing' speem node run
restore
: >"$BOX/node/store.db"
refuses "an emptied store" 'store\.db is damaged at byte 0' speem node run
restore
: >"$BOX/node/store.db-wal"
refuses "an emptied log" 'store\.db-wal is damaged at byte 0' speem node run
restore
truncate -s 500000 "$BOX/node/store.db-wal"
refuses "a cut log" 'store\.db-wal is damaged at byte 500000' speem node run
restore
sed -i 's/a/b/' "$BOX/node/store.key"
refuses "a mistyped key" 'store\.key cannot be used' speem node run
node other
start other
stop "$PID"
restore
cp "$BOX/other/store.key" "$BOX/node/store.key"
refuses "another store's key" 'is not the one that the store was made with' speem node run
restore
start node && ok "after all that the node starts" && stop "$PID"

device device
speem device init >/dev/null 2>&1
rm "$BOX/device/store.db"
refuses "a device whose store is gone makes no new identity" 'store\.db is missing' speem device init
