"""Logos: an upload is decoded and drawn anew as a small PNG of ours. What was hidden in the file stays out."""

from io import BytesIO

from django.utils.translation import gettext as _
from PIL import Image, ImageOps

from tenants.problems import Problem

MOST_BYTES = 512 * 1024
MOST_PIXELS = 4096  # of either side
BOX = (256, 256)
KINDS = ("PNG", "JPEG", "WEBP")


def drawn(upload: bytes) -> bytes:
    """A PNG that fits into 256×256, of the first frame and its pixels only: no metadata, no profile, no remarks.

    Raises the problem `too_large` for too many bytes, and `bad_image` with a sentence for what is no such picture.
    """
    if len(upload) > MOST_BYTES:
        raise Problem(413, "too_large", _("A logo may have at most %(most)d KiB.") % {"most": MOST_BYTES // 1024})
    picture = _decoded(upload).convert("RGBA")
    picture.thumbnail(BOX)
    canvas = Image.new("RGBA", picture.size)
    canvas.paste(picture)
    out = BytesIO()
    canvas.save(out, "PNG", optimize=True)
    return out.getvalue()


def _decoded(upload: bytes) -> Image.Image:
    """Decoders of broken files raise nearly anything; whatever it is, the file is no picture."""
    try:
        picture = Image.open(BytesIO(upload), formats=KINDS)  # reads the header only
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_wide() from None
    except Exception:
        raise Problem(422, "bad_image", _("This is no PNG, JPEG or WebP picture.")) from None
    if max(picture.size) > MOST_PIXELS:
        raise _too_wide()
    try:
        picture.draft("RGB", BOX)  # a large JPEG is decoded small
        picture.load()
        return ImageOps.exif_transpose(picture)
    except Exception:
        raise Problem(422, "bad_image", _("This picture is broken: it cannot be read to its end.")) from None


def _too_wide() -> Problem:
    sentence = _("A logo may have at most %(most)d pixels on either side.")
    return Problem(422, "bad_image", sentence % {"most": MOST_PIXELS})
