"""Names for files that jaxstyle does not read as pictures, each with advice on what to do."""

from jaxstyle.image import tiff

_CONVERT = "save it as PNG or JPEG with the program that made it"
_BRANDS = {
    b"heic": "HEIC, as phones save photographs: export it as JPEG, or set the camera to 'most compatible'",
    b"avis": "an AVIF film: take one frame of it as PNG",
}
_BRANDS |= dict.fromkeys((b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"), _BRANDS[b"heic"])
_BRANDS |= {b"avif": f"AVIF, which this installation's Pillow does not read: {_CONVERT}"}
_FILM = "a film: take its frames as PNG first, with `ffmpeg -i FILM frames/%05d.png`"
_BEGINNINGS: tuple[tuple[bytes, str], ...] = (
    (b"\0\0\0\x0cJXL ", f"JPEG XL: {_CONVERT}"),
    (b"\xff\x0a", f"JPEG XL: {_CONVERT}"),
    (b"\0\0\0\x0cjP  ", f"JPEG 2000: {_CONVERT}"),
    (b"\xff\x4f\xff\x51", f"JPEG 2000: {_CONVERT}"),
    (b"8BPS", f"a Photoshop document: {_CONVERT}"),
    (b"gimp xcf", f"a GIMP document: {_CONVERT}"),
    (b"v/1\x01", f"OpenEXR, whose values have no upper end: tone-map it, then {_CONVERT}"),
    (b"#?RADIANCE", f"Radiance HDR, whose values have no upper end: tone-map it, then {_CONVERT}"),
    (b"DDS ", f"a DirectDraw texture: {_CONVERT}"),
    (b"\0\0\1\0", f"an icon: {_CONVERT}"),
    (b"II+\0", f"BigTIFF: {_CONVERT}"),
    (b"MM\0+", f"BigTIFF: {_CONVERT}"),
    (b"FUJIFILMCCD-RAW", "a camera's raw file: develop it to JPEG or TIFF first"),
    (b"%PDF", "a PDF document: export its page as PNG"),
    (b"PK\3\4", "a ZIP archive: unpack it first"),
    (b"\x1a\x45\xdf\xa3", _FILM),
    (b"version https://git-lfs", "a Git LFS pointer instead of the file: run `git lfs pull`"),
)
_TEXTS = (
    (b"<svg", "SVG, which is lines and not pixels: export it as PNG"),
    (b"<!doctype html", "a web page, not a picture: open the address in a browser and save the picture itself"),
    (b"<html", "a web page, not a picture: open the address in a browser and save the picture itself"),
)


def name_kind(data: bytes) -> str | None:
    """What kind of file `data` is and what to do with it, in words for an error message; None if it is unknown."""
    if data[4:8] == b"ftyp":
        return _BRANDS.get(data[8:12], _FILM)
    for beginning, name in _BEGINNINGS:
        if data.startswith(beginning):
            return name
    head = data[:1024].lower()
    for word, name in _TEXTS:
        if head.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"<") and word in head:
            return name
    return tiff.explain(data)
