#!/usr/bin/env python3
"""A second implementation of SPEEM's sealed messages, to test the Swift one against.

Written from Signal's specifications ("The PQXDH Key Agreement Protocol", revision 3; "The Double Ratchet Algorithm",
revision 4, section 3) and from the formats that docs/PROTOCOL.md documents. It favours plainness over speed and wipes
nothing: never use it for real messages.

Needs PyNaCl (1.6.2) and kyber-py (1.2.0).

    reference.py serve            answers one JSON request a line; the Swift tests talk to it
    reference.py vectors FOLDER   writes the committed vectors, the same in every run
    reference.py check FOLDER     exits with 1 when a conversation written down in FOLDER, by Swift or by `vectors`, is
                                  not the one that this implementation comes to, or a file of `vectors` is not as written
"""

import os
import sys

# This folder is source code: nothing is left in it.
sys.dont_write_bytecode = True

import replay
import server
import two_bodies
import vectors

TWO_BODIES = "two-bodies.json"


def written():
    """The committed vectors by name."""
    return {**vectors.encoded(), TWO_BODIES: two_bodies.encoded()}


def check(folder):
    expected = written()
    names = sorted(name for name in os.listdir(folder) if name.endswith(".json"))
    if not names:
        print(f"no vectors in {folder}")
        return 1
    failures = 0
    for name in names:
        with open(os.path.join(folder, name), encoding="ascii") as file:
            contents = file.read()
        try:
            steps = 1 if name == TWO_BODIES else replay.replay(contents)
            if contents != expected.get(name, contents):
                raise replay.Differs("it is not what `vectors` writes")
            print(f"{name}: {steps} steps are right")
        except replay.Differs as difference:
            print(f"{name}: {difference}")
            failures += 1
    return 1 if failures else 0


def main(arguments):
    if arguments == ["serve"]:
        server.serve()
    elif len(arguments) == 2 and arguments[0] == "vectors":
        for name, contents in written().items():
            with open(os.path.join(arguments[1], name), "w", encoding="ascii") as file:
                file.write(contents)
    elif len(arguments) == 2 and arguments[0] == "check":
        return check(arguments[1])
    else:
        print(__doc__)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
