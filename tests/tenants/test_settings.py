"""An organisation decides for itself: its name, its time zone, its logo, who comes in and where they start."""

import asyncio
import io
import zlib
from struct import pack
from typing import Any

import httpx
import pytest
from PIL import Image, PngImagePlugin

from tenants import control
from tenants.models import Organization
from tenants.people import logos, settings
from tenants.people.models import AuditEntry, Role
from tenants.schema import entered
from tests.cast import Org
from tests.tenants.visitors import Visitor, call, ended, person, signed_in


@pytest.fixture
def admin(acme: Org) -> Visitor:
    return signed_in(acme.space, person(acme.space, "ann", role=Role.ADMIN))


def test_an_admin_changes_the_settings_and_it_is_written_down(acme: Org, globex: Org, admin: Visitor) -> None:
    wished = {"name": "Acme & Sons", "time_zone": "Europe/Berlin", "email_domains": ["@Acme.Example"]}

    changed = admin.call("PATCH", "/settings", wished)

    assert changed.status_code == 200, changed.text
    assert changed.json() == {
        "name": "Acme & Sons",
        "time_zone": "Europe/Berlin",
        "requires_second_factor": False,
        "logo": None,
        "default_rooms": [],
        "email_domains": ["acme.example"],
    }
    assert admin.call("GET", "/settings").json() == changed.json()
    assert Organization.objects.get(pk=acme.space.id).name == "Acme & Sons"
    assert (control.ORGANIZATION, "") in ended(acme.space)
    line = _newest(acme)
    assert (line.name, line.what, line.client_address) == ("Ann", "settings.change", admin.address)
    assert line.detail == {
        "name": {"before": "Acme", "after": "Acme & Sons"},
        "time_zone": {"before": "UTC", "after": "Europe/Berlin"},
        "email_domains": {"before": [], "after": ["acme.example"]},
    }
    other = call(globex.space, "GET", "/settings", globex.owner.token).json()
    assert (other["name"], other["email_domains"], other["time_zone"]) == ("Globex", [], "UTC")


def test_what_is_left_out_stays_and_what_stays_is_not_written_down(acme: Org, admin: Visitor) -> None:
    admin.call("PATCH", "/settings", {"time_zone": "Asia/Tokyo"})
    before = _newest(acme).pk

    same = admin.call("PATCH", "/settings", {"time_zone": "Asia/Tokyo"})

    assert same.json()["time_zone"] == "Asia/Tokyo"
    assert _newest(acme).pk == before


@pytest.mark.parametrize(
    "wished",
    [
        {"name": " "},
        {"name": "x" * 101},
        {"name": "two\nlines"},
        {"time_zone": "Mars/Olympus"},
        {"time_zone": "../etc/passwd"},
        {"email_domains": ["not a domain"]},
        {"email_domains": ["a\x00b.example"]},
        {"email_domains": [f"d{number}.example" for number in range(51)]},
        {"default_rooms": ["no-such-room"]},
    ],
)
def test_nonsense_is_refused_by_field(acme: Org, admin: Visitor, wished: dict[str, Any]) -> None:
    refused = admin.call("PATCH", "/settings", wished | {"requires_second_factor": False})

    assert (refused.status_code, refused.json()["code"]) == (422, "invalid")
    assert list(refused.json()["fields"]) == [next(iter(wished))]
    assert admin.call("GET", "/settings").json()["name"] == "Acme"


@pytest.mark.parametrize(
    ("method", "path", "misspelt"),
    [
        ("PATCH", "/settings", {"require_second_factor": True}),
        ("PATCH", "/profile", {"show_presence": False}),
        ("POST", "/invitations", {"max_uses": 1}),
        ("POST", "/rooms", {"title": "Plans", "private": True}),
        ("PATCH", "/rooms/general", {"announcement": True}),
        ("POST", "/notices", {"message": "Fire", "severity": "urgent"}),
    ],
)
def test_a_misspelt_field_is_refused_and_not_left_out(acme: Org, method: str, path: str, misspelt: Any) -> None:
    refused = call(acme.space, method, path, acme.owner.token, misspelt)

    assert (refused.status_code, refused.json()["code"]) == (422, "invalid")
    assert list(misspelt)[-1] in refused.json()["detail"]


def test_newcomers_are_put_into_public_rooms_only(acme: Org, globex: Org, admin: Visitor) -> None:
    token = acme.owner.token
    public = call(acme.space, "POST", "/rooms", token, {"title": "Tea"}).json()["room"]
    secret = call(acme.space, "POST", "/rooms", token, {"title": "Plans", "kind": "private"}).json()["room"]
    theirs = call(globex.space, "POST", "/rooms", globex.owner.token, {"title": "Heist"}).json()["room"]
    assert secret in {room["room"] for room in call(acme.space, "GET", "/rooms", token).json()["rooms"]}

    for room in (secret, theirs):
        assert call(acme.space, "PATCH", "/settings", token, {"default_rooms": [room]}).status_code == 422
    assert admin.call("PATCH", "/settings", {"default_rooms": [public]}).json()["default_rooms"] == [public]


@pytest.mark.parametrize("role", [Role.MODERATOR, Role.MEMBER, Role.GUEST])
def test_others_see_the_settings_but_not_who_comes_in_and_change_nothing(acme: Org, admin: Visitor, role: Role) -> None:
    admin.call("PATCH", "/settings", {"email_domains": ["acme.example"]})
    bob = signed_in(acme.space, person(acme.space, "bob", role=role))

    shown = bob.call("GET", "/settings").json()
    tried = [
        bob.call("PATCH", "/settings", {"name": "Bob's"}),
        bob.call("PUT", "/settings/logo"),
        bob.call("DELETE", "/settings/logo"),
        bob.get("/settings/"),
        bob.post("/settings/", name="Bob's"),
        bob.post("/settings/logo/"),
        bob.post("/settings/logo/remove/"),
    ]

    assert (shown["name"], shown["default_rooms"], shown["email_domains"]) == ("Acme", None, None)
    assert [each.status_code for each in tried] == [403] * len(tried)


def test_nobody_of_another_organisation_gets_in(acme: Org, globex: Org) -> None:
    token = globex.owner.token
    assert call(globex.space, "GET", "/settings", token).json()["name"] == "Globex"

    assert call(acme.space, "GET", "/settings", token).status_code == 401
    assert call(acme.space, "PATCH", "/settings", token, {"name": "Mine"}).status_code == 401
    assert Visitor(acme.space.url).get("/settings/").headers["location"].startswith("/accounts/login/")


def test_the_page_changes_them_without_scripts(acme: Org, admin: Visitor) -> None:
    page = admin.get("/settings/").text
    saved = admin.post(
        "/settings/", name="Acme Ltd", time_zone="America/New_York", email_domains="acme.example\nacme.test"
    )

    assert 'value="Acme"' in page
    assert '<optgroup label="Europe">' in page
    assert saved.headers["location"] == "/settings/"
    now = admin.call("GET", "/settings").json()
    assert (now["name"], now["time_zone"]) == ("Acme Ltd", "America/New_York")
    assert now["email_domains"] == ["acme.example", "acme.test"]
    assert "Saved." in admin.get("/settings/").text


def test_the_page_says_what_is_wrong(admin: Visitor) -> None:
    refused = admin.post("/settings/", name="Acme", time_zone="UTC", email_domains="nonsense")

    assert refused.status_code == 422
    assert "Write domains like example.com." in refused.text
    assert "nonsense</textarea>" in refused.text


def test_pages_show_times_in_the_zone_of_the_organisation(acme: Org, admin: Visitor) -> None:
    admin.call("PATCH", "/settings", {"time_zone": "Pacific/Kiritimati"})  # 14 hours ahead
    at = _newest(acme).at

    page = admin.get("/audit/").text

    assert f'datetime="{at.astimezone(settings_zone()):%Y-%m-%dT%H:%M}' in page


def settings_zone() -> Any:
    from zoneinfo import ZoneInfo

    assert "Pacific/Kiritimati" in settings.time_zones()
    return ZoneInfo("Pacific/Kiritimati")


# The logo.


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_logo_is_drawn_anew_small_and_without_what_was_hidden_in_it(acme: Org, admin: Visitor, kind: str) -> None:
    put = _put(admin, _picture(kind, (1000, 500)))

    assert put.status_code == 200, put.text
    shown = Visitor(acme.space.url).get(put.json()["logo"])
    assert shown.status_code == 200
    assert shown.headers["content-type"] == "image/png"
    assert shown.headers["x-content-type-options"] == "nosniff"
    assert shown.headers["cache-control"] == "public, max-age=31536000, immutable"
    drawn = Image.open(io.BytesIO(shown.content))
    assert (drawn.format, drawn.size) == ("PNG", (256, 128))
    assert not set(drawn.info) & {"Secret", "exif", "icc_profile", "comment"}
    assert b"where I live" not in shown.content
    assert _newest(acme).detail["before"] == ""


def test_the_logo_stands_on_every_page_until_it_is_removed(acme: Org, admin: Visitor) -> None:
    where = _put(admin, _picture("PNG", (64, 64))).json()["logo"]
    assert f'src="{where}"' in admin.get("/settings/").text
    assert f'src="{where}"' in Visitor(acme.space.url).get("/accounts/login/").text

    removed = admin.call("DELETE", "/settings/logo")

    assert removed.status_code == 204
    assert admin.get(where).status_code == 404
    assert where not in admin.get("/settings/").text
    assert admin.call("DELETE", "/settings/logo").status_code == 404
    assert (_newest(acme).what, _newest(acme).detail) == ("settings.remove_logo", {"before": where.split("/")[2]})


def test_the_logo_of_one_is_on_no_other_host(acme: Org, globex: Org, admin: Visitor) -> None:
    where = _put(admin, _picture("PNG", (64, 64))).json()["logo"]
    assert Visitor(acme.space.url).get(where).status_code == 200

    assert Visitor(globex.space.url).get(where).status_code == 404
    assert Visitor(globex.space.url).get("/logo//").status_code == 404


def test_another_picture_has_another_address(admin: Visitor) -> None:
    first = _put(admin, _picture("PNG", (64, 64))).json()["logo"]
    second = _put(admin, _picture("PNG", (64, 65))).json()["logo"]

    assert first != second
    assert admin.get(first).status_code == 404


def test_a_logo_is_uploaded_by_the_page(acme: Org, admin: Visitor) -> None:
    proofs = admin._proofs()

    async def upload(content: bytes) -> httpx.Response:
        files = {"logo": ("logo.png", content, "image/png")}
        return await admin.http.post("/settings/logo/", files=files, headers=proofs)

    sent = asyncio.run(upload(_picture("PNG", (300, 300))))
    told = admin.get("/settings/").text
    broken = asyncio.run(upload(b"GIF89a"))

    assert sent.headers["location"] == broken.headers["location"] == "/settings/"
    assert "The logo is changed." in told
    assert "This is no PNG, JPEG or WebP picture." in admin.get("/settings/").text
    assert admin.call("GET", "/settings").json()["logo"]


def _svg() -> bytes:
    return b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def _gif() -> bytes:
    out = io.BytesIO()
    Image.new("P", (8, 8)).save(out, "GIF")
    return out.getvalue()


def _claims(width: int, height: int) -> bytes:
    """A PNG whose header claims a size; hardly any pixels follow."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return pack(">I", len(body)) + kind + body + pack(">I", zlib.crc32(kind + body))

    header = pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize(
    ("upload", "sentence"),
    [
        (b"", "no PNG, JPEG or WebP"),
        (b"hello", "no PNG, JPEG or WebP"),
        (_svg(), "no PNG, JPEG or WebP"),
        (_gif(), "no PNG, JPEG or WebP"),
        (_claims(100_000, 100_000), "at most 4096 pixels"),
        (_claims(12_000, 12_000), "at most 4096 pixels"),
        (_claims(4_097, 1), "at most 4096 pixels"),
        (_claims(3_000, 3_000), "broken"),
    ],
)
def test_what_is_no_picture_is_refused_with_a_sentence(admin: Visitor, upload: bytes, sentence: str) -> None:
    refused = _put(admin, upload)

    assert (refused.status_code, refused.json()["code"]) == (422, "bad_image")
    assert sentence in refused.json()["detail"]
    assert admin.call("GET", "/settings").json()["logo"] is None


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_picture_that_ends_in_the_middle_is_refused(admin: Visitor, kind: str) -> None:
    whole = _picture(kind, (500, 500))
    assert _put(admin, whole).status_code == 200

    refused = _put(admin, whole[: len(whole) // 2])

    assert (refused.status_code, refused.json()["code"]) == (422, "bad_image")


def test_a_logo_that_is_too_large_is_told_the_limit(admin: Visitor) -> None:
    refused = _put(admin, b"\x89PNG" + b"x" * logos.MOST_BYTES)
    far = _put(admin, b"x" * 2**20 + b"x")

    assert (refused.status_code, refused.json()["code"]) == (413, "too_large")
    assert "512 KiB" in refused.json()["detail"]
    assert far.status_code == 413


def _put(browser: Visitor, content: bytes) -> httpx.Response:
    headers = browser._proofs() | {"content-type": "image/png"}
    return asyncio.run(browser.http.put("/api/v1/settings/logo", content=content, headers=headers))


def _picture(kind: str, size: tuple[int, int]) -> bytes:
    """Coarse noise, with a remark in it that nobody is to read."""
    picture = Image.effect_noise((64, 64), 60).resize(size, Image.Resampling.NEAREST).convert("RGB")
    out = io.BytesIO()
    if kind == "PNG":
        remark = PngImagePlugin.PngInfo()
        remark.add_text("Secret", "where I live")
        picture.save(out, kind, pnginfo=remark)
    else:
        exif = Image.Exif()
        exif[0x010E] = "where I live"
        picture.save(out, kind, exif=exif, icc_profile=b"where I live", quality=60)
    return out.getvalue()


def _newest(org: Org) -> AuditEntry:
    with entered(org.space.schema_name):
        return AuditEntry.objects.latest("pk")
