"""Walks through a conversation that somebody wrote down, and says where it comes to something else."""

import json

from devices import KEM_LAST_RESORT, KEM_PREKEY, ONE_TIME_PREKEY, SIGNED_PREKEY, Device, Prekey, read_prekey
from primitives import DHKey, KEMKey, Refused, ScriptedRandom, box_open
from sessions import Body


class Differs(Exception):
    """What is written down is not what this implementation comes to."""


def same(what, written, computed):
    if written != computed:
        raise Differs(f"{what}: {written!r} is written, {computed!r} is right")


def unhex(text):
    return bytes.fromhex(text)


class Replay:
    def __init__(self, vector):
        self.vector = vector
        self.alice, self.bob = (
            Device.restored(unhex(vector[name]["account"]), vector[name]["secrets"], ScriptedRandom(b""))
            for name in ("alice", "bob"))
        self.messages = []

    def run(self):
        prekeys = self.read_prekeys(self.vector["prekeys"])
        self.agree(prekeys, self.vector["agreement"])
        for index, event in enumerate(self.vector["events"]):
            what = f"event {index}"
            if "send" in event:
                self.send(what, event)
            else:
                self.deliver(what, event)
        return len(self.vector["events"])

    def read_prekeys(self, prekeys):
        """Checks the public halves, and gives Bob the private ones."""
        kem_kind = KEM_LAST_RESORT if prekeys["kem"]["last_resort"] else KEM_PREKEY
        read = {}
        signed, _ = read_prekey(
            unhex(prekeys["signed"]["encoded"]), [SIGNED_PREKEY], 32, "signed prekey", self.bob.party)
        kem, _ = read_prekey(unhex(prekeys["kem"]["encoded"]), [kem_kind], 1184, "KEM prekey", self.bob.party)
        read[SIGNED_PREKEY] = signed, DHKey(unhex(prekeys["signed"]["secret"]))
        read[kem_kind] = kem, KEMKey(unhex(prekeys["kem"]["seed"]))
        one_time = None
        if prekeys.get("one_time") is not None:
            encoded = unhex(prekeys["one_time"]["encoded"])
            same("the one-time prekey's type", encoded[0], ONE_TIME_PREKEY)
            one_time = encoded[1:9], encoded[9:]
            read[ONE_TIME_PREKEY] = one_time, DHKey(unhex(prekeys["one_time"]["secret"]))
        for kind, ((identifier, public), private) in read.items():
            same("a public prekey", public.hex(), private.public.hex())
            self.bob.prekeys[(kind, identifier)] = Prekey(identifier, private)
        return signed, kem, kem_kind, one_time

    def agree(self, prekeys, written):
        signed, kem, kem_kind, one_time = prekeys
        initial = unhex(written["initial"])
        encapsulated = initial[-1088:], unhex(written["kem_secret"])
        session = self.alice.begin(
            self.bob.party, signed, kem, kem_kind, one_time, DHKey(unhex(written["base_secret"])), encapsulated)
        same("the initial part", written["initial"], session.initial.hex())
        other, _ = self.bob.respond(session.id, self.alice.party, initial)
        for side in (session, other):
            same("the shared secret", written["shared_secret"], side.shared_secret.hex())
            same("the associated data", written["associated_data"], side.associated.hex())
            same("the session id", written["session_id"], side.id.hex())
        session.init_alice(DHKey(unhex(written["ratchet_secret"])), signed[1])
        self.alice.sessions[session.id] = session
        self.id = session.id

    def send(self, what, event):
        same(f"{what}, number", event["send"], len(self.messages))
        sender, recipient = (self.alice, self.bob) if event["from"] == "alice" else (self.bob, self.alice)
        written = unhex(event["body"])
        body = Body(unhex(event["content"]), ScriptedRandom(unhex(event["key"]) + written[:24]))
        same(f"{what}, body", event["body"], body.ciphertext.hex())
        same(f"{what}, id", event["id"], body.id.hex())
        heads = tuple(unhex(head) for head in event["heads"])
        random = ScriptedRandom(unhex(event["random"]))
        header, inner = sender.sessions[self.id].header(body, heads, random)
        same(f"{what}, random bytes left", b"", random.rest)
        same(f"{what}, ratchet message", event["ratchet_message"], inner.hex())
        # The seal's ephemeral key is nobody's to know: what is inside must be right.
        sealed = unhex(event["header"])
        try:
            same(f"{what}, header", box_open(sealed, recipient.seal).hex(), header.hex())
        except Refused as refused:
            raise Differs(f"{what}: the seal is {refused}")
        self.messages.append((recipient, sealed, event))

    def deliver(self, what, event):
        recipient, header, sent = self.messages[event["deliver"]]
        recipient.random = ScriptedRandom(unhex(event["random"]))
        try:
            opened = recipient.receive(header, unhex(sent["body"]))
            same(f"{what}, content", sent["content"], opened["content"].hex())
            same(f"{what}, id", sent["id"], opened["id"].hex())
            same(f"{what}, heads", sent["heads"], [head.hex() for head in opened["heads"]])
            result = "opened"
        except Refused as refused:
            result = refused.args[0]
        same(f"{what}, result", event["result"], result)
        same(f"{what}, random bytes left", b"", recipient.random.rest)
        session = recipient.sessions[self.id]
        same(f"{what}, root key", event["root_key"], session.RK.hex())
        same(f"{what}, skipped keys", event["skipped"], len(session.MKSKIPPED))


def replay(contents):
    """Returns the number of steps."""
    try:
        return Replay(json.loads(contents)).run()
    except Refused as refused:
        raise Differs(f"this implementation refuses it: {refused}")
    except (KeyError, TypeError, ValueError) as error:
        raise Differs(f"it is not a conversation: {error!r}")
