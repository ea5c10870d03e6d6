"""DOIs and arXiv ids: as they are kept, and where formats without a field for them put them.

The latter are addresses, notes and names of journals; what is found there must be an identifier and nothing else.
"""

import re
from urllib.parse import unquote

_ARXIV_ID = r"(\d{4}\.\d{4,5}|[a-z-]+(?:\.[A-Z]{2})?/\d{7})(?:v\d+)?"
_NAMED = re.compile(
    rf"(?:arxiv\s+preprint\s+|arxiv\s+e-prints?,?\s+)?arxiv\s*:\s*(?:abs/)?{_ARXIV_ID}(?!\d)", re.IGNORECASE
)
_BARE = re.compile(_ARXIV_ID)
_ADDRESS = re.compile(
    rf"(?:https?://)?(?:www\.|export\.)?arxiv\.org/(?:abs|pdf|html)/{_ARXIV_ID}(?:\.pdf)?/?", re.IGNORECASE
)
_DOI = re.compile(r"(?:doi:\s*|https?://(?:dx\.)?doi\.org/)?(10\.\d{4,9}/\S+)", re.IGNORECASE)
_DOI_ADDRESS = re.compile(r"https?://(?:dx\.)?doi\.org/(10\.\d{4,9}/\S+)", re.IGNORECASE)
_DOI_WITHIN = re.compile(r"10\.\d+/\S+")
_OF_AN_ADDRESS = re.compile(r"[?#].*")
_ARXIV_ID_WITHIN = re.compile(
    r"(?<![\w.])(\d{4}\.\d{4,5}|([a-z-]+)(?:\.[a-z]{2})?/(\d{7}))(?:v\d+)?(?!\w)", re.IGNORECASE
)
_ARXIV_VERSION = re.compile(r"v\d+$", re.IGNORECASE)
_DOI_PREFIX = re.compile(r"^(https?://(dx\.)?doi\.org/|doi:\s*)+", re.IGNORECASE)
_ARXIV_PREFIX = re.compile(r"^(https?://arxiv\.org/(abs|pdf)/|arxiv:\s*)+", re.IGNORECASE)
_ARXIV_DOI = re.compile(r"10\.48550/arxiv\.", re.IGNORECASE)  # what arXiv itself registers for a preprint


def kept_identifiers(doi: str, arxiv_id: str) -> tuple[str, str]:
    """A DOI and an arXiv id as they are kept, however they are written; the DOI of a preprint is its arXiv id."""
    kept, number = _kept_doi(doi), _kept_arxiv_id(arxiv_id)
    if of_arxiv := _ARXIV_DOI.match(kept):
        return "", number or _kept_arxiv_id(kept[of_arxiv.end() :])
    return kept, number


def _kept_doi(text: str) -> str:
    """The DOI in small letters, however it is written: as an address, after "doi:", with what ends a sentence.

    What holds none is given back, without such a beginning.
    """
    an_address = "doi.org/" in text.lower()
    written = unquote(text) if an_address or "%2f" in text.lower() else text
    found = _DOI_WITHIN.search(written)
    if not found:
        return _DOI_PREFIX.sub("", text).lower()
    doi = (_OF_AN_ADDRESS.sub("", found[0]) if an_address else found[0]).rstrip(".,;/").lower()
    return doi if "<" in doi else doi.rstrip(">")  # those in brackets are of old journals, "<1:aid>3.0.co;2-x"


def _kept_arxiv_id(text: str) -> str:
    """The arXiv id without its version, however it is written: with "arXiv:", as an address, with its class.

    What holds none is given back, without such a beginning.
    """
    found = _ARXIV_ID_WITHIN.search(_ARXIV_DOI.sub("", text).removesuffix(".pdf"))
    if not found:
        return _ARXIV_VERSION.sub("", _ARXIV_PREFIX.sub("", text).removesuffix(".pdf"))
    return f"{found[2].lower()}/{found[3]}" if found[2] else found[1]


def named_arxiv_id(text: str) -> str:
    """The id that a text begins with: "arXiv:2309.17453 [cs]", "arXiv preprint arXiv:2309.17453"."""
    found = _NAMED.match(text.strip())
    return found[1] if found else ""


def bare_arxiv_id(text: str) -> str:
    """The text itself, without a version, if it is an arXiv id and nothing else."""
    found = _BARE.fullmatch(text.strip())
    return found[1] if found else ""


def arxiv_id_of_address(address: str) -> str:
    """The id of the paper that an address of arXiv leads to."""
    found = _ADDRESS.fullmatch(address.strip())
    return found[1] if found else ""


def doi_of_address(address: str) -> str:
    """The DOI that an address of doi.org stands for."""
    found = _DOI_ADDRESS.fullmatch(address.strip())
    return found[1] if found else ""


def bare_doi(text: str) -> str:
    """The DOI, if the text is one and nothing else, however it is introduced."""
    found = _DOI.fullmatch(text.strip())
    return found[1] if found else ""
