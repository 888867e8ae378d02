"""Claims the first name that a SPEEM service probes for, as another host that has it by chance (RFC 6762, section 8.2).

    collide.py SECONDS

Prints the name once it has done so.
"""

import re
import socket
import struct
import sys
import time

GROUP, PORT = "224.0.0.251", 5353
TYPE = b"\x06_speem\x04_tcp\x05local\0"


def claim(instance: bytes) -> bytes:
    """An authoritative answer: this name's SRV record is ours."""
    name = bytes([len(instance)]) + instance + TYPE
    data = struct.pack(">3H", 0xFFFF, 0xFFFF, 0xFFFF) + b"\x05bogus\x05local\0"
    record = name + struct.pack(">HHIH", 33, 0x8001, 120, len(data)) + data
    return struct.pack(">6H", 0, 0x8400, 0, 1, 0, 0) + record


def main() -> None:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 255)
    sock.bind(("", PORT))
    sock.setsockopt(
        socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(GROUP) + socket.inet_aton("0.0.0.0")
    )
    sock.settimeout(0.2)
    print("listening", flush=True)
    end = time.monotonic() + float(sys.argv[1])
    while time.monotonic() < end:
        try:
            packet = sock.recv(9000)
        except TimeoutError:
            continue
        flags, _, _, authorities = struct.unpack(">4H", packet[2:10])
        found = re.search(rb"\x10([0-9a-f]{16})\x06_speem", packet)
        # A probe is a question with the proposed records as authorities.
        if flags & 0x8000 or authorities == 0 or not found:
            continue
        for _ in range(3):
            sock.sendto(claim(found.group(1)), (GROUP, PORT))
            time.sleep(0.05)
        print(found.group(1).decode(), flush=True)
        return


main()
