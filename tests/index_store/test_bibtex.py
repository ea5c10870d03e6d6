"""BibTeX as the tools that export it write it, and as people break it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index_store.errors import ReaderError
from index_store.papers import Paper
from index_store.readers.base import LONGEST_RECORD
from index_store.readers.latex import to_text

from .formats import fixture, found_in, written


def test_zotero() -> None:
    found = fixture("bibtex/zotero.bib")
    assert found.titles == [
        "Harvest timing and the sugar content of Riesling grapes in a warming climate",
        "Sparse Attention for Long Letters",
        "Reading the River",
    ]
    first, preprint, book = found.papers
    assert first.authors == ("Jürgen Schmidt", "María de la Cruz", "OIV Working Group")
    assert (first.year, first.venue) == (2019, "Journal of Vine Science")
    assert first.doi == "10.5555/vine_2019.12"
    assert first.url == "https://example.org/harvest_timing?id=7&view=full"
    assert first.abstract.endswith("by 0.4°Bx per decade, while 95% of the acid stays.")
    assert (preprint.arxiv_id, preprint.doi, preprint.venue) == ("2301.04567", "", "")
    assert preprint.abstract == "Letters of many pages do not fit a model. We keep $k$ of $n$ positions."
    assert (book.venue, book.abstract) == ("Delta Press", "")
    assert found.malformed == []


def test_better_bibtex_with_biblatex_names_and_fields() -> None:
    article, online = fixture("bibtex/better_bibtex.bib").papers
    assert article.title == "Slow Buses, Fast Bikes: Commuting in Brno after the Tram Strike"
    assert article.authors == ("Petr Novák", "Anna van den Berg")
    assert (article.year, article.venue) == (2021, "Transport Letters")
    assert article.abstract.startswith("A strike of 40 days")
    assert (online.title, online.arxiv_id) == ("Counting Tokens: What a Word Costs", "2207.00123")


def test_mendeley_with_its_braces_and_tags() -> None:
    (paper,) = fixture("bibtex/mendeley.bib").papers
    assert paper.title == "Larvae that listen: sound & settlement on coral reefs"
    assert paper.authors == ("João Ferreira", "Nuño García-López", "K. Müller")
    assert paper.doi == "10.5555/reef_2017"
    assert paper.url == "http://example.org/reef_sound"
    assert paper.arxiv_id == "1706.01234"
    assert paper.venue == "Marine Sound & Ecology"
    assert paper.abstract.startswith("Coral larvae settle")
    assert paper.abstract.endswith("noise raised settlement by 30%.")


def test_jabref_with_macros_mathematics_and_comments() -> None:
    article, thesis = fixture("bibtex/jabref.bib").papers
    assert article.title == r"On the fatigue of I-beams with $\sigma_{max} < 0.5\,f_y$"
    assert article.venue == "Journal of Bridge Safety, Series B"
    assert article.authors == ("Hiroshi Tanaka", "Søren Ørsted")
    assert article.abstract.endswith("longer—as long as rust is kept away. A second paragraph follows.")
    assert (thesis.title, thesis.venue) == ('A Bridge "of Sighs"', "Université de Lyon")
    assert thesis.authors == ("Élise Moreau",)


def test_google_scholar() -> None:
    conference, preprint = fixture("bibtex/google_scholar.bib").papers
    assert conference.authors == ("Ivan Petrov", "Siobhán O'Neill")
    assert conference.venue == "International Conference on Learning Maps"
    assert preprint.arxiv_id == "2005.09876"


def test_acl_anthology() -> None:
    found = fixture("bibtex/acl_anthology.bib")
    (paper,) = found.papers
    assert paper.title == "Low-Resource Morphology with a Bayesian Dictionary: “Small Is Enough”"
    assert paper.authors == ("Selam Abebe", "Ji-woo Kim", "José Martínez")
    assert paper.abstract == "A dictionary of 2% of the words is enough for an F$_1$ of 0.8."
    assert [remark.text for remark in found.remarks] == [
        "1 proceedings without an abstract are volumes, and not taken for papers."
    ]


def test_arxiv_itself() -> None:
    new, old = fixture("bibtex/arxiv.bib").papers
    assert new.title == r"Quiet Gradients: Training at $O(\log n)$ Memory"
    assert new.authors == ("Ravi Iyer", "Ludwig van der Meer", "Zoë")
    assert (new.arxiv_id, old.arxiv_id) == ("2211.01234", "hep-th/9901001")


def test_dblp_takes_the_venue_and_the_year_from_the_volume() -> None:
    papers = {paper.title: paper for paper in fixture("bibtex/dblp.bib").papers}
    assert len(papers) == 3
    assert papers["Walking in Random Forests"].venue == "WOODS"
    assert papers["Walking in Random Forests"].year == 2018
    assert papers["Walking in Random Forests"].authors == ("Lena Bauer", "Tomás Silva")
    assert papers["Pruning in Winter"].venue == "Woods 2018, The Fifth Symposium on Trees, Uppsala, Sweden"
    assert papers["Roots of Trees"].arxiv_id == "1803.04321"


def test_scopus_with_its_heading() -> None:
    article, conference = fixture("bibtex/scopus.bib").papers
    assert article.doi == "10.5555/j.foodcult.2020.103"
    assert "12% of them are yeasts. ©" in article.abstract
    assert article.url.endswith("partnerID=40")
    assert conference.venue == "Proceedings of the Conference on Street Food, CSF 2019"


def test_web_of_science_with_its_indents() -> None:
    (paper,) = fixture("bibtex/web_of_science.bib").papers
    assert paper.authors == ("Ida Larsen", "Noam Ben-David")
    assert paper.abstract.endswith("a rule that foresees 70% of the worst.")
    assert (paper.year, paper.venue) == (2016, "COLD REGIONS ENGINEERING")


def test_crossref_on_one_line_with_tags_and_entities() -> None:
    (paper,) = fixture("bibtex/crossref.bib").papers
    assert paper.title == "Copper & DNA: binding of Cu2+ in E. coli"
    assert paper.venue == "Metals & Life"
    assert paper.doi == "10.5555/cu.2018.9"


def test_what_is_broken_costs_itself_only() -> None:
    found = fixture("bibtex/broken.bib")
    assert found.titles == [
        *("The first", "The second", "The third, with (parentheses) and a ) in it", "Two on", "one line"),
    ]
    second = found.papers[1]
    assert (second.authors, second.year) == (("Ana Lima",), 2003)
    assert found.complaints == [
        (9, "the entry is not closed before the next one begins"),
        (21, "the entry closes too early: one } too many"),
        (26, "the entry 'nameless' has no title"),
        (31, "the entry is not closed at the end of the file"),
    ]


def test_an_endless_entry_is_left_out_and_the_next_is_read(tmp_path: Path) -> None:
    line = "x" * 1_000_000 + "\n"
    text = "@misc{long, title={" + line * (LONGEST_RECORD // 1_000_000 + 1) + "}}\n@misc{next, title={The next}}\n"
    found = found_in(written(tmp_path, "long.bib", text))
    assert found.titles == ["The next"]
    assert found.complaints == [(1, "the entry is longer than 4,000,000 characters")]


def test_macros_that_double_each_other_are_refused_before_they_fill_the_memory(tmp_path: Path) -> None:
    macros = "".join(f"@string{{m{n} = m{n - 1} # m{n - 1}}}\n" for n in range(1, 60))
    text = f'@string{{m0 = "{"x" * 1000}"}}\n{macros}@misc{{a, title = m59}}\n@misc{{b, title={{Still here}}}}\n'
    found = found_in(written(tmp_path, "bomb.bib", text))
    assert "Still here" in found.titles
    assert found.complaints[0][1] == "'m8' is longer than 200,000 characters"


def test_a_bib_file_without_an_entry_is_not_taken_for_text(tmp_path: Path) -> None:
    with pytest.raises(ReaderError, match="holds no papers"):
        found_in(written(tmp_path, "empty.bib", "% nothing yet\n\nSome words about it.\n"))


def test_bibtex_is_known_by_its_content(tmp_path: Path) -> None:
    found = found_in(written(tmp_path, "copied.txt", "% copied\n\n@Article{a,\n title={A title},\n year=2001}\n"))
    assert found.titles == ["A title"]


@pytest.mark.parametrize(
    ("written_as", "name"),
    [
        ("Ludwig van Beethoven", "Ludwig van Beethoven"),
        ("van Beethoven, Ludwig", "Ludwig van Beethoven"),
        ("King, Jr., Martin Luther", "Martin Luther King Jr."),
        ("{Ministry of Health, Section Five}", "Ministry of Health Section Five"),
        ("{Barnes and Noble}", "Barnes and Noble"),
        (r"{\'E}tienne {\"O}z", "Étienne Öz"),
        ("family=Zhao, given=Li, suffix=Jr", "Li Zhao Jr"),
        ("Wei Wang 0001", "Wei Wang"),
    ],
)
def test_forms_of_names(tmp_path: Path, written_as: str, name: str) -> None:
    path = written(tmp_path, "a.bib", f"@misc{{a, title={{T}}, author={{{written_as} and Last, First}}}}")
    assert found_in(path).papers[0].authors == (name, "First Last")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("note={arXiv: 2001.00001v2}", {"arxiv_id": "2001.00001"}),
        ("number={arXiv:2001.00001}", {"arxiv_id": "2001.00001"}),
        ("url={https://arxiv.org/pdf/2001.00001v3.pdf}", {"arxiv_id": "2001.00001"}),
        ("url={https://doi.org/10.5555/A_b}", {"doi": "10.5555/a_b"}),
        (r"doi={10.5555/a\_b}", {"doi": "10.5555/a_b"}),
        ("doi={https://dx.doi.org/10.5555/a}", {"doi": "10.5555/a"}),
        (r"howpublished={\url{https://example.org/x}}", {"url": "https://example.org/x"}),
        ("date={2019-03/2019-05}", {"year": 2019}),
        ("year={to appear}", {"year": None}),
        (r"journal={\apj}", {"venue": "The Astrophysical Journal"}),
        ("institution={Lab}, type={Report}", {"venue": "Lab"}),
    ],
)
def test_forms_of_fields(tmp_path: Path, fields: str, expected: dict[str, object]) -> None:
    (paper,) = found_in(written(tmp_path, "a.bib", f"@misc{{a, title={{T}}, {fields}}}")).papers
    assert {name: getattr(paper, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("latex", "text"),
    [
        (r"Sch{\"o}lkopf, \'{\i}, \v{S}, \c c, \ss, {\O}", "Schölkopf, í, Š, ç, ß, Ø"),
        (r"50% \% \& \_ \# \$5", "50% % & _ # $5"),
        (r"a_b and c^2", "a_b and c^2"),
        (r"``quoted'' --- pages 1--2", "“quoted” — pages 1–2"),
        (r"\emph{two words} \textbf{bold} \cite{key}", "two words bold"),
        (r"$\alpha_{1}$ {and \(x\)}", r"$\alpha_{1}$ and \(x\)"),
        (r"costs $5 or {more}", "costs $5 or more"),
        ("broken \\href", "broken \\href"),
    ],
)
def test_latex_becomes_text(latex: str, text: str) -> None:
    assert to_text(latex) == text


@given(st.text(alphabet="\\{}$%&~^_'\"`aceiu()[]-?! \n", max_size=60))
def test_no_latex_is_too_broken(latex: str) -> None:
    assert to_text(latex).count("\n") == 0


def test_records_keep_the_name_of_their_file() -> None:
    assert {paper.source for paper in fixture("bibtex/zotero.bib").papers} == {"zotero.bib"}
    assert all(isinstance(paper, Paper) and paper.id for paper in fixture("bibtex/zotero.bib").papers)
