"""README's page about one's own data, word for word but for paths and steps."""

import csv
import re
import shlex

import numpy as np
import pytest
from PIL import Image

SHORT = ('steps=4', 'log_every=2', 'eval_every=4', 'checkpoint_every=2')


@pytest.fixture
def photos(tmp_path):
    """40 pictures, reddish cats and bluish dogs, 20 of them in a table."""
    folder = tmp_path / 'photos'
    folder.mkdir()
    random = np.random.default_rng(0)
    lines = []
    for i in range(40):
        pixels = random.integers(0, 100, (20, 24, 3), np.uint8)
        pixels[..., 2 * (i % 2)] += 150
        Image.fromarray(pixels).save(folder / f'{i:02}.png')
        lines.append(f'{i:02}.png,{("cat", "dog")[i % 2]}')
    (folder / 'labels.csv').write_text('\n'.join(['path,label', *lines[:20], '']))
    return folder


def block(root, name):
    """The fenced block of README that follows a marker."""
    text = (root / 'README.md').read_text()
    return re.search(rf'<!-- own: {name} -->\n```\w+\n(.*?)```', text, re.DOTALL)[1]


def test_commands(root, command, photos):
    train, predict = block(root, 'commands').splitlines()
    here = lambda line: (  # noqa: E731
        shlex.split(re.sub('(photos/|runs/|=photos|predictions)', _at(photos), line))
    )
    _, _, name, *flags = here(train)
    few = [f'--config.{field}' for field in SHORT]
    few += ['--config.networks.network.channels=(4,)', '--config.batch_size=8']
    code, out, err = command(name.split('.')[1], *flags, *few)
    assert code == 0, err
    _, _, name, *flags = here(predict)
    code, out, err = command(name.split('.')[1], *flags)
    assert code == 0, err
    with open(photos.parent / 'predictions.csv', newline='') as file:
        head, *rows = csv.reader(file)
    assert head == ['path', 'label', 'confidence']
    assert [row[0] for row in rows] == [f'{i:02}.png' for i in range(40)]
    assert {row[1] for row in rows} <= {'cat', 'dog'}
    assert all(0.5 <= float(row[2]) <= 1 for row in rows)

    # A new picture is answered; what was learnt from must not have changed since.
    Image.fromarray(np.zeros((20, 24, 3), np.uint8)).save(photos / 'new.png')
    code, out, err = command(name.split('.')[1], *flags)
    assert code == 0 and '41 examples in' in out, err
    workdir = next(flag for flag in flags if 'workdir' in flag)
    code, out, err = command('evaluate', workdir)
    assert code == 2 and 'begun with other data, their hash differ' in err
    table = photos / 'labels.csv'
    table.write_text(table.read_text().replace('cat', 'lynx'))
    code, out, err = command(name.split('.')[1], *flags)
    assert code == 2 and 'their classes differ' in err


def test_notebook(root, photos, monkeypatch):
    monkeypatch.chdir(photos.parent)
    code = block(root, 'notebook').replace('steps=1000', 'steps=3, progress=False')
    code = code.replace('batch_size=16', 'batch_size=8')
    names = {'__name__': 'notebook'}
    exec(compile(code, 'README.md', 'exec'), names)
    assert names['answers'].shape == (40, 2)
    np.testing.assert_allclose(names['answers'].sum(1), 1, rtol=1e-5)
    # The same call goes on where it stopped: here, at the end.
    before = names['trained']
    exec(compile(code, 'README.md', 'exec'), names)
    np.testing.assert_array_equal(
        names['trained'].predict(np.zeros((1, 32, 32, 3), np.uint8)),
        before.predict(np.zeros((1, 32, 32, 3), np.uint8)),
    )
    assert names['trained'].results == before.results


def _at(photos):
    """Puts a path of the README under the test's own folder."""
    where = photos.parent

    def moved(found):
        text = found[0]
        return f'={where}/photos' if text == '=photos' else f'{where}/{text}'

    return moved
