"""``widthwise cite``: the work behind a study."""


def cite(study: str, /) -> None:
    """Print the BibTeX entry of the work that a study executes.

    Example: `widthwise cite no-coincidence >> references.bib`

    Parameters
    ----------
    study
        The name of a study; `widthwise list` shows them.
    """
    from widthwise.studies import find_study

    print(find_study(study).reference.bibtex())
