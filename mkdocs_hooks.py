"""Pages of the documentation site that are made, not written: start, studies, gallery, API.

MkDocs calls the functions ``on_*``. Studies are described by their docstrings and by the last run
found in the folder that ``WIDTHWISE_RUNS`` names (``runs`` by default).
"""

import ast
import os
import re
from html import escape
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

import widthwise as ww
from widthwise.experiments import Run, Study
from widthwise.experiments.claim_rows import headline, rows
from widthwise.experiments.parameters import value_in_words
from widthwise.plotting import svg
from widthwise.report.wording import duration, label
from widthwise.studies import find_study, study_names

ROOT = Path(__file__).parent
COPIED = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changes.md",
}
AREAS = [
    path.name for path in (ROOT / "src" / "widthwise").iterdir() if (path / "__init__.py").exists()
]


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Fill the two headings of the navigation whose pages are found by looking."""
    studies = [{label(name): f"studies/{name}.md"} for name in study_names()]
    areas = [{f"widthwise.{area}": f"api/{area}.md"} for area in sorted(_areas())]
    for heading in config.nav or []:
        if "Studies" in heading:
            heading["Studies"] = ["studies/index.md", "gallery.md", *studies]
        if "API" in heading:
            heading["API"] = areas
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made."""
    made = {target: _copied(source) for source, target in COPIED.items()}
    runs = _last_runs()
    studies = [find_study(name) for name in study_names()]
    made |= {f"studies/{cls.name}.md": _study(cls, runs.get(cls.name)) for cls in studies}
    made |= {"studies/index.md": _overview(studies, runs), "gallery.md": _gallery(runs)}
    made |= {f"api/{area}.md": _reference(area, names) for area, names in _areas().items()}
    for path, text in made.items():
        files.append(File.generated(config, path, content=text))
    return files


def _copied(source: str) -> str:
    """Return a page of the repository's root with links that hold on the site."""
    text = (ROOT / source).read_text(encoding="utf-8")
    text = text.replace("](docs/", "](").replace("[docs/", "[")
    for name, target in COPIED.items():
        text = text.replace(f"]({name})", f"]({target})")
    # Whatever else lies in the repository is not part of the site: its name is enough.
    return re.sub(r"\[([^]]*)\]\((?:src|tests|benchmarks)/[^)]*\)", r"\1", text)


def _last_runs() -> dict[str, Run]:
    """Return the run of each study that was finished last and is of its present revision."""
    found: dict[str, Run] = {}
    for path in Path(os.environ.get("WIDTHWISE_RUNS", ROOT / "runs")).glob("*/run.nc"):
        run = Run.load(path)
        known = found.get(run.study)
        present = run.study in study_names()
        present = present and run.provenance["revision"] == find_study(run.study).revision
        if present and (not known or known.provenance["finished"] < run.provenance["finished"]):
            found[run.study] = run
    return found


def _study(cls: type[Study], run: Run | None) -> str:
    source = cls.reference
    link = f" [arXiv:{source.arxiv}](https://arxiv.org/abs/{source.arxiv})" if source.arxiv else ""
    lines = [
        f"# {label(cls.name)}",
        f"**{cls.question}**",
        f"{', '.join(source.authors)} ({source.year}). {source.title}. {source.venue}{link}",
        f"```console\nwidthwise run {cls.name}\n```",
        _docstring(cls),
    ]
    page = ROOT / "docs" / f"{cls.name.replace('-', '_')}.md"
    if page.exists():
        lines.append(f"More: [{label(cls.name)} in detail](../{page.name}).")
    lines += [
        "## Parameters",
        _table(
            ("name", "accepted", "default", "meaning"),
            [
                (
                    f"`{row.name}`",
                    ", ".join(filter(None, (row.type, row.range))),
                    row.default,
                    row.help,
                )
                for row in cls.describe()
            ],
        ),
    ]
    if run is None:
        return "\n\n".join([*lines, "## Claims", "No run was at hand when this page was made."])
    changed = {row.name: row.default for row in run.described}
    given = [
        f"`{name}` {words}"
        for name, value in run.parameters.items()
        if (words := value_in_words(value)) != changed[name]
    ]
    lines += [
        "## Claims, as of the last run",
        f"{headline(run.claims)} {duration(run.seconds)}, {run.provenance['device']}"
        + (f"; other than by default: {', '.join(given)}." if given else "."),
        _table(
            ("claim", "predicted", "measured", "verdict"),
            [
                (
                    row.exact.statement,
                    row.predicted,
                    f"{row.measured} ± {row.error}",
                    f"{row.symbol} {row.exact.verdict}",
                )
                for row in rows(run.claims)
            ],
        ),
        "## Figures",
        *_figures(run),
    ]
    return "\n\n".join(lines)


def _figures(run: Run, *, first: int | None = None) -> list[str]:
    return [
        f"### {picture.title}\n\n<figure>"
        f"{svg(picture, prefix=f'{run.study}-{picture.name}')}"
        f"<figcaption>{escape(picture.caption)}</figcaption></figure>"
        for picture in run.figures()[:first]
    ]


def _overview(studies: list[type[Study]], runs: dict[str, Run]) -> str:
    table = [
        (
            f"[{label(cls.name)}]({cls.name}.md)",
            cls.question,
            headline(runs[cls.name].claims) if cls.name in runs else "not run",
        )
        for cls in studies
    ]
    words = (
        "A study is a published result, executed: a prediction from theory, a measurement on real "
        "networks, and claims with a verdict. These are the outcomes of the runs from which this "
        "site was made."
    )
    return "\n\n".join(["# Studies", words, _table(("study", "question", "outcome"), table)])


def _gallery(runs: dict[str, Run]) -> str:
    lines = ["# Gallery", "One picture of each study, drawn from the run file of a real run."]
    for name, run in sorted(runs.items()):
        lines.append(f"## [{label(name)}](studies/{name}.md)")
        lines += _figures(run, first=1)
    return "\n\n".join(lines)


def _areas() -> dict[str, list[str]]:
    """Return the public names of each area, as the stubs of the package list them."""
    return {area: names for area in AREAS if (names := _public(area))}


def _public(area: str) -> list[str]:
    folder = ROOT / "src" / "widthwise" / area
    stub = next(path for path in (folder / "__init__.pyi", folder / "__init__.py") if path.exists())
    tree = ast.parse(stub.read_text(encoding="utf-8"))
    return sorted(
        {
            alias.asname
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
            if alias.asname == alias.name and not alias.name.startswith("_")
        }
    )


def _reference(area: str, names: list[str]) -> str:
    """Return the page of one area: what it is, then each name where it is defined."""
    module = getattr(ww, area)
    lines = [f"# widthwise.{area}", _docstring(module)]
    for name in names:
        found = getattr(module, name)
        home = getattr(found, "__module__", "")
        if callable(found) and home.startswith("widthwise") and hasattr(found, "__qualname__"):
            # The first line is where docstrings link to: the name as users import it.
            lines.append(f"[](){{#widthwise.{area}.{name}}}\n\n::: {home}.{found.__qualname__}")
    return "\n\n".join(lines)


def _docstring(thing: object) -> str:
    """Return a docstring as Markdown: single backquotes, and blocks after a double colon."""
    text = getattr(thing, "__doc__", "") or ""
    first, _, rest = text.partition("\n")
    lines = rest.expandtabs().splitlines()
    margin = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    body = "\n".join([first.strip(), *(line[margin:] for line in lines)]).strip()
    body = re.sub(r":(?:func|class|mod|meth|attr):`~?([^`]+)`", r"`\1`", body)
    return re.sub(r"::(\s*\n)", r":\1", body.replace("``", "`"))


def _table(head: tuple[str, ...], body: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *body]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
