"""Parties, their keys and prekeys, and PQXDH."""

import struct

from primitives import (
    DHKey, KEMKey, Reader, Refused, SigningKey, blake2b, box_open, encapsulate, hkdf, label, verify)
from sessions import Session

ACCOUNT, DEVICE_SIGNING, DEVICE_IDENTITY, DEVICE_SEAL, DEVICE_NOISE = 0x01, 0x02, 0x03, 0x04, 0x05
SIGNED_PREKEY, ONE_TIME_PREKEY, KEM_PREKEY, KEM_LAST_RESORT = 0x08, 0x09, 0x0A, 0x0B
BASE = 0x0D


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
        account = SigningKey(random.take(32)).public
        self.set_up(random, account, *(random.take(32) for _ in range(4)))

    @classmethod
    def restored(cls, account, secrets, random):
        """The device whose `secrets` were written down."""
        device = cls.__new__(cls)
        device.set_up(random, account, *(bytes.fromhex(secrets[name]) for name in (
            "signing", "identity", "seal", "noise")))
        return device

    def set_up(self, random, account, signing, identity, seal, noise):
        self.random = random
        self.signing = SigningKey(signing)
        self.identity, self.seal, self.noise = DHKey(identity), DHKey(seal), DHKey(noise)
        entry = bytes([DEVICE_SIGNING]) + self.signing.public + bytes([DEVICE_IDENTITY]) + self.identity.public
        entry += bytes([DEVICE_SEAL]) + self.seal.public + bytes([DEVICE_NOISE]) + self.noise.public
        self.party = Party(account, entry)
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
        encapsulated = encapsulate(kem[1], self.random)
        session = self.begin(peer, signed, kem, kem_kind, one_time, ephemeral, encapsulated)
        session.init_alice(DHKey(self.random.take(32)), signed[1])
        self.sessions[session.id] = session
        return session

    def begin(self, peer, signed, kem, kem_kind, one_time, ephemeral, encapsulated):
        """The initiator's derivation; each prekey is its id and its key."""
        ciphertext, kem_secret = encapsulated
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
        session.base_secret, session.kem_secret = ephemeral.secret, kem_secret
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
