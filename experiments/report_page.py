"""The parts of a page: every text is escaped, every image is inside."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Sequence

STYLE = """
:root{color-scheme:light;--ink:#1a1f26;--soft:#5b6672;--line:#dde2e8;--good:#146c43;
--look:#9a4b00;--back:#f5f7f9}
*{box-sizing:border-box}
body{margin:0;font:16px/1.5 system-ui,sans-serif;color:var(--ink);
background:var(--back)}
header,main{max-width:1200px;margin:0 auto;padding:0 16px}
h1{font-size:1.6rem;line-height:1.25;margin:24px 0 8px;overflow-wrap:anywhere}
h2{font-size:1.25rem;margin:36px 0 12px;padding-top:8px;
border-top:2px solid var(--line)}
h3{font-size:1rem;margin:16px 0 6px;overflow-wrap:anywhere}
p{margin:6px 0;overflow-wrap:anywhere}
nav{margin:12px 0}nav a{display:inline-block;padding:6px 12px 6px 0}
a{color:#0b57a4}a:focus-visible,summary:focus-visible,[tabindex]:focus-visible{
outline:3px solid #0b57a4;outline-offset:2px}
.columns{display:grid;gap:16px;
grid-template-columns:repeat(auto-fit,minmax(min(100%,340px),1fr))}
.card{background:#fff;border:1px solid var(--line);border-radius:8px;
padding:12px 16px;min-width:0}
.score{font-size:2rem;font-weight:650;line-height:1.2}
.soft{color:var(--soft)}.good{color:var(--good);font-weight:600}
.look{color:var(--look);font-weight:600}
figure{margin:12px 0;min-width:0}img{max-width:100%;height:auto;display:block}
figcaption{color:var(--soft);font-size:.9rem}
.flow{display:grid;gap:0 24px;
grid-template-columns:repeat(auto-fit,minmax(min(100%,420px),1fr))}
.flow>*{min-width:0}.flow>div:has(.wide>img){grid-column:1/-1}
.wide{overflow-x:auto}.wide img{min-width:540px}
table{border-collapse:collapse;font-size:.9rem;width:100%}
caption{text-align:left;color:var(--soft);padding:4px 0}
th,td{text-align:right;padding:4px 8px;border-bottom:1px solid var(--line);
vertical-align:top}
th:first-child,td:first-child{text-align:left;overflow-wrap:anywhere;min-width:6em}
.text td,.text th{text-align:left;overflow-wrap:anywhere}
pre{white-space:pre-wrap;word-break:break-all;background:var(--back);
padding:10px;border-radius:6px;font-size:.85rem}
details{margin:8px 0}summary{cursor:pointer;padding:6px 0;font-weight:600}
footer{margin:36px 0 24px;color:var(--soft);font-size:.9rem}
@media print{details:not([open])>*{display:block}}
"""


def escape(text: object) -> str:
    """Returns text as HTML shows it, whatever it holds."""
    return html.escape(str(text))


def document(title: str, lead: str, sections: Sequence[tuple[str, str]]) -> str:
    """Returns the page.

    Nothing outside of it may be loaded and no script may run: the policy says so, too.

    Args:
      title: text.
      lead: HTML under the title.
      sections: (heading, HTML); those that are empty are left out.
    """
    kept = [(heading, body) for heading, body in sections if body]
    links = ''.join(
        f'<a href="#s{i}">{escape(heading)}</a>' for i, (heading, _) in enumerate(kept)
    )
    bodies = ''.join(
        f'<section aria-labelledby="s{i}"><h2 id="s{i}">{escape(heading)}</h2>{body}'
        '</section>\n'
        for i, (heading, body) in enumerate(kept)
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "img-src data:; style-src 'unsafe-inline'\">"
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{escape(title)}</title><style>{STYLE}</style></head>\n'
        f'<body><header><h1>{escape(title)}</h1></header>\n<main>{lead}'
        f'<nav aria-label="Sections">{links}</nav>\n{bodies}'
        '<footer>Made by experiments.report of ssljax. The page needs nothing else.'
        '</footer></main></body></html>\n'
    )


def paragraph(text: str, kind: str = '') -> str:
    """Returns a paragraph of text."""
    return f'<p{_class(kind)}>{escape(text)}</p>'


def card(heading: str, *parts: str) -> str:
    """Returns a box with a heading, of HTML parts."""
    top = f'<h3>{escape(heading)}</h3>' if heading else ''
    return f'<div class="card">{top}{"".join(parts)}</div>'


def columns(cards: Iterable[str]) -> str:
    """Returns boxes side by side, below each other where there is no room."""
    found = ''.join(cards)
    return f'<div class="columns">{found}</div>' if found else ''


def flow(parts: Iterable[str]) -> str:
    """Returns parts of a box, side by side where there is room."""
    return f'<div class="flow">{"".join(f"<div>{part}</div>" for part in parts)}</div>'


def figure(image: bytes, alt: str, caption: str = '', *, large: bool = False) -> str:
    """Returns an image, PNG or SVG, with what it shows in words.

    Args:
      image: the bytes of a file.
      alt: what it shows, for those who don't see it.
      caption: text below.
      large: whether a phone scrolls over it instead of making it small.
    """
    kind = 'png' if image.startswith(b'\x89PNG') else 'svg+xml'
    data = base64.b64encode(image).decode()
    below = f'<figcaption>{escape(caption)}</figcaption>' if caption else ''
    shown = f'<img src="data:image/{kind};base64,{data}" alt="{escape(alt)}">'
    if large:
        about = f'tabindex="0" role="region" aria-label="{escape(caption or alt)}"'
        shown = f'<div class="wide" {about}>{shown}</div>'
    return f'<figure>{shown}{below}</figure>'


def table(
    caption: str,
    heads: Sequence[object],
    lines: Iterable[Sequence[object]],
    *,
    text: bool = False,
) -> str:
    """Returns a table that a keyboard can scroll; the first column is heads of rows.

    Args:
      caption: what it is.
      heads: of the columns.
      lines: cells.
      text: whether the cells are words, and so begin at the left.
    """
    top = ''.join(f'<th scope="col">{escape(head)}</th>' for head in heads)
    body = ''.join(
        f'<tr><th scope="row">{escape(first)}</th>'
        + ''.join(f'<td>{escape(cell)}</td>' for cell in rest)
        + '</tr>'
        for first, *rest in lines
    )
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{escape(caption)}">'
        f'<table{_class("text" * text)}><caption>{escape(caption)}</caption>'
        f'<thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def folded(summary: str, *parts: str, unfolded: bool = False) -> str:
    """Returns what opens at a click or a key."""
    state = ' open' if unfolded else ''
    head = f'<summary>{escape(summary)}</summary>'
    return f'<details{state}>{head}{"".join(parts)}</details>'


def code(text: str) -> str:
    """Returns text as it is typed."""
    return f'<pre>{escape(text)}</pre>'


def _class(kind: str) -> str:
    return f' class="{escape(kind)}"' if kind else ''
