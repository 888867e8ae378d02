#!/usr/bin/env python3
"""A second implementation of SPEEM's sealed messages, to test the Swift one against.

Written from Signal's specifications ("The PQXDH Key Agreement Protocol", revision 3; "The Double Ratchet Algorithm",
revision 4, section 3) and from the formats that the Swift sources document. It favours plainness over speed and wipes
nothing: never use it for real messages.

Needs PyNaCl (1.6.2) and kyber-py (1.2.0).

    reference.py serve            answers one JSON request a line; the Swift tests talk to it
    reference.py vectors FOLDER   writes the committed vectors, the same in every run
    reference.py check FOLDER     exits with 1 when the vectors of FOLDER are not what `vectors` writes
"""

import hashlib
import hmac
import json
import os
import struct
import sys

import nacl.bindings as sodium
import nacl.exceptions
from kyber_py.ml_kem import ML_KEM_768

# --- Primitives ---------------------------------------------------------------------------------------------------


def label(text):
    return b"speem/1 " + text.encode("ascii") + b"\0"


def blake2b(domain, *parts, length=32):
    state = hashlib.blake2b(label(domain), digest_size=length)
    for part in parts:
        state.update(struct.pack("<Q", len(part)))
        state.update(part)
    return state.digest()


def hmac_sha256(key, message):
    return hmac.new(key, message, hashlib.sha256).digest()


def hkdf(secret, salt, info, length):
    """RFC 5869 with SHA-256."""
    pseudorandom = hmac_sha256(salt, secret)
    output, block, counter = b"", b"", 1
    while len(output) < length:
        block = hmac_sha256(pseudorandom, block + info + bytes([counter]))
        output += block
        counter += 1
    return output[:length]


def padme_length(length):
    """The PURBs paper, algorithm 1."""
    if length < 2:
        return length
    exponent = length.bit_length() - 1
    mantissa = exponent.bit_length()
    mask = (1 << max(exponent - mantissa, 0)) - 1
    return (length + mask) & ~mask


def pad(content, minimum):
    return (content + b"\x80").ljust(padme_length(max(len(content) + 1, minimum)), b"\0")


def unpad(padded):
    stripped = padded.rstrip(b"\0")
    if not stripped.endswith(b"\x80"):
        raise Refused("notAuthentic")
    return stripped[:-1]


class Refused(Exception):
    """A message that is not taken; the argument is the name of the Swift error."""


class SystemRandom:
    @staticmethod
    def take(count):
        return os.urandom(count)


class SeededRandom:
    """SHAKE-256 of a seed: the same bytes in every run."""

    def __init__(self, seed):
        self.seed = seed
        self.counter = 0

    def take(self, count):
        self.counter += 1
        return hashlib.shake_256(self.seed + struct.pack(">Q", self.counter)).digest(count)


class RecordedRandom:
    """Keeps what it hands out, so that a vector can tell it."""

    def __init__(self, source):
        self.source = source
        self.taken = b""

    def take(self, count):
        taken = self.source.take(count)
        self.taken += taken
        return taken


class DHKey:
    """X25519."""

    def __init__(self, secret):
        self.secret = secret
        self.public = sodium.crypto_scalarmult_base(secret)

    def with_peer(self, public):
        try:
            shared = sodium.crypto_scalarmult(self.secret, public)
        except (RuntimeError, nacl.exceptions.CryptoError):
            raise Refused("malformed")
        if shared == bytes(32):
            raise Refused("malformed")
        return shared


class SigningKey:
    """Ed25519."""

    def __init__(self, seed):
        self.seed = seed
        self.public, self.secret = sodium.crypto_sign_seed_keypair(seed)

    def sign(self, domain, message):
        return sodium.crypto_sign(label(domain) + message, self.secret)[:64]


def verify(public, signature, domain, message):
    try:
        sodium.crypto_sign_open(signature + label(domain) + message, public)
    except nacl.exceptions.BadSignatureError:
        raise Refused("notAuthentic")


class KEMKey:
    """ML-KEM-768 from its seed d | z."""

    def __init__(self, seed):
        self.seed = seed
        self.public, self.secret = ML_KEM_768.key_derive(seed)

    def decapsulate(self, ciphertext):
        return ML_KEM_768.decaps(self.secret, ciphertext)


def encapsulate(public, random):
    # The deterministic form of FIPS 203, section 6.2, so that vectors can be made again.
    shared, ciphertext = ML_KEM_768._encaps_internal(public, random.take(32))
    return ciphertext, shared


def aead_seal(key, plaintext, associated, random):
    nonce = random.take(24)
    return nonce + sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(plaintext, associated, nonce, key)


def aead_open(key, box, associated):
    if len(box) < 40:
        raise Refused("notAuthentic")
    try:
        return sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(box[24:], associated, box[:24], key)
    except nacl.exceptions.CryptoError:
        raise Refused("notAuthentic")


def box_seal(plaintext, public, random):
    """libsodium's crypto_box_seal, with the ephemeral key from `random`."""
    ephemeral = DHKey(random.take(32))
    nonce = hashlib.blake2b(ephemeral.public + public, digest_size=24).digest()
    return ephemeral.public + sodium.crypto_box(plaintext, nonce, public, ephemeral.secret)


def box_open(box, key):
    try:
        return sodium.crypto_box_seal_open(box, key.public, key.secret)
    except (nacl.exceptions.CryptoError, TypeError, ValueError):
        raise Refused("notAuthentic")


class Reader:
    def __init__(self, data):
        self.data = data

    def take(self, count):
        if len(self.data) < count:
            raise Refused("malformed")
        taken, self.data = self.data[:count], self.data[count:]
        return taken

    def byte(self):
        return self.take(1)[0]

    def expect(self, byte):
        if self.byte() != byte:
            raise Refused("malformed")

    def number(self):
        return struct.unpack(">I", self.take(4))[0]

    def end(self):
        if self.data:
            raise Refused("malformed")


# --- Keys ---------------------------------------------------------------------------------------------------------

ACCOUNT, DEVICE_SIGNING, DEVICE_IDENTITY, DEVICE_SEAL, DEVICE_NOISE = 0x01, 0x02, 0x03, 0x04, 0x05
SIGNED_PREKEY, ONE_TIME_PREKEY, KEM_PREKEY, KEM_LAST_RESORT = 0x08, 0x09, 0x0A, 0x0B
RATCHET, BASE = 0x0C, 0x0D


class Party:
    """The public side: account 32, and the device's entry 132."""

    def __init__(self, account, entry):
        reader = Reader(entry)
        reader.expect(DEVICE_SIGNING)
        self.signing = reader.take(32)
        reader.expect(DEVICE_IDENTITY)
        self.identity = reader.take(32)
        reader.expect(DEVICE_SEAL)
        self.seal = reader.take(32)
        reader.expect(DEVICE_NOISE)
        reader.take(32)
        reader.end()
        self.account = account
        self.entry = entry

    def encoded(self):
        return bytes([ACCOUNT]) + self.account + self.entry

    def __eq__(self, other):
        return self.encoded() == other.encoded()


class Prekey:
    """A private prekey with its id 8."""

    def __init__(self, identifier, key):
        self.id = identifier
        self.key = key


class Device:
    """An account's device with its private keys, its prekeys and its sessions."""

    def __init__(self, random):
        self.random = random
        self.account_key = SigningKey(random.take(32))
        self.signing = SigningKey(random.take(32))
        self.identity, self.seal, self.noise = (DHKey(random.take(32)) for _ in range(3))
        entry = bytes([DEVICE_SIGNING]) + self.signing.public + bytes([DEVICE_IDENTITY]) + self.identity.public
        entry += bytes([DEVICE_SEAL]) + self.seal.public + bytes([DEVICE_NOISE]) + self.noise.public
        self.party = Party(self.account_key.public, entry)
        self.prekeys = {}
        self.sessions = {}
        self.count = 0

    def secrets(self):
        return {
            "signing": self.signing.seed.hex(),
            "identity": self.identity.secret.hex(),
            "seal": self.seal.secret.hex(),
            "noise": self.noise.secret.hex(),
        }

    def add_prekey(self, kind, key):
        self.count += 1
        prekey = Prekey(struct.pack(">II", 7, self.count), key)
        self.prekeys[(kind, prekey.id)] = prekey
        return prekey

    def bundle(self, last_resort, one_time):
        """A signed prekey, a KEM prekey and perhaps a one-time prekey, encoded, and as kept here."""
        signed = self.add_prekey(SIGNED_PREKEY, DHKey(self.random.take(32)))
        kind = KEM_LAST_RESORT if last_resort else KEM_PREKEY
        kem = self.add_prekey(kind, KEMKey(self.random.take(64)))
        encoded_signed = bytes([SIGNED_PREKEY]) + signed.id + signed.key.public
        encoded_signed += self.signing.sign("signed prekey", encoded_signed)
        encoded_kem = bytes([kind]) + kem.id + kem.key.public
        encoded_kem += self.signing.sign("KEM prekey", encoded_kem)
        encoded_one_time, kept_one_time = None, None
        if one_time:
            kept_one_time = self.add_prekey(ONE_TIME_PREKEY, DHKey(self.random.take(32)))
            encoded_one_time = bytes([ONE_TIME_PREKEY]) + kept_one_time.id + kept_one_time.key.public
        return (encoded_signed, encoded_kem, encoded_one_time), (signed, kem, kept_one_time)

    # --- PQXDH ---

    def initiate(self, peer, encoded_signed, encoded_kem, encoded_one_time):
        signed, _ = read_prekey(encoded_signed, [SIGNED_PREKEY], 32, "signed prekey", peer)
        kem, kem_kind = read_prekey(encoded_kem, [KEM_PREKEY, KEM_LAST_RESORT], 1184, "KEM prekey", peer)
        one_time = None
        if encoded_one_time is not None:
            reader = Reader(encoded_one_time)
            reader.expect(ONE_TIME_PREKEY)
            one_time = (reader.take(8), reader.take(32))
            reader.end()
        ephemeral = DHKey(self.random.take(32))
        ciphertext, kem_secret = encapsulate(kem[1], self.random)
        initial = bytes([BASE]) + ephemeral.public + signed[0] + bytes([kem_kind]) + kem[0]
        initial += b"\0" if one_time is None else b"\1" + one_time[0]
        initial += ciphertext
        secrets = [
            self.identity.with_peer(signed[1]),
            ephemeral.with_peer(peer.identity),
            ephemeral.with_peer(signed[1]),
        ]
        if one_time is not None:
            secrets.append(ephemeral.with_peer(one_time[1]))
        secrets.append(kem_secret)
        agreement = agree(
            secrets, self.party, peer, initial, signed[1], kem[1], b"" if one_time is None else one_time[1])
        session = Session(self, peer, agreement, initial)
        session.init_alice(signed[1])
        self.sessions[session.id] = session
        return session

    def respond(self, identifier, peer, initial):
        reader = Reader(initial)
        reader.expect(BASE)
        base = reader.take(32)
        signed = self.find(SIGNED_PREKEY, reader.take(8))
        kind = reader.byte()
        if kind not in (KEM_PREKEY, KEM_LAST_RESORT):
            raise Refused("malformed")
        kem = self.find(kind, reader.take(8))
        one_time = self.find(ONE_TIME_PREKEY, reader.take(8)) if reader.byte() else None
        ciphertext = reader.take(1088)
        reader.end()
        secrets = [
            signed.key.with_peer(peer.identity), self.identity.with_peer(base), signed.key.with_peer(base),
        ]
        if one_time is not None:
            secrets.append(one_time.key.with_peer(base))
        secrets.append(kem.key.decapsulate(ciphertext))
        agreement = agree(
            secrets, peer, self.party, initial, signed.key.public, kem.key.public,
            b"" if one_time is None else one_time.key.public)
        if agreement[2] != identifier:
            raise Refused("notAuthentic")
        session = Session(self, peer, agreement, None)
        session.init_bob(signed.key)
        spent = [] if one_time is None else [(ONE_TIME_PREKEY, one_time.id)]
        if kind == KEM_PREKEY:
            spent.append((kind, kem.id))
        return session, spent

    def find(self, kind, identifier):
        if (kind, identifier) not in self.prekeys:
            raise Refused("unknownPrekey")
        return self.prekeys[(kind, identifier)]

    # --- Sealed messages ---

    def receive(self, header, body):
        """Opens a message; a session that it begins is kept only when all of it is right."""
        reader = Reader(box_open(header, self.seal))
        reader.expect(1)
        kind = reader.byte()
        identifier = reader.take(16)
        peer, initial = None, None
        if kind == 1:
            peer = Party(reader.take(32), reader.take(132))
            initial = reader.take(33 + 8 + 9)
            initial += reader.take(1)
            if initial[-1] == 1:
                initial += reader.take(8)
            elif initial[-1] != 0:
                raise Refused("malformed")
            initial += reader.take(1088)
        elif kind != 0:
            raise Refused("malformed")
        spent = []
        session = self.sessions.get(identifier)
        if session is None:
            if kind == 0:
                raise Refused("unknownSession")
            session, spent = self.respond(identifier, peer, initial)
        elif peer is not None and peer != session.peer:
            raise Refused("notAuthentic")
        opened = session.open(reader.data, body)
        self.sessions[identifier] = session
        for key in spent:
            del self.prekeys[key]
        return opened


def read_prekey(encoded, kinds, length, domain, device):
    reader = Reader(encoded)
    kind = reader.byte()
    if kind not in kinds:
        raise Refused("malformed")
    identifier, key, signature = reader.take(8), reader.take(length), reader.take(64)
    reader.end()
    verify(device.signing, signature, domain, encoded[:-64])
    return (identifier, key), kind


def agree(secrets, initiator, responder, initial, signed, kem, one_time):
    """Shared secret 32, associated data, session id 16."""
    associated = label("session") + initiator.encoded() + responder.encoded()
    transcript = blake2b("PQXDH transcript", associated, initial, signed, kem, one_time, length=64)
    secret = hkdf(
        b"\xff" * 32 + b"".join(secrets), bytes(32), label("PQXDH X25519 SHA-256 ML-KEM-768") + transcript, 32)
    return secret, associated, blake2b("session id", transcript, length=16)


# --- The Double Ratchet, with the specification's names -------------------------------------------------------------

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

    def init_alice(self, bob_public):
        self.init(self.shared_secret, DHKey(self.local.random.take(32)))
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
        message = bytes([1]) + body.key + body.id + self.local.party.account + self.peer.account + heads[0] + heads[1]
        inner = self.encrypt(message, random)
        header = bytes([1, 0 if self.initial is None else 1]) + self.id
        if self.initial is not None:
            header += self.local.party.account + self.local.party.entry + self.initial
        return box_seal(header + inner, self.peer.seal, seal_random), inner

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


# --- Vectors --------------------------------------------------------------------------------------------------------


class Conversation:
    """Two devices whose every step is written down."""

    def __init__(self, name, last_resort, one_time):
        random = SeededRandom(name.encode())
        self.alice, self.bob = Device(random), Device(random)
        encoded, kept = self.bob.bundle(last_resort, one_time)
        session = self.alice.initiate(self.bob.party, *encoded)
        self.random = random
        self.heads = (blake2b("vector head", b"alice"), blake2b("vector head", b"bob"))
        self.messages, self.events = [], []
        self.sessions = {"alice": session, "bob": None}
        self.vector = {
            "alice": {"account": self.alice.party.account.hex(), "secrets": self.alice.secrets()},
            "bob": {"account": self.bob.party.account.hex(), "secrets": self.bob.secrets()},
            "prekeys": {
                "signed": {"encoded": encoded[0].hex(), "secret": kept[0].key.secret.hex()},
                "kem": {"encoded": encoded[1].hex(), "seed": kept[1].key.seed.hex(), "last_resort": last_resort},
                "one_time": None if encoded[2] is None else
                    {"encoded": encoded[2].hex(), "secret": kept[2].key.secret.hex()},
            },
            "agreement": {
                "initial": session.initial.hex(),
                "shared_secret": session.shared_secret.hex(),
                "associated_data": session.associated.hex(),
                "session_id": session.id.hex(),
                "ratchet_secret": session.DHs.secret.hex(),
            },
        }

    def device(self, name):
        return self.alice if name == "alice" else self.bob

    def send(self, sender, content):
        """Returns the message's number. `random` is what the sender's ratchet took: the nonce."""
        session = self.sessions[sender]
        body = Body(content, self.random)
        recorded = RecordedRandom(self.random)
        heads = self.heads if sender == "alice" else self.heads[::-1]
        header, inner = session.seal(body, heads, recorded, self.random)
        self.messages.append((sender, header, body.ciphertext))
        self.events.append({
            "send": len(self.messages) - 1, "from": sender, "content": content.hex(), "key": body.key.hex(),
            "random": recorded.taken.hex(), "ratchet_message": inner.hex(), "id": body.id.hex(),
            "heads": [head.hex() for head in heads], "header": header.hex(), "body": body.ciphertext.hex(),
        })
        return len(self.messages) - 1

    def deliver(self, number):
        """Lets the recipient open message `number`. `random` is its next ratchet key, where it turned."""
        sender, header, body = self.messages[number]
        recipient = "bob" if sender == "alice" else "alice"
        device = self.device(recipient)
        recorded = RecordedRandom(self.random)
        device.random = recorded
        try:
            opened = device.receive(header, body)
            self.sessions[recipient] = device.sessions[opened["session"]]
            result = "opened"
        except Refused as refused:
            result = refused.args[0]
        session = self.sessions[recipient]
        self.events.append({
            "deliver": number, "result": result, "random": recorded.taken.hex(), "root_key": session.RK.hex(),
            "skipped": len(session.MKSKIPPED),
        })

    def finish(self):
        self.vector["events"] = self.events
        return self.vector


def text(number):
    return f"message {number}".encode()


def in_order(name, last_resort, one_time):
    """A short conversation in order, with two initial messages before the first answer."""
    talk = Conversation(name, last_resort, one_time)
    for number in range(2):
        talk.deliver(talk.send("alice", text(number)))
    talk.deliver(talk.send("bob", "grüße".encode()))
    talk.deliver(talk.send("alice", b""))
    talk.deliver(talk.send("alice", b"x" * 255))
    talk.deliver(talk.send("bob", b"y" * 256))
    talk.deliver(0)
    talk.deliver(3)
    return talk.finish()


def out_of_order(name):
    """Loss, reordering and duplicates over several turns of the ratchet."""
    talk = Conversation(name, False, True)
    begun = [talk.send("alice", text(number)) for number in range(4)]
    for number in (2, 2, 0):
        talk.deliver(begun[number])
    answers = [talk.send("bob", text(number)) for number in range(10, 14)]
    talk.deliver(answers[3])
    # Turned by answer 3; its own messages 1 and 3 of the first chain are still on their way.
    later = [talk.send("alice", text(number)) for number in range(20, 23)]
    talk.deliver(later[1])
    talk.deliver(begun[3])
    talk.deliver(begun[3])
    talk.deliver(answers[0])
    more = [talk.send("bob", text(number)) for number in range(30, 33)]
    talk.deliver(more[2])
    talk.deliver(answers[1])
    talk.deliver(answers[1])
    talk.deliver(later[0])
    talk.deliver(more[0])
    last = talk.send("alice", text(40))
    talk.deliver(last)
    for number in (begun[1], later[2], answers[2], more[1], last, begun[0]):
        talk.deliver(number)
    for turn in range(36):
        talk.deliver(talk.send("bob" if turn % 2 == 0 else "alice", text(50 + turn)))
    # Chains that are remembered no more, and one that is.
    talk.deliver(more[1])
    talk.deliver(last)
    return talk.finish()


def vectors():
    return {
        "one-time.json": in_order("one-time", False, True),
        "last-resort.json": in_order("last-resort", True, False),
        "mixed.json": in_order("mixed", True, True),
        "out-of-order.json": out_of_order("out-of-order"),
    }


def encoded_vectors():
    return {name: json.dumps(vector, indent=1) + "\n" for name, vector in vectors().items()}


# --- Serving the Swift tests ------------------------------------------------------------------------------------------


class Server:
    def __init__(self):
        self.random = SystemRandom()
        self.device = Device(self.random)
        self.heads = (os.urandom(32), os.urandom(32))

    def answer(self, request):
        return getattr(self, "do_" + request["do"])(request)

    def do_hello(self, request):
        return {"account": self.device.party.account.hex(), "entry": self.device.party.entry.hex()}

    def do_bundle(self, request):
        encoded, _ = self.device.bundle(request["lastResort"], request["oneTime"])
        signed, kem, one_time = (None if part is None else part.hex() for part in encoded)
        return {"signed": signed, "kem": kem, "oneTime": one_time}

    def do_initiate(self, request):
        peer = Party(bytes.fromhex(request["account"]), bytes.fromhex(request["entry"]))
        one_time = request.get("oneTimeKey")
        session = self.device.initiate(
            peer, bytes.fromhex(request["signed"]), bytes.fromhex(request["kem"]),
            None if one_time is None else bytes.fromhex(one_time))
        return {"session": session.id.hex()}

    def do_seal(self, request):
        session = self.device.sessions[bytes.fromhex(request["session"])]
        body = Body(bytes.fromhex(request["content"]), self.random)
        header, _ = session.seal(body, self.heads, self.random, self.random)
        return {
            "header": header.hex(), "body": body.ciphertext.hex(), "id": body.id.hex(),
            "heads": [head.hex() for head in self.heads],
        }

    def do_receive(self, request):
        opened = self.device.receive(bytes.fromhex(request["header"]), bytes.fromhex(request["body"]))
        return {
            "content": opened["content"].hex(), "id": opened["id"].hex(), "session": opened["session"].hex(),
            "account": opened["sender"].hex(), "heads": [head.hex() for head in opened["heads"]],
        }


def serve():
    server = Server()
    for line in sys.stdin:
        try:
            answer = server.answer(json.loads(line))
        except Refused as refused:
            answer = {"refused": refused.args[0]}
        print(json.dumps(answer), flush=True)


def main(arguments):
    if arguments == ["serve"]:
        serve()
    elif len(arguments) == 2 and arguments[0] == "vectors":
        for name, contents in encoded_vectors().items():
            with open(os.path.join(arguments[1], name), "w", encoding="ascii") as file:
                file.write(contents)
    elif len(arguments) == 2 and arguments[0] == "check":
        for name, contents in encoded_vectors().items():
            with open(os.path.join(arguments[1], name), encoding="ascii") as file:
                if file.read() != contents:
                    print(f"{name} differs")
                    return 1
        print("the vectors are as they are written")
    else:
        print(__doc__)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
