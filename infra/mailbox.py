"""The development mailbox: takes every mail by SMTP, keeps it as a file, shows it on a page. Sends nothing on.

    python -m infra.mailbox --folder DATA/mail --smtp 2525 --web 8025

`/` shows the mails, newest first; `/messages.json` gives them to programs; both take `?to=address`. On loopback only.
"""

import argparse
import asyncio
import json
import socket
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, urlsplit

from aiosmtpd.smtp import SMTP, Envelope, Session

from infra import mailpage
from infra.supervisor import follow_parent

LOOPBACK = "127.0.0.1"
KEPT = 500  # mails; the oldest go first
# Mails hold links that sign people in: a page elsewhere whose name was made to point here must not read them.
OUR_NAMES = {"localhost", LOOPBACK}


@dataclass(frozen=True)
class Mail:
    id: str
    sender: str
    to: list[str]
    subject: str
    at: str
    text: str


class Mailbox:
    """A folder of mails, one file each, named so that they sort by arrival."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder

    def keep(self, recipients: list[str], content: bytes) -> None:
        # The envelope says who really gets it; the headers may not.
        head = f"X-Envelope-To: {', '.join(recipients)}\r\n".encode()
        unfinished = self._folder / f"{time.time_ns()}.part"
        unfinished.write_bytes(head + content)
        unfinished.rename(unfinished.with_suffix(".eml"))
        for old in self._files()[KEPT:]:
            old.unlink(missing_ok=True)

    def mails(self, to: str = "") -> list[Mail]:
        """Newest first; only those to this address, if one is given."""
        return [mail for mail in self._read() if not to or to.lower() in map(str.lower, mail.to)]

    def _read(self) -> Iterator[Mail]:
        for file in self._files():
            yield _mail(file.stem, message_from_bytes(file.read_bytes(), policy=policy.default))

    def _files(self) -> list[Path]:
        return sorted(self._folder.glob("*.eml"), reverse=True)


class Postman:
    """What aiosmtpd calls when a mail has come."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.content or b""
        self._mailbox.keep(envelope.rcpt_tos, content if isinstance(content, bytes) else content.encode())
        return "250 OK"


def page_of(mailbox: Mailbox) -> type[BaseHTTPRequestHandler]:
    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            address = urlsplit(self.path)
            mails = mailbox.mails(parse_qs(address.query).get("to", [""])[0])
            if (self.headers.get("Host") or "").partition(":")[0] not in OUR_NAMES:
                self.send_error(403)
            elif address.path == "/":
                self._answer("text/html", mailpage.render([asdict(mail) for mail in mails]))
            elif address.path == "/messages.json":
                self._answer("application/json", json.dumps({"messages": [asdict(mail) for mail in mails]}))
            else:
                self.send_error(404)

        def _answer(self, kind: str, body: str) -> None:
            encoded = body.encode()
            self.send_response(200)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(encoded)))
            self.send_header("Content-Security-Policy", mailpage.POLICY)
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(encoded)

        def log_message(self, format: str, *arguments: object) -> None:
            """Nobody reads an access log of a mailbox."""

    return Page


def main() -> None:
    arguments = _arguments()
    follow_parent()
    mailbox = Mailbox(arguments.folder)
    web = ThreadingHTTPServer((LOOPBACK, 0), page_of(mailbox), bind_and_activate=False)
    web.socket.close()
    web.socket = _listening(arguments.web, arguments.web_fd)
    Thread(target=web.serve_forever, daemon=True).start()
    asyncio.run(_take_mail(mailbox, _listening(arguments.smtp, arguments.smtp_fd)))


async def _take_mail(mailbox: Mailbox, listening: socket.socket) -> None:
    postman = Postman(mailbox)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(postman, hostname="localhost", enable_SMTPUTF8=True), sock=listening)
    await server.serve_forever()


def _listening(port: int, descriptor: int | None) -> socket.socket:
    if descriptor is not None:
        return socket.socket(fileno=descriptor)
    return socket.create_server((LOOPBACK, port))


def _mail(name: str, message: EmailMessage) -> Mail:
    return Mail(
        id=name,
        sender=str(message["From"] or ""),
        to=[address.strip() for address in str(message["X-Envelope-To"] or "").split(",")],
        subject=str(message["Subject"] or ""),
        at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(name) / 1e9)),
        text=_text(message),
    )


def _text(message: EmailMessage) -> str:
    body = message.get_body(("plain", "html"))
    try:
        return str(body.get_content()) if body else ""
    except (LookupError, ValueError):  # an unknown or a wrong charset
        return message.as_string()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="infra.mailbox", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--smtp", type=int, default=2525, help="port for mail")
    parser.add_argument("--web", type=int, default=8025, help="port for the page")
    parser.add_argument("--smtp-fd", type=int, help="a listening socket to use instead")
    parser.add_argument("--web-fd", type=int, help="a listening socket to use instead")
    return parser.parse_args()


if __name__ == "__main__":
    main()
