"""DOIs and arXiv ids where formats without a field for them put them: in addresses, notes and names of journals."""

import re

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
