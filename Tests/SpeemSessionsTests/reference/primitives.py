"""What libsodium, hashlib and kyber-py give, as SPEEM uses it."""

import hashlib
import hmac
import os
import struct

import nacl.bindings as sodium
import nacl.exceptions
from kyber_py.ml_kem import ML_KEM_768


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


class ScriptedRandom:
    """The given bytes, each once."""

    def __init__(self, script):
        self.rest = script

    def take(self, count):
        if len(self.rest) < count:
            raise ValueError("the script has not enough random bytes")
        taken, self.rest = self.rest[:count], self.rest[count:]
        return taken


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
