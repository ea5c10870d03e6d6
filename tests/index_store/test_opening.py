import codecs
import gzip
import io
import random
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from index_store.errors import ReaderError
from index_store.papers import Paper
from index_store.readers import Malformed, Record, opening, read_file
from index_store.readers.encodings import encoding
from tests.index_store.formats import written

TEXT = "Café in Ångström’s cœur\nÀ la carte — “naïve” résumés cost 5 €.\n"
LINE = '{{"title": "Paper {0}", "abstract": "It says {0}."}}\n'


def lines(count: int) -> str:
    return "".join(LINE.format(number) for number in range(count))


def packed(folder: Path, members: dict[str, str | bytes], name: str = "papers.zip") -> Path:
    with zipfile.ZipFile(folder / name, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in members.items():
            archive.writestr(member, content)
    return folder / name


def titles(records: list[Record]) -> list[str]:
    return [record.title for record in records if isinstance(record, Paper)]


def complaints(records: list[Record]) -> list[str]:
    return [str(record) for record in records if isinstance(record, Malformed)]


def read_until_it_breaks(path: Path) -> tuple[list[Record], str]:
    records = []
    with pytest.raises(ReaderError) as broken:
        for record in read_file(path):
            records.append(record)
    return records, str(broken.value)


# -- encodings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252", "cp1252-with-line-ends"]
)
def test_western_text_is_read_in_any_encoding(tmp_path: Path, name: str) -> None:
    text = TEXT.replace("\n", "\r\n") if name.endswith("line-ends") else TEXT
    (paper,) = read_file(written(tmp_path, "a.txt", text.encode(name.removesuffix("-with-line-ends"))))
    title, abstract = TEXT.splitlines()
    assert paper == Paper(title, abstract, source="a.txt")


@pytest.mark.parametrize("mark", [codecs.BOM_UTF16_LE + b"", codecs.BOM_UTF16_BE + b""])
def test_a_mark_at_the_beginning_decides(mark: bytes) -> None:
    assert encoding(mark + b"\x04\x41", mark) == "utf-16"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("cp1251", "Название работы\nМы показываем, что модель работает лучше.\n"),
        ("cp1251", "title,author\nLearning,Иванов\n"),
        ("koi8_r", "Обучение представлений\nМы показываем, что модель работает лучше.\n"),
        ("cp1250", "Příliš žluťoučký kůň\nPěl ďábelské ódy, a učení strojů v češtině také.\n"),
        ("cp1250", "Zażółć gęślą jaźń\nŚwiętokrzyskie źródła mówią o uczeniu maszynowym.\n"),
        ("cp1253", "Μηχανική μάθηση\nΓλωσσικά μοντέλα στην εκπαίδευση και την έρευνα.\n"),
        ("gb18030", "检索增强生成\n我们提出了一种新的方法，用于改进检索。\n"),
        ("big5", "大型語言模型\n我們提出一種新的方法，用於改進檢索的結果。\n"),
        ("shift_jis", "検索拡張生成\n本論文では新しい手法を提案する。\n"),
        ("euc_jp", "検索拡張生成\n本論文では新しい手法を提案する。\n"),
        ("cp949", "검색 증강 생성\n대규모 언어 모델의 검색 증강 생성에 관한 연구.\n"),
    ],
)
def test_other_scripts_are_told_apart(tmp_path: Path, name: str, text: str) -> None:
    content = text.encode(name)
    found = encoding(content, content)
    assert content.decode(found) == text


@pytest.mark.parametrize(
    "text",
    [
        "Über die Größe\nBäume für Anfänger.",
        "Læring på øer\nEn undersøgelse af børn.",
        "Redes: ¿qué son?\nEl año de la niñez.",
        "One Müller among a hundred English words\nHis work – good – costs 5 €.",
        "5 µm ± 2 °C\nIt’s “good”.",
    ],
)
def test_windows_1252_is_preferred_for_western_text(text: str) -> None:
    assert encoding(text.encode("cp1252"), text.encode("cp1252")) == "cp1252"


def test_stray_bytes_in_utf_8_are_read_as_windows_1252(tmp_path: Path) -> None:
    content = "Größe and naïve\n".encode() + b"caf\xe9 \x96 and " + "Bäume.\n".encode()
    (paper,) = read_file(written(tmp_path, "a.txt", content))
    assert paper == Paper("Größe and naïve", "café – and Bäume.", source="a.txt")


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_the_first_accent_may_be_far_into_the_file(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    content = (lines(20_000) + '{"title": "Zu große Bäume"}\n').encode("cp1252")
    assert content.index(b"\xdf") > 3 * opening._SAMPLE
    *_, last = read_file(written(tmp_path, "a.jsonl", pack(content)))
    assert last == Paper("Zu große Bäume", "", source="a.jsonl")


def test_nul_bytes_in_a_text_do_not_refuse_it(tmp_path: Path) -> None:
    text = "Title\n\0\0Abstract of a file\0 that a crash has damaged.\n" + "\0" * 20
    (paper,) = read_file(written(tmp_path, "a.txt", text))
    assert isinstance(paper, Paper)
    assert paper.title == "Title"


# -- what is no text --------------------------------------------------------------------------------------------------


def a_tar() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("papers.bib"), io.BytesIO(b""))
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "is a PDF; add its title and abstract as text"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "is an Office document; save it as CSV"),
        (b"{\\rtf1\\ansi Title}", "is an RTF document; save it as plain text"),
        (b"7z\xbc\xaf\x27\x1c\0\x04", "is a 7-Zip archive; unpack it"),
        (b"\xfd7zXZ\0\0\x04", "is packed with xz; unpack it"),
        (b"SQLite format 3\0" + bytes(200), "is a database; export its papers"),
        (b"\x7fELF\x02\x01\x01" + bytes(range(256)) * 8, "is not a text file"),
        (b"\x89PNG\r\n\x1a\n" + random.Random(1).randbytes(5000), "is not a text file"),
        (random.Random(2).randbytes(5000), "is not a text file"),
        (bytes(5000), "is not a text file"),
        (gzip.compress(a_tar()), "is a tar archive; unpack it"),
        (gzip.compress(gzip.compress(b"x")), "is an archive within an archive; unpack it"),
    ],
    ids="PDF Office RTF 7-Zip xz database program picture noise NULs tar nested".split(),
)
def test_what_is_no_text_is_refused_with_what_helps(tmp_path: Path, content: bytes, reason: str) -> None:
    records, said = read_until_it_breaks(written(tmp_path, "bad.txt", content))
    assert records == []
    assert said.startswith(f"{tmp_path / 'bad.txt'} {reason}")


def test_a_device_is_not_waited_for() -> None:
    with pytest.raises(ReaderError, match="/dev/zero is a device or a pipe"):
        list(read_file(Path("/dev/zero")))


# -- ZIP archives -----------------------------------------------------------------------------------------------------


def test_every_file_of_an_archive_is_read_in_its_own_format(tmp_path: Path) -> None:
    members = {
        "folder/": "",
        "folder/a.jsonl": lines(2),
        "b.txt.gz": gzip.compress(b"In gzip\nIts abstract.\n"),
        "c.csv": "Title;Year\nIn a table;2020\n",
        "__MACOSX/folder/._a.jsonl": b"\0\1\2",
        ".DS_Store": b"\0\1\2",
    }
    records = list(read_file(packed(tmp_path, members)))
    assert titles(records) == ["Paper 0", "Paper 1", "In gzip", "In a table"]
    assert complaints(records) == []
    assert {record.source for record in records if isinstance(record, Paper)} == {"papers.zip"}


def test_a_bad_file_in_an_archive_does_not_keep_the_others_out(tmp_path: Path) -> None:
    inner = packed(tmp_path, {"x.jsonl": lines(1)}, "inner.zip").read_bytes()
    members = {
        "a.pdf": b"%PDF-1.7\n",
        "b.bin": bytes(range(256)) * 20,
        "c.zip": inner,
        "d.txt": "",
        "e.html": "<html></html>",
        "f.jsonl": f"{lines(1)}oops\n",
        "g.jsonl.gz": b"\x1f\x8bnot really",
        "h.jsonl": '{"title": "The last"}\n',
    }
    path = packed(tmp_path, members)
    records = list(read_file(path))
    assert titles(records) == ["Paper 0", "The last"]
    assert [said.removeprefix(f"{path}/") for said in complaints(records)] == [
        "a.pdf is a PDF; add its title and abstract as text, or an export of your reference manager.",
        "b.bin is not a text file.",
        "c.zip is an archive within an archive; unpack it and add what is in it.",
        "d.txt is empty.",
        "e.html looks like HTML, which cannot be read; export it as BibTeX, RIS or CSV instead.",
        "f.jsonl:2: not valid JSON at column 1: Expecting value",
        "g.jsonl.gz cannot be unpacked: Unknown compression method.",
    ]


def test_names_that_lead_out_of_an_archive_are_only_told(tmp_path: Path) -> None:
    home = tmp_path / "inner"
    home.mkdir()
    path = packed(home, {"../../escaped.jsonl": '{"title": ""}\n', "/etc/na\nme.jsonl": lines(1)})
    before = sorted(tmp_path.rglob("*"))
    records = list(read_file(path))
    assert titles(records) == ["Paper 0"]
    assert complaints(records) == [f"{path}/../../escaped.jsonl:1: the record has no title"]
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_damaged_archive_is_read_or_refused(tmp_path: Path, method: int) -> None:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", method) as archive:
        archive.writestr("a.jsonl", lines(50))
        archive.writestr("b/c.csv.gz", gzip.compress(b"Title;Year\nOne;2020\n"))
    chance, refused = random.Random(method), 0
    for _ in range(200):
        content = bytearray(whole.getvalue())
        for _ in range(chance.choice([1, 2, 20])):
            content[chance.randrange(len(content))] = chance.randrange(256)
        try:
            list(read_file(written(tmp_path, "a.zip", bytes(content))))
        except ReaderError:
            refused += 1
    assert 0 < refused < 200


def test_an_encrypted_file_in_an_archive_is_told(tmp_path: Path) -> None:
    path = packed(tmp_path, {"a.jsonl": lines(1), "b.jsonl": '{"title": "Open"}'})
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1  # the flag of the first file, in the list of files
    path.write_bytes(content)
    records = list(read_file(path))
    assert titles(records) == ["Open"]
    assert complaints(records) == [f"{path}/a.jsonl is encrypted; unpack it and add it again."]


def test_a_file_of_an_archive_whose_bytes_are_damaged_is_told_and_the_next_is_read(tmp_path: Path) -> None:
    noise = random.Random(3).randbytes(30_000).hex()
    path = packed(tmp_path, {"a.jsonl": f'{lines(500)}{{"title": "{noise}"}}\n', "b.jsonl": '{"title": "Whole"}'})
    content = bytearray(path.read_bytes())
    content[20_000:20_400] = bytes(400)
    path.write_bytes(content)
    records = list(read_file(path))
    assert titles(records)[-1] == "Whole"
    assert any("a.jsonl cannot be unpacked: " in said for said in complaints(records))


@pytest.mark.parametrize("part", [0.3, 0.9])
def test_an_archive_that_is_cut_short_is_told(tmp_path: Path, part: float) -> None:
    path = packed(tmp_path, {"a.jsonl": lines(100)})
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * part)])
    records, said = read_until_it_breaks(path)
    assert records == []
    assert said.startswith(f"{path} is a damaged ZIP archive: ")


@pytest.mark.parametrize("member", ["[Content_Types].xml", "mimetype"])
def test_an_office_file_is_told_by_what_it_holds(tmp_path: Path, member: str) -> None:
    _, said = read_until_it_breaks(packed(tmp_path, {member: "x", "word/document.xml": "<w/>"}, "a.docx"))
    assert said == f"{tmp_path / 'a.docx'} is an Office document; save it as CSV or as plain text and add that."


def test_an_empty_archive_and_one_of_too_many_files_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "holds no files" in read_until_it_breaks(packed(tmp_path, {"folder/": ""}))[1]
    monkeypatch.setattr(opening, "_MOST_MEMBERS", 2)
    many = packed(tmp_path, {f"{number}.jsonl": lines(1) for number in range(3)})
    assert "holds more than 2 files" in read_until_it_breaks(many)[1]


# -- what is far larger than it looks ---------------------------------------------------------------------------------


def test_a_gzip_bomb_is_stopped_and_the_records_before_go_in(tmp_path: Path) -> None:
    path = written(tmp_path, "bomb.jsonl.gz", gzip.compress(lines(500).encode() + b" " * 120_000_000, 9))
    records, said = read_until_it_breaks(path)
    assert titles(records) == [f"Paper {number}" for number in range(500)]
    assert said == f"{path} unpacks to far more than text can; it is not read any further."


def test_a_bomb_in_an_archive_is_left_out_and_the_others_are_read(tmp_path: Path) -> None:
    members = {
        "a.jsonl": '{"title": "Before"}',
        "bomb.txt": b" " * 20_000_000,
        "bomb.jsonl.gz": gzip.compress(b'{"title": "In"}\n' + b" " * 20_000_000, 9),
        "b.jsonl": '{"title": "After"}',
    }
    path = packed(tmp_path, members)
    records = list(read_file(path))
    assert titles(records) == ["Before", "In", "After"]
    assert [said.removeprefix(f"{path}/") for said in complaints(records)] == [
        "bomb.txt would unpack to far more than text can; it is not read.",
        "bomb.jsonl.gz unpacks to far more than text can; it is not read any further.",
    ]


def test_an_archive_of_many_small_bombs_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "_FREE", 10_000_000)
    members = {f"{number:02}.jsonl": '{"title": "In"}\n' + " " * 3_000_000 for number in range(30)}
    path = packed(tmp_path, members)
    records, said = read_until_it_breaks(path)
    assert 2 <= len(titles(records)) <= 4
    assert said == f"{path} unpacks to far more than text can; it is not read any further."


@pytest.mark.parametrize(
    ("name", "piece"), [("a.txt", b"word "), ("a.jsonl", b'{"title":'), ("a.csv", b'Title,"Year'), ("a.md", b"# A ")]
)
def test_one_endless_line_takes_bounded_memory(tmp_path: Path, name: str, piece: bytes) -> None:
    with (tmp_path / name).open("wb") as file:
        for _ in range(40):
            file.write(piece * (1_000_000 // len(piece)))
    tracemalloc.start()
    try:
        records: list[Record] = list(read_file(tmp_path / name))
    except ReaderError:
        records = []
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert titles(records) == []
    assert peak < 60_000_000
