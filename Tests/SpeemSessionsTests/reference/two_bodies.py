"""A ciphertext that opens under two keys to two bodies.

XChaCha20-Poly1305 does not commit to its key: a tag is the value of a polynomial over the ciphertext, and whoever knows
two keys can solve for two blocks that give the same tag under both (Len, Grubbs and Ristenpart, "Partitioning Oracle
Attacks", section 4). Only the message id, which is a hash over key and ciphertext, tells the two apart.
"""

import json
import struct

from primitives import SeededRandom, aead_open, blake2b, label, unpad

PRIME = (1 << 130) - 5
BLOCK = 1 << 128
WORDS = struct.unpack("<4I", b"expand 32-byte k")
LENGTH = 256
# The blocks of the ciphertext that are solved for.
FREE = (13, 14)


def rounds(state):
    def quarter(a, b, c, d):
        for first, second, third, shift in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            state[first] = (state[first] + state[second]) & 0xFFFFFFFF
            mixed = state[third] ^ state[first]
            state[third] = (mixed << shift | mixed >> (32 - shift)) & 0xFFFFFFFF

    for _ in range(10):
        for column in range(4):
            quarter(column, 4 + column, 8 + column, 12 + column)
        for column in range(4):
            quarter(column, 4 + (column + 1) % 4, 8 + (column + 2) % 4, 12 + (column + 3) % 4)
    return state


def hchacha20(key, nonce):
    state = rounds([*WORDS, *struct.unpack("<8I", key), *struct.unpack("<4I", nonce)])
    return struct.pack("<8I", *state[:4], *state[12:])


def stream(key, nonce, length):
    """r and s of Poly1305, and the key stream of XChaCha20 (draft-irtf-cfrg-xchacha-03, RFC 8439)."""
    subkey = struct.unpack("<8I", hchacha20(key, nonce[:16]))
    output = b""
    for counter in range(1 + (length + 63) // 64):
        start = [*WORDS, *subkey, counter, 0, *struct.unpack("<2I", nonce[16:])]
        output += struct.pack("<16I", *((a + b) & 0xFFFFFFFF for a, b in zip(start, rounds(list(start)))))
    r, s = (int.from_bytes(part, "little") for part in (output[:16], output[16:32]))
    return r & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF, s, output[64:64 + length]


def pad16(data):
    return data + bytes(-len(data) % 16)


def blocks(associated, ciphertext):
    data = pad16(associated) + pad16(ciphertext) + struct.pack("<QQ", len(associated), len(ciphertext))
    return [BLOCK + int.from_bytes(data[at:at + 16], "little") for at in range(0, len(data), 16)]


def solve(ciphertext, associated, first, second, random):
    """The tag and the two free blocks, for streams `first` and `second`."""
    values = blocks(associated, ciphertext)
    places = [len(pad16(associated)) // 16 + block for block in FREE]
    equations = []
    for r, s, _ in (first, second):
        powers = [pow(r, len(values) - place, PRIME) for place in range(len(values))]
        fixed = sum(v * p for place, (v, p) in enumerate(zip(values, powers)) if place not in places)
        equations.append((powers[places[0]], powers[places[1]], fixed, s))
    (a, b, fixed_1, s_1), (c, d, fixed_2, s_2) = equations
    inverse = pow(a * d - b * c, -1, PRIME)
    while True:
        tag = int.from_bytes(random.take(16), "little")
        e, f = ((tag - s) % BLOCK - fixed for fixed, s in ((fixed_1, s_1), (fixed_2, s_2)))
        x, y = (e * d - b * f) * inverse % PRIME, (a * f - e * c) * inverse % PRIME
        # A block stands for a number between 2^128 and 2^129: about one pair of solutions in sixteen does.
        if x >> 128 == 1 and y >> 128 == 1:
            return tag.to_bytes(16, "little"), [(v - BLOCK).to_bytes(16, "little") for v in (x, y)]


def vector():
    random = SeededRandom(b"two-bodies")
    associated = label("message body")
    nonce, first = random.take(24), random.take(32)
    one = stream(first, nonce, LENGTH)
    while True:
        second = random.take(32)
        other = stream(second, nonce, LENGTH)
        # Both bodies must end with the mark of the padding.
        if one[2][-1] == other[2][-1]:
            break
    ciphertext = bytearray(random.take(LENGTH))
    ciphertext[:32] = bytes(a ^ b for a, b in zip(b"Meet me at noon at the old mill.", one[2]))
    ciphertext[32:64] = bytes(a ^ b for a, b in zip(b"Meet me at nine, and come alone.", other[2][32:]))
    ciphertext[-1] = 0x80 ^ one[2][-1]
    tag, solved = solve(bytes(ciphertext), associated, one, other, random)
    for block, value in zip(FREE, solved):
        ciphertext[block * 16:block * 16 + 16] = value
    box = nonce + bytes(ciphertext) + tag
    bodies = []
    for key in (first, second):
        # Raises unless the box opens under this key, too.
        content = unpad(aead_open(key, box, associated))
        bodies.append({"key": key.hex(), "content": content.hex(), "id": blake2b("message id", key, box).hex()})
    return {"ciphertext": box.hex(), "bodies": bodies}


def encoded():
    return json.dumps(vector(), indent=1) + "\n"
