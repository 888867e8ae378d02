"""Sends one line to a control socket and prints the line that comes back: control_socket.py PATH LINE."""
import socket
import sys

with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
    connection.settimeout(10)
    connection.connect(sys.argv[1])
    connection.sendall(sys.argv[2].encode() + b"\n")
    print(connection.makefile().readline(), end="")
