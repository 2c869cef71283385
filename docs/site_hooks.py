"""Fits the documents of the repository into one site: the index is the navigation, pages of the root come along."""

import os
import re
from pathlib import Path
from typing import Any

from properdocs.structure.files import File, Files

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = {
    "README.md": "readme.md",
    "ARCHITECTURE.md": "architecture.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changes.md",
}
"""Of the root, and their names in the site."""
_LINK = re.compile(r"(\]\()([^)#\s]+)((?:#[^)\s]*)?\))")
_GROUP = re.compile(r"^\*\*(\w+)\*\*")


def on_config(config: Any) -> Any:  # Any: the generator's own types
    """The groups of the index are the groups of the navigation."""
    groups: list[tuple[str, list[dict[str, str]]]] = []
    for line in (DOCS / "index.md").read_text(encoding="utf-8").splitlines():
        if group := _GROUP.match(line):
            groups.append((group[1], []))
        for title, target in re.findall(r"\[([^\]]+)\]\(([^)#]+)\)", line) if groups else ():
            page = _in_site((DOCS / target).resolve())
            if page.endswith(".md"):
                groups[-1][1].append({title[:1].upper() + title[1:]: page})
    about = [{"In a minute": "readme.md"}, {"Changes": "changes.md"}, {"Contributing": "contributing.md"}]
    config.nav = [{"Start": "index.md"}, *({name: pages} for name, pages in groups), {"About": about}]
    return config


def on_files(files: Files, config: Any) -> Files:  # Any: as above
    """The pages of the root, and every file outside of `docs` to which a page leads."""
    for name, place in PAGES.items():
        files.append(File.generated(config, place, content=(ROOT / name).read_text(encoding="utf-8")))
    sources = [*DOCS.rglob("*.md"), *(ROOT / name for name in PAGES)]
    links = {(each.parent / found[1]).resolve() for each in sources for found in _LINK.findall(each.read_text("utf-8"))}
    for file in sorted(links):
        if file.is_file() and not file.is_relative_to(DOCS) and file.name not in PAGES:
            files.append(File.generated(config, _in_site(file), abs_src_path=str(file)))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:  # Any: as above
    """Links that lead from file to file in the repository lead from page to page in the site."""
    del config, files
    place = page.file.src_uri
    source = ROOT / next((name for name, site in PAGES.items() if site == place), f"docs/{place}")

    def moved(link: re.Match[str]) -> str:
        if ":" in link[2]:
            return link[0]
        target = _in_site((source.parent / link[2]).resolve())
        return f"{link[1]}{os.path.relpath(target, Path(place).parent)}{link[3]}"

    return _LINK.sub(moved, markdown)


def _in_site(file: Path) -> str:
    """Where a file of the repository stands in the site."""
    if file.is_relative_to(DOCS):
        return file.relative_to(DOCS).as_posix()
    name = file.relative_to(ROOT).as_posix() if file.is_relative_to(ROOT) else file.name
    return PAGES.get(name, f"files/{name}")
