"""A DNS server for one name, for tests: dns_server.py ADDRESS PORT NAME ANSWER (RFC 1035, section 4).

Prints "ready" when it listens.
"""
import socket
import struct
import sys

address, port, name, answer = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind((address, port))
print("ready", flush=True)
while True:
    query, peer = server.recvfrom(512)
    labels, offset = [], 12
    while query[offset]:
        length = query[offset]
        labels.append(query[offset + 1 : offset + 1 + length].decode())
        offset += 1 + length
    question = query[12 : offset + 5]
    (kind,) = struct.unpack("!H", query[offset + 1 : offset + 3])
    known = ".".join(labels).lower() == name
    # Authoritative; NXDOMAIN for other names, no records for other types.
    flags = 0x8580 if known else 0x8583
    records = b""
    if known and kind == 1:
        records = struct.pack("!HHHIH", 0xC00C, 1, 1, 60, 4) + socket.inet_aton(answer)
    header = query[:2] + struct.pack("!HHHHH", flags, 1, 1 if records else 0, 0, 0)
    server.sendto(header + question + records, peer)
