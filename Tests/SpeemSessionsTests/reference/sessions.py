"""The Double Ratchet, with the specification's names, and the messages that it carries."""

import struct

from primitives import (
    DHKey, Reader, Refused, aead_open, aead_seal, blake2b, box_seal, hkdf, hmac_sha256, label, pad, unpad)

RATCHET = 0x0C
MAX_SKIP = 1000
MAX_KEPT = 2000
MAX_PAST = 16


def kdf_rk(rk, dh_out):
    output = hkdf(dh_out, rk, label("ratchet"), 64)
    return output[:32], output[32:]


def kdf_ck(ck):
    return hmac_sha256(ck, b"\x02"), hmac_sha256(ck, b"\x01")


class Session:
    FIELDS = ("DHs", "DHr", "RK", "CKs", "CKr", "Ns", "Nr", "PN", "MKSKIPPED", "past", "dropped")

    def __init__(self, local, peer, agreement, initial):
        self.local = local
        self.peer = peer
        self.shared_secret, self.associated, self.id = agreement
        self.initial = initial

    def init_alice(self, own, bob_public):
        self.init(self.shared_secret, own)
        self.DHr = bob_public
        self.RK, self.CKs = kdf_rk(self.shared_secret, self.DHs.with_peer(self.DHr))

    def init_bob(self, key):
        self.init(self.shared_secret, key)

    def init(self, root, own):
        self.DHs, self.DHr = own, None
        self.RK, self.CKs, self.CKr = root, None, None
        self.Ns = self.Nr = self.PN = 0
        # (ratchet key, number) -> message key, oldest first; keys of finished chains; chain -> first kept number
        self.MKSKIPPED, self.past, self.dropped = {}, [], {}

    def snapshot(self):
        state = {name: getattr(self, name) for name in self.FIELDS}
        for name in ("MKSKIPPED", "dropped"):
            state[name] = dict(state[name])
        state["past"] = list(state["past"])
        return state

    def restore(self, state):
        for name in self.FIELDS:
            setattr(self, name, state[name])

    # RatchetEncrypt
    def encrypt(self, plaintext, random):
        if self.CKs is None:
            raise Refused("cannotSend")
        self.CKs, key = kdf_ck(self.CKs)
        header = bytes([RATCHET]) + self.DHs.public + struct.pack(">II", self.PN, self.Ns)
        self.Ns += 1
        return header + aead_seal(key, plaintext, self.associated + header, random)

    # RatchetDecrypt
    def decrypt(self, message, random):
        reader = Reader(message)
        reader.expect(RATCHET)
        dh, pn, n = reader.take(32), reader.number(), reader.number()
        header = message[:41]
        state = self.snapshot()
        try:
            return aead_open(self.key_of(dh, pn, n, random), reader.data, self.associated + header)
        except Refused:
            self.restore(state)
            raise

    def key_of(self, dh, pn, n, random):
        if (dh, n) in self.MKSKIPPED:
            return self.MKSKIPPED.pop((dh, n))
        if dh != self.DHr:
            if dh in self.past:
                raise self.late(dh, n)
            self.skip(pn)
            self.ratchet(dh, random)
        if self.CKr is None:
            raise Refused("notAuthentic")
        if n < self.Nr:
            raise self.late(dh, n)
        self.skip(n)
        self.CKr, key = kdf_ck(self.CKr)
        self.Nr += 1
        return key

    def late(self, dh, n):
        return Refused("keyGone" if n < self.dropped.get(dh, 0) else "duplicate")

    def skip(self, until):
        if self.CKr is None:
            return
        if until > self.Nr + MAX_SKIP:
            raise Refused("tooManySkipped")
        while self.Nr < until:
            self.CKr, key = kdf_ck(self.CKr)
            self.MKSKIPPED[(self.DHr, self.Nr)] = key
            self.Nr += 1
        while len(self.MKSKIPPED) > MAX_KEPT:
            oldest = next(iter(self.MKSKIPPED))
            del self.MKSKIPPED[oldest]
            self.dropped[oldest[0]] = oldest[1] + 1

    def ratchet(self, dh, random):
        if self.CKr is not None:
            self.past = (self.past + [self.DHr])[-MAX_PAST:]
        self.PN, self.Ns, self.Nr = self.Ns, 0, 0
        self.DHr = dh
        self.RK, self.CKr = kdf_rk(self.RK, self.DHs.with_peer(dh))
        self.DHs = DHKey(random.take(32))
        self.RK, self.CKs = kdf_rk(self.RK, self.DHs.with_peer(dh))

    # --- Sealed messages ---

    def seal(self, body, heads, random, seal_random):
        header, inner = self.header(body, heads, random)
        return box_seal(header, self.peer.seal, seal_random), inner

    def header(self, body, heads, random):
        """The header before it is sealed, and the ratchet message at its end."""
        message = bytes([1]) + body.key + body.id + self.local.party.account + self.peer.account + heads[0] + heads[1]
        inner = self.encrypt(message, random)
        header = bytes([1, 0 if self.initial is None else 1]) + self.id
        if self.initial is not None:
            header += self.local.party.account + self.local.party.entry + self.initial
        return header + inner, inner

    def open(self, inner, body, random=None):
        state = self.snapshot()
        try:
            reader = Reader(self.decrypt(inner, random or self.local.random))
            reader.expect(1)
            key, identifier, sender, recipient = (reader.take(32) for _ in range(4))
            heads = (reader.take(32), reader.take(32))
            reader.end()
            if sender != self.peer.account or recipient != self.local.party.account:
                raise Refused("wrongRecipient")
            if blake2b("message id", key, body) != identifier:
                raise Refused("notAuthentic")
            content = unpad(aead_open(key, body, label("message body")))
        except Refused:
            self.restore(state)
            raise
        self.initial = None
        return {"content": content, "id": identifier, "sender": sender, "heads": heads, "session": self.id}


class Body:
    """A message's content under a fresh key: padded to Padmé lengths of 256 bytes at the least."""

    def __init__(self, content, random):
        self.key = random.take(32)
        self.ciphertext = aead_seal(self.key, pad(content, 256), label("message body"), random)
        self.id = blake2b("message id", self.key, self.ciphertext)
