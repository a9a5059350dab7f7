"""The work that a study executes, as a citation."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A published work.

    Parameters
    ----------
    title, authors, year
        As printed; authors as "First Last".
    arxiv
        The identifier alone, such as ``"2510.06527"``.
    venue, doi, url
        Where else it can be found; empty when there is nothing.

    Examples
    --------
    >>> title = "Priors for infinite networks"
    >>> work = Reference(title=title, authors=("Radford M. Neal",), year=1996)
    >>> work.short
    'Neal 1996'
    >>> print(work.bibtex())
    @misc{neal1996priors,
      title = {{Priors for infinite networks}},
      author = {Radford M. Neal},
      year = {1996},
    }
    """

    title: str
    authors: tuple[str, ...]
    year: int
    arxiv: str = ""
    venue: str = ""
    doi: str = ""
    url: str = ""

    def __post_init__(self) -> None:
        if not self.title or not self.authors:
            raise ValueError("a Reference needs a title and at least one author")

    @property
    def short(self) -> str:
        """The work in a few words, such as ``Dunbar & Aaronson 2025, arXiv 2510.06527``."""
        families = [_family(author) for author in self.authors]
        names = f"{families[0]} et al." if len(families) > 2 else " & ".join(families)
        return f"{names} {self.year}" + (f", arXiv {self.arxiv}" if self.arxiv else "")

    @property
    def link(self) -> str:
        """The address of the work, or an empty string."""
        if self.url:
            return self.url
        if self.doi:
            return f"https://doi.org/{self.doi}"
        return f"https://arxiv.org/abs/{self.arxiv}" if self.arxiv else ""

    @property
    def key(self) -> str:
        """The BibTeX key: family name, year, first long word of the title."""
        words = [word for word in re.findall(r"[a-z]+", self.title.lower()) if len(word) > 3]
        family = re.sub(r"[^a-z]", "", _family(self.authors[0]).lower())
        return f"{family}{self.year}{words[0] if words else ''}"

    def bibtex(self) -> str:
        """Return the BibTeX entry, ready to paste."""
        fields = {
            "title": f"{{{self.title}}}",
            "author": " and ".join(self.authors),
            "year": str(self.year),
            "eprint": self.arxiv,
            "archivePrefix": "arXiv" if self.arxiv else "",
            "journal": self.venue,
            "doi": self.doi,
            "url": self.url,
        }
        lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
        kind = "article" if self.venue else "misc"
        return "\n".join([f"@{kind}{{{self.key},", *lines, "}"])


def _family(author: str) -> str:
    return author.split()[-1]
