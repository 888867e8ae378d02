"""The other side of the interoperability test, on the Python package noiseprotocol.

noise_peer.py ROLE PORT STATIC PSK PEER PROLOGUE: ROLE is initiator or responder; keys are hexadecimal. It connects to
PORT on 127.0.0.1, shakes hands in frames of a 2-byte length and a Noise message, and then answers every message with
its payload reversed. The payload "rekey" is answered under the old keys, then both directions get new ones.
"""
import socket
import struct
import sys

from noise.connection import Keypair, NoiseConnection

role, port, static, psk, peer, prologue = sys.argv[1:7]
noise = NoiseConnection.from_name(b"Noise_IKpsk2_25519_ChaChaPoly_BLAKE2b")
noise.set_prologue(bytes.fromhex(prologue))
noise.set_psks(bytes.fromhex(psk))
noise.set_keypair_from_private_bytes(Keypair.STATIC, bytes.fromhex(static))
connection = socket.create_connection(("127.0.0.1", int(port)), timeout=20)


def receive():
    def exactly(count):
        data = b""
        while len(data) < count:
            part = connection.recv(count - len(data))
            if not part:
                sys.exit(0)
            data += part
        return data

    return exactly(struct.unpack("!H", exactly(2))[0])


def send(message):
    connection.sendall(struct.pack("!H", len(message)) + bytes(message))


try:
    if role == "initiator":
        noise.set_as_initiator()
        noise.set_keypair_from_public_bytes(Keypair.REMOTE_STATIC, bytes.fromhex(peer))
        noise.start_handshake()
        send(noise.write_message(b"from python"))
        if noise.read_message(receive()) != b"from swift":
            sys.exit(3)
    else:
        noise.set_as_responder()
        noise.start_handshake()
        if noise.read_message(receive()) != b"from swift":
            sys.exit(3)
        send(noise.write_message(b"from python"))
except Exception as error:  # noqa: BLE001 - any failure of the handshake is the answer
    print(f"{type(error).__name__}", file=sys.stderr)
    sys.exit(4)

while True:
    payload = bytes(noise.decrypt(receive()))
    send(noise.encrypt(payload[::-1]))
    if payload == b"rekey":
        noise.rekey_inbound_cipher()
        noise.rekey_outbound_cipher()
