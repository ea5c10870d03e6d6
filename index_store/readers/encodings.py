"""The encoding of a text, told from a part of its bytes; and how bytes that do not fit it are read."""

import codecs
import re
from contextlib import suppress

from charset_normalizer import from_bytes

_MARKS = (  # UTF-32 before UTF-16, whose mark it begins with
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROL = re.compile(rb"[\x01-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_MOST_CONTROL = 0.05  # of the bytes of a text; a program or a picture has more
_MOST_NUL = 0.5
_HIGH_RUN = re.compile(rb"[\x80-\xff]+")
_FAR = 2_000  # bytes from one that is not ASCII to the end of its line
_ENOUGH = 20_000  # bytes of such lines; telling takes longer with more, not better
_WESTERN = re.compile("[À-ÖØ-öø-ÿŒœŠšŽžŸ’‘“”„–—…•·€£§©®°±²³µ´«»¿¡ªº½¼¾×÷™†‡\xa0\xad]")
_SIGN_IN_WORD = re.compile(r"(?<=[^\W\d_])[¹²³¼½¾¿¡£¥¦§¨©«¬®¯°±´¶¸»¢¤×÷](?=[^\W\d_])")
_CYRILLIC = re.compile(r"\b(?:[А-ЯЁ]?[а-яё]+|[А-ЯЁ]+)\b")
_KANA = re.compile("[ぁ-ゟァ-ヿ]")
_OTHERS = ["cp1251", "koi8_r", "cp1253", "cp1255", "cp1256", "gb18030", "big5", "cp932", "euc_jp", "cp949"]


def _fallback(error: UnicodeError) -> tuple[str, int]:
    """Reads the bytes that are no UTF-8 as Windows-1252: files are often put together from several."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    if error.encoding.startswith(("utf-16", "utf-32", "utf_16", "utf_32")):
        return "\ufffd", error.end
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end


codecs.register_error("fallback", _fallback)


def encoding(start: bytes, sample: bytes) -> str:
    """The encoding, or nothing if this is not text.

    `start` is the beginning of the file, `sample` a part from the first byte on that is not ASCII.
    """
    for mark, name in _MARKS:
        if start.startswith(mark):
            return name
    if name := _wide(start):
        return name
    if not _is_text(start):
        return ""
    return _many_bytes(sample) or _western(sample) or _another(sample)


def decoded(part: bytes, name: str) -> str:
    """A part of a text, which may end within a character."""
    return codecs.getincrementaldecoder(name)("fallback").decode(part).replace("\r\n", "\n").replace("\r", "\n")


def _wide(start: bytes) -> str:
    """UTF-16 without a mark: nearly every other byte of Western text is NUL, and hardly any of the rest."""
    part = start[: len(start) // 2 * 2][:4000]
    if len(part) < 4:
        return ""
    half = len(part) // 2
    even, odd = part[0::2].count(0) / half, part[1::2].count(0) / half
    if odd > 0.7 and even < 0.05:
        return "utf-16-le"
    return "utf-16-be" if even > 0.7 and odd < 0.05 else ""


def _is_text(start: bytes) -> bool:
    nul = start.count(0)
    rest = len(start) - nul
    return nul <= _MOST_NUL * len(start) and len(_CONTROL.findall(start)) <= _MOST_CONTROL * rest


def _many_bytes(sample: bytes) -> str:
    """UTF-8, if at least as much of what is not ASCII fits it as does not."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample)
    except UnicodeDecodeError:
        text = sample.decode("utf-8", "surrogateescape")
        stray = sum("\udc80" <= character <= "\udcff" for character in text)
        fitting = sum(character > "\x7f" for character in text) - stray
        return "utf-8" if fitting >= stray else ""
    return "utf-8"


def _western(sample: bytes) -> str:
    """Windows-1252, or its neighbour of Central Europe, if single letters of ASCII words are replaced."""
    runs = _HIGH_RUN.findall(sample)
    single = sum(len(run) for run in runs if len(run) <= 2)
    high = sum(len(run) for run in runs)
    if single < 0.8 * high or b"\x81" in sample or b"\x8f" in sample:
        return ""
    usual = len(_WESTERN.findall(sample.decode("cp1252", "replace")))
    if usual < 0.8 * high:
        return ""
    telling = _telling(sample)
    western, central = telling.decode("cp1252", "replace"), telling.decode("cp1250", "replace")
    if western == central:
        return "cp1252"
    names = {match.encoding for match in from_bytes(telling, cp_isolation=["cp1250", "cp1252"])}
    return "cp1250" if names == {"cp1250"} or _SIGN_IN_WORD.search(western) else "cp1252"


def _another(sample: bytes) -> str:
    """What is not written in Latin letters. The two most frequent are told by their own looks, however short."""
    part = _telling(sample)
    words = _CYRILLIC.findall(part.decode("cp1251", "replace"))
    if len("".join(words)) >= 0.9 * len(b"".join(_HIGH_RUN.findall(part))):
        return "cp1251"
    with suppress(UnicodeDecodeError):
        if _KANA.search(codecs.getincrementaldecoder("cp932")().decode(part)):
            return "cp932"
    best = from_bytes(part, cp_isolation=_OTHERS).best() or from_bytes(part, cp_isolation=["cp1250", "cp1252"]).best()
    return best.encoding if best else "cp1252"


def _telling(sample: bytes) -> bytes:
    """The lines that hold anything but ASCII; of very long ones, what is not."""
    parts, size, end = list[bytes](), 0, 0
    for run in _HIGH_RUN.finditer(sample):
        if run.start() < end:
            continue
        before = sample.rfind(b"\n", max(end, run.start() - _FAR), run.start()) + 1
        after = sample.find(b"\n", run.end(), run.end() + _FAR)
        end = after if after > 0 else run.end()
        parts.append(sample[before or run.start() : end])
        size += len(parts[-1])
        if size > _ENOUGH:
            break
    return b"\n".join(parts)
