"""Answers the Swift tests: a device that talks with theirs."""

import json
import os
import sys

from devices import Device, Party
from primitives import Refused, SystemRandom
from sessions import Body


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


def serve():
    server = Server()
    for line in sys.stdin:
        try:
            answer = server.answer(json.loads(line))
        except Refused as refused:
            answer = {"refused": refused.args[0]}
        print(json.dumps(answer), flush=True)
