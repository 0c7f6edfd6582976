import http.client
import json
import smtplib
import socket
import subprocess
import sys
from email.message import EmailMessage
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


class Mailbox:
    def __init__(self, folder, smtp, web):
        self.folder, self.smtp, self.web = folder, smtp, web

    def send(self, subject, text, to="ada@acme.example", **headers):
        mail = EmailMessage()
        mail["Subject"], mail["From"], mail["To"] = subject, "Conclave <conclave@localhost>", "undisclosed"
        mail.set_content(text)
        with smtplib.SMTP("127.0.0.1", self.smtp) as connection:
            connection.send_message(mail, to_addrs=[to])

    def get(self, path, host="127.0.0.1"):
        connection = http.client.HTTPConnection("127.0.0.1", self.web, timeout=30)
        connection.request("GET", path, headers={"Host": host})
        answer = connection.getresponse()
        body = answer.read().decode()
        connection.close()
        return answer, body

    def messages(self, query=""):
        return json.loads(self.get(f"/messages.json{query}")[1])["messages"]


@pytest.fixture
def mailbox(tmp_path):
    smtp, web = (socket.create_server(("127.0.0.1", 0)) for _ in range(2))
    descriptors = ("--smtp-fd", str(smtp.fileno()), "--web-fd", str(web.fileno()))
    process = subprocess.Popen(
        [sys.executable, "-m", "infra.mailbox", "--folder", tmp_path, *descriptors],
        cwd=ROOT,
        pass_fds=(smtp.fileno(), web.fileno()),
    )
    with smtp, web:
        yield Mailbox(tmp_path, smtp.getsockname()[1], web.getsockname()[1])
    process.terminate()
    process.wait()


def test_a_mail_arrives_and_stays_as_a_file(mailbox):
    mailbox.send("Confirm", "Follow http://acme.localhost:8000/confirm?a=1&b=2 please.\nשלום 👋")
    [mail] = mailbox.messages()
    assert (mail["subject"], mail["to"]) == ("Confirm", ["ada@acme.example"])
    assert mail["text"].splitlines()[-1] == "שלום 👋"
    assert len(list(mailbox.folder.glob("*.eml"))) == 1


def test_the_newest_is_first_and_a_person_sees_their_own(mailbox):
    mailbox.send("one", "first", to="Ada@acme.example")
    mailbox.send("two", "second", to="bob@acme.example")
    assert [mail["subject"] for mail in mailbox.messages()] == ["two", "one"]
    assert [mail["subject"] for mail in mailbox.messages("?to=ada@acme.example")] == ["one"]


def test_links_can_be_followed(mailbox):
    mailbox.send("Confirm", "Follow http://acme.localhost:8000/confirm?a=1&b=2 please.")
    _, page = mailbox.get("/")
    assert '<a href="http://acme.localhost:8000/confirm?a=1&amp;b=2">' in page


def test_what_strangers_write_is_shown_and_not_run(mailbox):
    evil = "<script>alert(1)</script>"
    mailbox.send(evil, f'{evil} http://x/"onclick="alert(1)" <img src=x onerror=alert(1)>')
    answer, page = mailbox.get("/")
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 2
    assert "<script" not in page
    assert "<img" not in page
    assert '"onclick=' not in page
    assert answer.getheader("Content-Security-Policy").startswith("default-src 'none'; style-src 'sha256-")


def test_a_page_elsewhere_cannot_read_it_under_its_own_name(mailbox):
    mailbox.send("secret link", "http://acme.localhost/reset/123")
    answer, body = mailbox.get("/messages.json", host="evil.example")
    assert answer.status == 403
    assert "reset" not in body


def test_a_mail_in_an_unknown_charset_is_shown_raw(mailbox):
    with smtplib.SMTP("127.0.0.1", mailbox.smtp) as connection:
        raw = b"Subject: odd\r\nContent-Type: text/plain; charset=klingon\r\n\r\nnuqneH\r\n"
        connection.sendmail("a@localhost", ["b@localhost"], raw)
    [mail] = mailbox.messages()
    assert "nuqneH" in mail["text"]
