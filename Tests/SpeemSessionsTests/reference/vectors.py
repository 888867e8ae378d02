"""Conversations that are written down step by step."""

import json

from devices import Device
from primitives import RecordedRandom, Refused, SeededRandom, blake2b
from sessions import Body


class Conversation:
    """Two devices whose every step is written down."""

    def __init__(self, name, last_resort, one_time):
        random = SeededRandom(name.encode())
        self.alice, self.bob = Device(random), Device(random)
        encoded, kept = self.bob.bundle(last_resort, one_time)
        session = self.alice.initiate(self.bob.party, *encoded)
        self.random = random
        self.heads = (blake2b("vector head", b"alice"), blake2b("vector head", b"bob"))
        self.messages, self.events = [], []
        self.sessions = {"alice": session, "bob": None}
        self.vector = {
            "alice": {"account": self.alice.party.account.hex(), "secrets": self.alice.secrets()},
            "bob": {"account": self.bob.party.account.hex(), "secrets": self.bob.secrets()},
            "prekeys": {
                "signed": {"encoded": encoded[0].hex(), "secret": kept[0].key.secret.hex()},
                "kem": {"encoded": encoded[1].hex(), "seed": kept[1].key.seed.hex(), "last_resort": last_resort},
                "one_time": None if encoded[2] is None else
                    {"encoded": encoded[2].hex(), "secret": kept[2].key.secret.hex()},
            },
            "agreement": {
                "initial": session.initial.hex(),
                "shared_secret": session.shared_secret.hex(),
                "associated_data": session.associated.hex(),
                "session_id": session.id.hex(),
                "base_secret": session.base_secret.hex(),
                "kem_secret": session.kem_secret.hex(),
                "ratchet_secret": session.DHs.secret.hex(),
            },
        }

    def device(self, name):
        return self.alice if name == "alice" else self.bob

    def send(self, sender, content):
        """Returns the message's number. `random` is what the sender's ratchet took: the nonce."""
        session = self.sessions[sender]
        body = Body(content, self.random)
        recorded = RecordedRandom(self.random)
        heads = self.heads if sender == "alice" else self.heads[::-1]
        header, inner = session.seal(body, heads, recorded, self.random)
        self.messages.append((sender, header, body.ciphertext))
        self.events.append({
            "send": len(self.messages) - 1, "from": sender, "content": content.hex(), "key": body.key.hex(),
            "random": recorded.taken.hex(), "ratchet_message": inner.hex(), "id": body.id.hex(),
            "heads": [head.hex() for head in heads], "header": header.hex(), "body": body.ciphertext.hex(),
        })
        return len(self.messages) - 1

    def deliver(self, number):
        """Lets the recipient open message `number`. `random` is its next ratchet key, where it turned."""
        sender, header, body = self.messages[number]
        recipient = "bob" if sender == "alice" else "alice"
        device = self.device(recipient)
        recorded = RecordedRandom(self.random)
        device.random = recorded
        try:
            opened = device.receive(header, body)
            self.sessions[recipient] = device.sessions[opened["session"]]
            result = "opened"
        except Refused as refused:
            result = refused.args[0]
        session = self.sessions[recipient]
        self.events.append({
            "deliver": number, "result": result, "random": recorded.taken.hex(), "root_key": session.RK.hex(),
            "skipped": len(session.MKSKIPPED),
        })

    def finish(self):
        self.vector["events"] = self.events
        return self.vector


def text(number):
    return f"message {number}".encode()


def in_order(name, last_resort, one_time):
    """A short conversation in order, with two initial messages before the first answer."""
    talk = Conversation(name, last_resort, one_time)
    for number in range(2):
        talk.deliver(talk.send("alice", text(number)))
    talk.deliver(talk.send("bob", "grüße".encode()))
    talk.deliver(talk.send("alice", b""))
    talk.deliver(talk.send("alice", b"x" * 255))
    talk.deliver(talk.send("bob", b"y" * 256))
    talk.deliver(0)
    talk.deliver(3)
    return talk.finish()


def out_of_order(name):
    """Loss, reordering and duplicates over several turns of the ratchet."""
    talk = Conversation(name, False, True)
    begun = [talk.send("alice", text(number)) for number in range(4)]
    for number in (2, 2, 0):
        talk.deliver(begun[number])
    answers = [talk.send("bob", text(number)) for number in range(10, 14)]
    talk.deliver(answers[3])
    # Turned by answer 3; its own messages 1 and 3 of the first chain are still on their way.
    later = [talk.send("alice", text(number)) for number in range(20, 23)]
    talk.deliver(later[1])
    talk.deliver(begun[3])
    talk.deliver(begun[3])
    talk.deliver(answers[0])
    more = [talk.send("bob", text(number)) for number in range(30, 33)]
    talk.deliver(more[2])
    talk.deliver(answers[1])
    talk.deliver(answers[1])
    talk.deliver(later[0])
    talk.deliver(more[0])
    last = talk.send("alice", text(40))
    talk.deliver(last)
    for number in (begun[1], later[2], answers[2], more[1], last, begun[0]):
        talk.deliver(number)
    for turn in range(36):
        talk.deliver(talk.send("bob" if turn % 2 == 0 else "alice", text(50 + turn)))
    # Chains that are remembered no more, and one that is.
    talk.deliver(more[1])
    talk.deliver(last)
    return talk.finish()


def vectors():
    return {
        "one-time.json": in_order("one-time", False, True),
        "last-resort.json": in_order("last-resort", True, False),
        "mixed.json": in_order("mixed", True, True),
        "out-of-order.json": out_of_order("out-of-order"),
    }


def encoded():
    return {name: json.dumps(vector, indent=1) + "\n" for name, vector in vectors().items()}
