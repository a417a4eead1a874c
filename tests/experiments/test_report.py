"""The page of a tiny job: whole, closed, and of nothing that a name smuggles in."""

import csv
import json
import re
import shutil
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from experiments import report_answers, report_figures, report_page, report_read


class Page(HTMLParser):
    """Collects what a page is made of, and checks that its tags are closed."""

    VOID = {'meta', 'img'}

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.images, self.ids, self.links = [], [], [], [], []
        self.text = ''
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.tags.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == 'img':
            self.images.append(given)
        if 'id' in given:
            self.ids.append(given['id'])
        if tag == 'a':
            self.links.append(given['href'])

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] != ['style']:
            self.text += data


def read(path):
    text = path.read_text()
    page = Page(text)
    assert text.startswith('<!DOCTYPE html>') and 'name="viewport"' in text
    # Nothing outside, nothing that runs.
    assert not {'script', 'link', 'iframe', 'object'} & set(page.tags)
    assert not re.search(r'(?:src|href)="(?!data:image/|#)', text)
    for image in page.images:
        assert image['src'].startswith('data:image/') and len(image['alt']) > 20
    assert set(page.links) == {f'#{name}' for name in page.ids}
    return page


HOSTILE = '<script>alert(1)</script> "&$\\frac'


@pytest.fixture
def photos(tmp_path):
    """A table of 60 grey pictures of 3 classes, one with a name that is no name."""
    random = np.random.default_rng(0)
    with open(tmp_path / 'labels.csv', 'w', newline='') as file:
        table = csv.writer(file)
        table.writerow(['path', 'label'])
        for i in range(60):
            pixels = random.integers(0, 60, (8, 8), np.uint8)
            pixels[:, i % 3] += 150
            Image.fromarray(pixels).save(tmp_path / f'{i:02}.png')
            table.writerow([f'{i:02}.png', (HOSTILE, 'b', 'c')[i % 3]])
    return tmp_path / 'labels.csv'


def test_a_job_becomes_a_page_and_names_are_text(command, tiny, photos, tmp_path):
    work = tmp_path / '<b>job'
    flags = ['--config=experiments/configs/digits/mean_teacher.py', *tiny]
    flags += [f'--config.data={photos}', '--config.labels_per_class=4']
    code, _, err = command('train', *flags, f'--workdir={work}')
    assert code == 0, err
    out = tmp_path / 'report.html'
    code, said, err = command('report', f'--workdir={work}', f'--out={out}')
    assert code == 0 and str(out) in said, err
    page = read(out)
    for text in (
        'test accuracy by the teacher',
        'Findings',
        'python -m experiments.train \\\n  --config=experiments/configs/',
        '--config.steps=12',
        'expected calibration error',
        'Pseudo-labels',
        'version of jax',
        HOSTILE,
        '<b>job',
    ):
        assert text in page.text, text
    assert 'b' not in page.tags
    assert len(page.images) >= 6
    assert any(one['alt'].startswith('Views weak, strong of 4') for one in page.images)
    summary = json.loads((work / 'summary.json').read_text())
    assert f'{100 * summary["test_accuracy"]:.1f} %' in page.text
    assert isinstance(summary['findings'], list)

    # Beside it a copy that is not finished, and whose data are gone.
    other = tmp_path / 'other'
    shutil.copytree(work, other)
    (other / 'summary.json').unlink()
    config = json.loads((other / 'config.json').read_text())
    config['data'] = 'gone.npz'
    (other / 'config.json').write_text(json.dumps(config))
    both = [f'--workdir={work}', f'--workdir={other}', f'--out={out}']
    code, _, err = command('report', *both)
    assert code == 0, err
    page = read(out)
    assert 'The job has no summary: it is not finished. It logged 12 of 12' in page.text
    assert 'What it answers can not be shown' in page.text and 'gone.npz' in page.text
    legends = [image['alt'] for image in page.images if 'over steps' in image['alt']]
    assert legends and all('other' in alt for alt in legends)


def test_refusals(refused, tmp_path):
    assert 'Give --workdir' in refused('report')
    line = refused('report', f'--workdir={tmp_path}')
    assert 'no readable config.json' in line


def test_reliability():
    probs = np.array([[0.9, 0.1], [0.9, 0.1], [0.3, 0.7], [0.5, 0.5]])
    bins = report_answers.reliability(probs, np.array([0, 1, 1, 0]))
    # |.9 - .5| over 2, |.7 - 1| and |.5 - 1| over 1 of 4 rows
    assert bins.ece == pytest.approx((2 * 0.4 + 0.3 + 0.5) / 4)
    assert bins.rows.sum() == 4
    counts = report_answers.confusion(probs, np.array([0, 1, 1, 0]))
    np.testing.assert_array_equal(counts, [[2, 0], [1, 1]])


def test_interval():
    low, high = report_read.interval(0.9, 100)
    assert (low, high) == pytest.approx((0.8256, 0.9448), abs=1e-4)
    assert report_read.interval(1.0, 50)[1] == pytest.approx(1.0)


def test_lines_of_a_job_have_dashes_of_their_own():
    names = ('one', 'two', 'three', 'four', 'five', 'six')
    found = {job: {name: ([1, 2], [1, 2]) for name in names} for job in 'ab'}
    svg = report_figures.lines(found, 'title', 'share').decode()
    assert len(set(re.findall('stroke-dasharray: ([^;"]+)', svg))) == len(names) - 1


def test_names_apart(tmp_path):
    folders = [tmp_path / 'a' / 'x', tmp_path / 'b' / 'x']
    assert report_read.named_apart(folders) == ['a/x', 'b/x']
    assert report_read.named_apart(folders[:1]) == ['x']
    assert report_read.named_apart(folders[:1] * 2) == ['x (1)', 'x (2)']


def test_parts_of_a_page_escape():
    sly = '"><img src=x onerror=alert(1)>'
    for made in (
        report_page.table(sly, [sly], [[sly, sly]]),
        report_page.folded(sly, report_page.code(sly)),
        report_page.card(sly, report_page.paragraph(sly, sly)),
        report_page.document(sly, '', [(sly, 'x')]),
    ):
        page = Page(made)
        assert sly in page.text and not page.images
    (image,) = Page(report_page.figure(b'<svg/>', sly, sly)).images
    assert image['alt'] == sly and 'onerror' not in image
