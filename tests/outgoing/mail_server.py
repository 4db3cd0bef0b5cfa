"""A mail server of our own: speaks as much of RFC 5321 as handing a letter in needs, and refuses on command."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage


@dataclass
class MailServer:
    """`letters` are those taken. `replies` says what a verb is answered with instead of its usual code."""

    port: int = 0
    letters: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    replies: dict[str, str] = field(default_factory=dict)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""

        async def say(text: str) -> None:
            writer.write(text.encode() + b"\r\n")
            await writer.drain()

        await say("220 mail.primersk.example")
        while line := await reader.readline():
            verb = line.split(b":")[0].split()[0].decode().upper() if line.strip() else ""
            usual = {"EHLO": "250 mail.primersk.example", "QUIT": "221 bye", "DATA": "354 go on"}.get(verb, "250 ok")
            reply = self.replies.get(verb, usual)
            await say(reply)
            if verb == "RCPT":
                self.recipients.append(line.decode().strip())
            if verb == "DATA" and reply.startswith("354"):
                letter = await reader.readuntil(b"\r\n.\r\n")
                reply = self.replies.get(".", "250 taken")
                if reply.startswith("250"):
                    parsed = message_from_bytes(letter[:-5], policy=policy.default)
                    assert isinstance(parsed, EmailMessage)
                    self.letters.append(parsed)
                await say(reply)
            if verb == "QUIT":
                break
        writer.close()


@asynccontextmanager
async def mail_server() -> AsyncIterator[MailServer]:
    """A server on a free port of this machine."""
    made = MailServer()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    async with server:
        yield made
