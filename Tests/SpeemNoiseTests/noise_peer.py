"""The other side of the interoperability test, on the Python package noiseprotocol.

noise_peer.py ROLE PORT STATIC PSK PEER PROLOGUE: ROLE is initiator or responder; keys are hexadecimal. It connects to
PORT on 127.0.0.1, shakes hands in frames of a 2-byte big-endian length and a Noise message, and then answers every
message with its payload reversed. Some payloads are commands:

  hash      is answered with the handshake hash
  inbound   is answered, and then the key of what it receives is rekeyed
  outbound  is answered, and then the key of what it sends is rekeyed

Exit status: 0 the connection was closed between two frames, 3 a handshake payload is another than expected, 4 a
handshake message does not authenticate, 5 a transport message does not, 6 the connection was closed inside a frame;
anything else is a traceback.
"""
import socket
import struct
import sys

from cryptography.exceptions import InvalidTag
from noise.connection import Keypair, NoiseConnection
from noise.exceptions import NoiseInvalidMessage

role, port, static, psk, peer, prologue = sys.argv[1:7]
noise = NoiseConnection.from_name(b"Noise_IKpsk2_25519_ChaChaPoly_BLAKE2b")
noise.set_prologue(bytes.fromhex(prologue))
noise.set_psks(bytes.fromhex(psk))
noise.set_keypair_from_private_bytes(Keypair.STATIC, bytes.fromhex(static))
connection = socket.create_connection(("127.0.0.1", int(port)), timeout=20)


def exactly(count, at_end):
    data = b""
    while len(data) < count:
        part = connection.recv(count - len(data))
        if not part:
            sys.exit(6 if data else at_end)
        data += part
    return data


def receive():
    return exactly(struct.unpack("!H", exactly(2, 0))[0], 6)


def send(message):
    connection.sendall(struct.pack("!H", len(message)) + bytes(message))


def read_handshake():
    try:
        return bytes(noise.read_message(receive()))
    except InvalidTag:
        sys.exit(4)


if role == "initiator":
    noise.set_as_initiator()
    noise.set_keypair_from_public_bytes(Keypair.REMOTE_STATIC, bytes.fromhex(peer))
    noise.start_handshake()
    send(noise.write_message(b"from python"))
    if read_handshake() != b"from swift":
        sys.exit(3)
else:
    noise.set_as_responder()
    noise.start_handshake()
    if read_handshake() != b"from swift":
        sys.exit(3)
    send(noise.write_message(b"from python"))
if not noise.handshake_finished:
    sys.exit("the handshake has not finished")
handshake_hash = bytes(noise.get_handshake_hash())

while True:
    try:
        payload = bytes(noise.decrypt(receive()))
    except NoiseInvalidMessage:
        sys.exit(5)
    send(noise.encrypt(handshake_hash if payload == b"hash" else payload[::-1]))
    if payload == b"inbound":
        noise.rekey_inbound_cipher()
    if payload == b"outbound":
        noise.rekey_outbound_cipher()
