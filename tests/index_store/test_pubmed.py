"""PubMed's two formats, and what XML can do to a reader."""

import tracemalloc
from pathlib import Path

import pytest

from index_store.readers import read_file
from index_store.readers.base import LONGEST_RECORD

from .formats import fixture, found_in, written

ARTICLE = (
    "<PubmedArticle><MedlineCitation><PMID>{0}</PMID><Article><ArticleTitle>Title {0}</ArticleTitle>"
    "<Abstract><AbstractText>{1}</AbstractText></Abstract></Article></MedlineCitation></PubmedArticle>\n"
)


def xml(*articles: str) -> str:
    return "<?xml version='1.0'?>\n<PubmedArticleSet>\n" + "".join(articles) + "</PubmedArticleSet>\n"


def test_nbib() -> None:
    found = fixture("nbib/pubmed.nbib")
    article, translated, vernacular, chapter = found.papers
    assert article.title == "Telling eukaryotes from bacteria in mixed samples by the order of their genes"
    assert article.authors == ("Lotte J U Pronk", "Kwame Osei", "Soil Sea and Sky Consortium")
    assert article.abstract.endswith("RESULTS: Gene order tells them apart in 94% of contigs.")
    assert (article.year, article.doi) == (2022, "10.5555/mg.0.000823")
    assert (article.venue, article.url) == ("Microbial genomics letters", "https://pubmed.ncbi.nlm.nih.gov/35000001/")
    assert (translated.title, translated.year) == ("Capillaries of the nail in cold weather", 1969)
    assert (translated.doi, translated.authors) == ("", ("Morel P",))
    assert (vernacular.title, vernacular.authors) == ("Struktur der Zelle", ("J D WEISS",))
    assert (chapter.title, chapter.venue, chapter.authors) == (
        "Glacier Fever",
        "Handbook of Rare Fevers",
        ("Eva Lund",),
    )
    assert found.complaints == [(49, "the record has no title (TI)")]


def test_xml() -> None:
    found = fixture("xml/pubmed.xml")
    article, vernacular, chapter = found.papers
    assert article.title == "Uptake of CO2 by Nostoc at 4°C"
    assert article.abstract == "BACKGROUND: Cold Nostoc is slow. RESULTS: It takes up half as much."
    assert article.authors == ("Lotte J U Pronk", "K Osei Jr", "Soil Sea and Sky Consortium")
    assert (article.year, article.doi, article.venue) == (2022, "10.5555/mg.0.000823", "Microbial genomics letters")
    assert article.url == "https://pubmed.ncbi.nlm.nih.gov/35000001/"
    assert (vernacular.title, vernacular.year) == ("Les capillaires de l'ongle", 1969)
    assert vernacular.doi == "10.5555/froid.1969"
    assert (chapter.title, chapter.venue, chapter.authors) == (
        "Glacier Fever",
        "Handbook of Rare Fevers",
        ("Eva Lund",),
    )
    assert chapter.year == 1993
    assert found.complaints == [(14, "the record 4000003 has no title")]


def test_what_comes_before_the_break_is_kept(tmp_path: Path) -> None:
    text = xml(ARTICLE.format(1, "One."), ARTICLE.format(2, "Two."), ARTICLE.format(3, "a < b"))
    found = found_in(written(tmp_path, "a.xml", text))
    assert found.titles == ["Title 1", "Title 2"]
    assert found.complaints == [(5, "the XML is broken here: not well-formed (invalid token)")]


def test_a_file_that_is_cut_short(tmp_path: Path) -> None:
    found = found_in(written(tmp_path, "a.xml", xml(ARTICLE.format(1, "One."), ARTICLE.format(2, "Two."))[:-60]))
    assert found.titles == ["Title 1"]
    assert [reason for _, reason in found.complaints] == ["the file is cut short here"]


def test_the_second_of_two_documents_in_one_file_is_told(tmp_path: Path) -> None:
    found = found_in(written(tmp_path, "a.xml", xml(ARTICLE.format(1, "One.")) + xml(ARTICLE.format(2, "Two."))))
    assert found.titles == ["Title 1"]
    assert found.complaints == [(5, "a second document begins here; put it into a file of its own")]


def test_entities_of_its_own_are_refused(tmp_path: Path) -> None:
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    text = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY l0 "ha">{laughs}]>\n<PubmedArticleSet>' + ARTICLE.format(
        1, "&l9;"
    )
    found = found_in(written(tmp_path, "bomb.xml", text))
    assert found.papers == []
    assert found.complaints == [(1, "the file defines entities of its own, which are not read")]


def test_files_elsewhere_are_not_opened(tmp_path: Path) -> None:
    secret = written(tmp_path, "secret.txt", "do not read")
    text = f'<!DOCTYPE x [<!ENTITY s SYSTEM "{secret.as_uri()}">]>\n<PubmedArticleSet>{ARTICLE.format(1, "&s;")}'
    found = found_in(written(tmp_path, "outside.xml", text))
    assert (found.papers, len(found.malformed)) == ([], 1)


def test_named_characters_are_read_where_a_document_type_allows_them(tmp_path: Path) -> None:
    text = '<!DOCTYPE PubmedArticleSet PUBLIC "-//NLM//DTD" "https://example.org/x.dtd">\n<PubmedArticleSet>'
    found = found_in(written(tmp_path, "a.xml", f"{text}{ARTICLE.format(1, 'caf&eacute; &mu;')}</PubmedArticleSet>"))
    assert found.papers[0].abstract == "café μ"


@pytest.mark.parametrize("filling", ["<b>x</b>" * 600_000, "x" * (LONGEST_RECORD + 1), "<b>" * 200 + "</b>" * 200])
def test_a_record_without_bounds_is_left_out_and_the_next_is_read(tmp_path: Path, filling: str) -> None:
    found = found_in(written(tmp_path, "a.xml", xml(ARTICLE.format(1, filling), ARTICLE.format(2, "Two."))))
    if filling.startswith("<b>x"):  # large, and yet within the bounds: 100,000 characters of abstract are too many
        assert "more than 100,000 characters" in found.complaints[0][1]
    else:
        assert found.complaints[0][1] in {
            "the record is longer than 4,000,000 characters",
            "the record is nested too deeply",
        }
    assert found.titles == ["Title 2"]


def test_a_tag_without_an_end_stops_the_reading(tmp_path: Path) -> None:
    text = xml(ARTICLE.format(1, "One."))[:-20] + "<a b='" + "x" * 6_000_000
    found = found_in(written(tmp_path, "a.xml", text))
    assert found.titles == ["Title 1"]
    assert found.complaints == [(4, "a tag is longer than 4,000,000 characters")]


def test_memory_stays_flat(tmp_path: Path) -> None:
    peaks = []
    for count in (1_000, 4_000):
        path = tmp_path / f"{count}.xml"
        with path.open("w") as file:
            file.write("<PubmedArticleSet>")
            file.writelines(ARTICLE.format(number, "Some words. " * 50) + "<Junk/>" for number in range(count))
            file.write("</PubmedArticleSet>")
        tracemalloc.start()
        assert sum(1 for _ in read_file(path)) == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.5
