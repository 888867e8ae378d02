# Configurations that are wrong: each refused with file, line, column, reason and the nearest valid key.
source "$(dirname "$0")/lib.sh"

# wrong WORDS PATTERN TEXT: checking TEXT as a configuration is refused.
wrong() {
    printf '%b' "$3" >"$BOX/wrong.toml"
    refuses "$1" "$2" "$SPEEM" config check --config "$BOX/wrong.toml"
}

wrong "empty" 'wrong\.toml' ''
wrong "binary" 'wrong\.toml:1:' '\0001\0002\0377\0000'
wrong "unknown key" 'wrong\.toml:3:1: ' 'role = "node"\ndata = "/tmp/x"\nnmae = "x"\n'
wrong "unknown table" 'wrong\.toml:3:' 'role = "node"\ndata = "/tmp/x"\n[lsiten]\n'
wrong "wrong type" 'wrong\.toml:4:' 'role = "node"\ndata = "/tmp/x"\n[limits]\nconnections = "many"\n'
wrong "number out of range" 'wrong\.toml:4:' 'role = "node"\ndata = "/tmp/x"\n[limits]\nconnections = 99999999999999999999\n'
wrong "port out of range" 'wrong\.toml:4:' 'role = "node"\ndata = "/tmp/x"\n[listen]\naddresses = ["[::]:404000"]\n'
wrong "bad unit" 'wrong\.toml:4:' 'role = "node"\ndata = "/tmp/x"\n[mailbox]\nquota = "1 parsec"\n'
wrong "duplicate key" 'wrong\.toml:3:' 'role = "node"\ndata = "/tmp/x"\ndata = "/tmp/y"\n'
wrong "no role" 'role' 'data = "/tmp/x"\n'
wrong "wrong role" 'wrong\.toml:1:' 'role = "nod"\n'
wrong "unclosed string" 'wrong\.toml:1:' 'role = "node\n'
wrong "a node's table on a device" 'wrong\.toml:3:' 'role = "device"\ndata = "/tmp/x"\n[mailbox]\nquota = "1GB"\n'

printf 'role = "node"\ndata = "/tmp/x"\nnmae = "x"\n' >"$BOX/near.toml"
hint="$("$SPEEM" config check --config "$BOX/near.toml" 2>&1 | grep '^hint: ')"
case "$hint" in *name*) ok "the nearest key is named" ;; *) bad "the nearest key is named" "$hint" ;; esac

head -c 10000000 /dev/zero | tr '\0' '#' >"$BOX/large.toml"
refuses "10 MB" 'large\.toml' "$SPEEM" config check --config "$BOX/large.toml"
refuses "a folder" "$BOX" "$SPEEM" config check --config "$BOX"
refuses "run with a wrong configuration" 'wrong\.toml:' "$SPEEM" run --config "$BOX/wrong.toml"

for role in node device; do
    "$SPEEM" config example --role "$role" >"$BOX/example.toml"
    prints "the example for a $role is a configuration" "a $role, data in" \
        "$SPEEM" config check --config "$BOX/example.toml"
    if cmp -s "$BOX/example.toml" "$HERE/../../config/$role.toml"; then
        ok "config/$role.toml is the example"
    else
        bad "config/$role.toml is the example" "$(diff "$BOX/example.toml" "$HERE/../../config/$role.toml")"
    fi
done
