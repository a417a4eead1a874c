"""The documentation as a site: every page there, no link that leads nowhere."""

import html
import re

import pytest


@pytest.fixture(scope='module')
def site(imported, tmp_path_factory):
    pytest.importorskip('pdoc', reason='comes with the extra "docs"')
    out = tmp_path_factory.mktemp('site')
    imported('site').build(out, ['ssljax.teachers'])
    return out


def test_links_lead_somewhere(site, imported):
    pages = [path for path in site.rglob('*.html') if 'ssljax' not in path.parts]
    assert len(pages) > len(imported('site').PAGES) + 1
    for page in pages:
        for link in re.findall(r'href="([^"#$]+)', page.read_text()):
            goal = (page.parent / html.unescape(link)).resolve()
            if '://' not in link and 'ssljax' not in str(goal.relative_to(site)):
                assert goal.is_file(), f'{page.relative_to(site)} links to {link}'


def test_every_page_leads_to_every_other(site, imported):
    for name in imported('site').PAGES:
        text = (site / 'experiments' / 'docs' / f'{name}.html').read_text()
        for other in imported('site').PAGES:
            assert f'href="../../experiments/docs/{other}.html"' in text
        assert '../../index.html' in text and '<!--' not in text.split('<main')[1]


def test_docstrings_are_pages(site):
    text = (site / 'ssljax' / 'teachers.html').read_text()
    assert 'SoftTeacher, slower by' in text and 'href="../index.html"' in text
    # What stands after '::' is code, each line its own.
    shown = text.partition('<p>Example:</p>')[2].partition('Source')[0]
    assert '<pre>' in shown and shown.index('ema') < shown.index('slow')
