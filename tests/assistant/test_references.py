"""References to copy: the rules of APA 7 for the papers there are, one safe line whatever a record holds."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant import Paper, address, bibtex, reference

NAMES = tuple(f"Ada{place} B. Lee{place}" for place in range(25))


def paper(**known: Any) -> Paper:
    return Paper(**({"title": "A title: And more", "abstract": "One.", "year": 2020} | known))


ATTENTION = Paper(
    "Attention Is All You Need",
    "One.",
    ("Ashish Vaswani", "Noam Shazeer", "Niki Parmar"),
    2017,
    arxiv_id="1706.03762",
)
DEEP_LEARNING = Paper(
    "Deep learning",
    "One.",
    ("Yann LeCun", "Yoshua Bengio", "Geoffrey Hinton"),
    2015,
    "Nature",
    "10.1038/nature14539",
)
BERT = Paper(
    "BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding",
    "One.",
    ("Jacob Devlin", "Ming-Wei Chang"),
    2019,
    "Proceedings of NAACL-HLT 2019",
    "10.18653/v1/n19-1423",
    "1810.04805",
)


@pytest.mark.parametrize(
    ("of", "apa", "plain"),
    [
        (
            DEEP_LEARNING,
            "LeCun, Y., Bengio, Y., & Hinton, G. (2015). Deep learning. Nature. https://doi.org/10.1038/nature14539",
            "Yann LeCun, Yoshua Bengio, Geoffrey Hinton. Deep learning. Nature, 2015. "
            "https://doi.org/10.1038/nature14539",
        ),
        (
            ATTENTION,
            "Vaswani, A., Shazeer, N., & Parmar, N. (2017). Attention Is All You Need (arXiv:1706.03762). arXiv. "
            "https://doi.org/10.48550/arXiv.1706.03762",
            "Ashish Vaswani, Noam Shazeer, Niki Parmar. Attention Is All You Need. arXiv:1706.03762, 2017. "
            "https://doi.org/10.48550/arXiv.1706.03762",
        ),
        (
            BERT,
            "Devlin, J., & Chang, M.-W. (2019). BERT: Pre-training of Deep Bidirectional Transformers for Language "
            "Understanding. In Proceedings of NAACL-HLT 2019. https://doi.org/10.18653/v1/n19-1423",
            "Jacob Devlin, Ming-Wei Chang. BERT: Pre-training of Deep Bidirectional Transformers for Language "
            "Understanding. Proceedings of NAACL-HLT 2019, 2019. https://doi.org/10.18653/v1/n19-1423",
        ),
    ],
)
def test_articles_preprints_and_proceedings(of: Paper, apa: str, plain: str) -> None:
    assert reference(of, "apa") == apa
    assert reference(of, "plain") == plain
    assert reference(of, "bibtex") == bibtex(of)


@pytest.mark.parametrize(
    ("known", "apa"),
    [
        ({"authors": NAMES[:1]}, "Lee0, A. B. (2020). A title: And more."),
        ({"authors": NAMES[:2]}, "Lee0, A. B., & Lee1, A. B. (2020). A title: And more."),
        ({}, "A title: And more. (2020)."),
        ({"venue": "Nature"}, "A title: And more. (2020). Nature."),
        ({"authors": NAMES[:1], "year": None}, "Lee0, A. B. (n.d.). A title: And more."),
        ({"title": "", "year": None}, "[Untitled]. (n.d.)."),
        ({"title": "Why?", "authors": NAMES[:1]}, "Lee0, A. B. (2020). Why?"),
        ({"title": r"$\mathcal{B}$-Coder in H$_2$"}, "ℬ-Coder in H₂. (2020)."),
        ({"title": "H<sub>2</sub> {x} & <b>"}, "H<sub>2</sub> {x} & <b>. (2020)."),
        ({"url": "https://x.org/a"}, "A title: And more. (2020). https://x.org/a"),
        ({"url": "javascript:alert(1)"}, "A title: And more. (2020)."),
        ({"venue": "arXiv.org", "arxiv_id": "2001.00001"},
         "A title: And more (arXiv:2001.00001). (2020). arXiv. https://doi.org/10.48550/arXiv.2001.00001"),
        ({"venue": "Proceedings of the National Academy of Sciences"},
         "A title: And more. (2020). Proceedings of the National Academy of Sciences."),
    ],
)  # fmt: skip
def test_what_is_not_known_is_left_out_in_the_style_of_the_apa(known: dict[str, Any], apa: str) -> None:
    assert reference(paper(**known), "apa") == apa


def test_of_more_than_twenty_authors_the_first_nineteen_and_the_last_are_named() -> None:
    twenty, more = reference(paper(authors=NAMES[:20]), "apa"), reference(paper(authors=NAMES[:21]), "apa")
    assert twenty.startswith("Lee0, A. B., Lee1") and ", & Lee19, A. B. (2020)" in twenty and "…" not in twenty
    assert "Lee18, A. B., … Lee20, A. B. (2020)" in more and "Lee19" not in more and "&" not in more
    assert "Lee9 et al. A title" in reference(paper(authors=NAMES[:11]), "plain")


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("Jan van der Berg", "van der Berg, J."),
        ("Jean-Paul Sartre", "Sartre, J.-P."),
        ("J.-P. Serre", "Serre, J.-P."),
        ("J.R.R. Tolkien", "Tolkien, J. R. R."),
        ("JA Smith", "Smith, J. A."),
        ("Élodie Núñez", "Núñez, É."),
        ("Иван Петров", "Петров, И."),
        ("王 小明", "王 小明."),
        ("Robert Downey Jr.", "Downey, R., Jr."),
        ("Aristotle", "Aristotle."),
        ("OpenAI", "OpenAI."),
        ("World Health Organization", "World Health Organization."),
        ("LIGO Scientific Collaboration", "LIGO Scientific Collaboration."),
        ("Gemini Team", "Gemini Team."),
    ],
)
def test_names_get_initials_and_groups_stay_whole(name: str, written: str) -> None:
    assert reference(paper(authors=(name,)), "apa") == f"{written} (2020). A title: And more."


def test_an_address_is_whole_and_plain() -> None:
    of = paper(doi="10.1002/(sici)1097-0258(1998)17:15<1661::aid>3.0.co;2-2")
    assert address(of) == "https://doi.org/10.1002/(sici)1097-0258(1998)17:15%3C1661::aid%3E3.0.co;2-2"
    assert address(paper(url="https://x.org/ä b\n\x00")) == "https://x.org/%C3%A4%20b"
    assert address(paper()) == ""


def test_an_unknown_style_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="'mla' is not a style; there are bibtex, apa, plain"):
        reference(paper(), "mla")  # type: ignore[arg-type]


nasty = st.text(st.sampled_from("aB.,-&'{}$\\<>\n\r\t\x00\x1b\x85\u2028\u202e\u200b\ud800\ue000 王é"), max_size=12)


@given(nasty, st.lists(nasty, max_size=3), nasty, nasty, nasty, nasty)
def test_hostile_records_give_one_line_without_control_characters(
    title: str, authors: list[str], venue: str, doi: str, arxiv_id: str, url: str
) -> None:
    of = Paper(title, "", tuple(authors), None, venue, doi, arxiv_id, f"https://x.org/{url}")
    for style in ("apa", "plain"):
        line = reference(of, style)  # type: ignore[arg-type]
        assert line and line == " ".join(line.split())
        assert not set(line) & set("\n\r\t\x00\x1b\x85\u2028\u202e\u200b\ud800\ue000")
        assert line.endswith(address(of)) and " " not in address(of) and address(of).isascii()
    assert not set(reference(of, "bibtex")) & set("\r\x00\x1b\ud800")
