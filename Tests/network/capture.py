"""What a stranger on the network sees: the SPEEM records in the multicast DNS packets of some seconds.

    capture.py SECONDS

Prints what could identify somebody, one a line: names of instances, nonces and tags.
"""

import re
import socket
import struct
import sys
import time

GROUP, PORT = "224.0.0.251", 5353


def query() -> bytes:
    """Asks for PTR records of _speem._tcp.local (RFC 6762, section 5.2)."""
    name = b"".join(bytes([len(part)]) + part for part in (b"_speem", b"_tcp", b"local")) + b"\0"
    return struct.pack(">6H", 0, 0, 1, 0, 0, 0) + name + struct.pack(">2H", 12, 1)


def main() -> None:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    sock.bind(("", PORT))
    sock.setsockopt(
        socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(GROUP) + socket.inet_aton("0.0.0.0")
    )
    sock.settimeout(0.2)
    seen: set[str] = set()
    end = time.monotonic() + float(sys.argv[1])
    again = 0.0
    while time.monotonic() < end:
        if time.monotonic() >= again:
            sock.sendto(query(), (GROUP, PORT))
            again = time.monotonic() + 1
        try:
            packet = sock.recv(9000)
        except TimeoutError:
            continue
        if b"_speem" not in packet:
            continue
        # Lengths in front of names and strings: 16 for an instance, 34 for a nonce or a tag.
        seen.update(match.group(1).decode() for match in re.finditer(rb"\x10([0-9a-f]{16})(?=[\xc0\x06])", packet))
        seen.update(match.group(1).decode() for match in re.finditer(rb"\x22([rt]=[0-9a-f]{32})", packet))
        # Anything else in a TXT record would be worth a look.
        seen.update(
            "other " + match.group(1).decode("latin-1")
            for match in re.finditer(rb"[\x03-\x40]((?!v=1|[rt]=[0-9a-f]{32})[a-z]+=[^\x00-\x1f]*)", packet)
        )
    print("\n".join(sorted(seen)))


main()
