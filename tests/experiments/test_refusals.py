"""Bad input: one sentence on stderr, no traceback, status 2; 3 for a lost loss."""

import numpy as np
import pytest


@pytest.mark.parametrize(
    'flag, sentence',
    [
        ('--config.steps=0', 'steps is 0; give a number above 0'),
        ('--config.steps=ten', "invalid literal for int() with base 10: 'ten'"),
        (
            '--config.stepz=3',
            "config.stepz is no field of the configuration; did you mean 'steps'?",
        ),
        (
            '--config.optimizer.lrr=3',
            "config.optimizer.lrr is no field of the configuration; did you mean 'lr'?",
        ),
        ('--config.args.treshold=1', 'config.args.treshold is no field'),
        ('--config.optimizer.name=adm', "optimizer.name is 'adm'"),
        ('--config.optimizer.lr=nan', 'optimizer.lr is nan'),
        ('--config.precision=float16', "precision is 'float16'; known: bfloat16,"),
        ('--config.accumulate=0', 'accumulate is 0; give a number above 0'),
        ('--config.accumulate=3', 'not share evenly in 3 slices'),
        ('--config.ema=1', 'ema is 1.0'),
        ('--config.ramp=2', 'ramp is 2.0'),
        (
            '--config.labels_per_class=500',
            'class 0 has 108 training examples, but labels_per_class asks for 500',
        ),
        ('--config.seed=-1', 'seed is -1'),
        ('--config.networks.network.name=small_cn', "Did you mean 'small_cnn'?"),
        (
            '--config.networks.network.name=wide_resnet',
            "'channels'; known: blocks, depth",
        ),
        ('--config.data=digit', "Did you mean 'digits'?"),
        ('--config.data=nothing.npz', 'nothing.npz is no readable .npz'),
        ('--config=nothing.py', "No such file or directory: 'nothing.py'"),
        (
            '--method=fixmach',
            "'fixmach', which is not in the catalogue; did you mean 'fixmatch'?",
        ),
        ('--sed=1', "Unknown command line flag 'sed'"),
        ('steps=3', "['steps=3'] are no flags"),
    ],
)
def test_flags(refused, tmp_path, flag, sentence):
    assert sentence in refused('train', flag, f'--workdir={tmp_path / "job"}')


def test_the_steps_of_stages_are_their_own(refused, tmp_path):
    config = '--config=experiments/configs/left_atrium/bcp.py'
    said = refused('train', config, '--config.steps=4', f'--workdir={tmp_path / "job"}')
    assert (
        'is that of no stage; give --config.stages.pretrain.steps, --config.st' in said
    )


@pytest.mark.parametrize(
    'method, flag, sentence',
    [
        ('supervised', 'args.view=stron', "The view 'stron' is needed"),
        ('mean_teacher', 'args.student_view=x', "The view 'x' is needed"),
        ('mean_teacher', 'views.weak.shift.pixels=-1', 'pixels is -1'),
    ],
)
def test_views(refused, tmp_path, method, flag, sentence):
    config = f'--config=experiments/configs/digits/{method}.py'
    workdir = f'--workdir={tmp_path / "job"}'
    assert sentence in refused('train', config, f'--config.{flag}', workdir)


def _image(value, dtype=np.float32):
    image = np.random.default_rng(0).random((90, 8, 8)).astype(dtype)
    image[17, 3, 3] = value
    return image


@pytest.mark.parametrize(
    'fields, sentence',
    [
        (
            {'label': np.arange(90) % 3 - 1},
            'label[0] is -1 (int64); give integers from 0',
        ),
        ({'label': np.arange(90) % 3 / 2}, 'label[1] is 0.5 (float64)'),
        (
            {'label': np.where(np.arange(90) == 8, 99, np.arange(90) % 3)},
            'label[8] is 99, but no row has label 3',
        ),
        (
            {'test_image': np.zeros((9, 8, 8), np.float32), 'test_label': np.arange(9)},
            'test_label[3] is 3 (int64); give integers from 0 to 2',
        ),
        (
            {'label': np.r_[np.zeros(50, int), np.ones(37, int), 2, 2, 2]},
            'class 2 has 2 training examples, but labels_per_class asks for 4',
        ),
        ({'image': _image(np.nan)}, 'image[17] holds NaN or inf'),
        (
            {'image': np.full((90, 8, 8), 255.0)},
            'holds whole numbers up to 255; give it as uint8',
        ),
        ({'image': np.zeros((90, 8, 8), np.int64)}, 'image is int64; give uint8'),
        (
            {'unlabelled_image': np.zeros((9, 6, 8), np.float32)},
            'unlabelled_image has shape (6, 8) a row and image (8, 8)',
        ),
        (
            {'unlabelled_image': np.zeros((9, 8, 8), np.uint8)},
            'unlabelled_image has dtype uint8 a row and image float32',
        ),
        (
            {'unlabelled_image': np.zeros((0, 8, 8), np.float32)},
            'unlabelled_image has shape (0, 8, 8)',
        ),
        (
            {'unlabeled_image': np.zeros((9, 8, 8), np.float32)},
            "Did you mean 'unlabelled_image'?",
        ),
        ({'label': None}, 'lacks label'),
        ({'label': np.arange(80) % 3}, 'image has 90 rows and label 80'),
    ],
)
def test_data(refused, npz, tmp_path, fields, sentence):
    data = f'--config.data={npz(**fields)}'
    workdir = f'--workdir={tmp_path / "job"}'
    assert sentence in refused('train', data, '--config.batch_size=8', workdir)


def test_small_image_for_the_network(refused, npz, tmp_path):
    data = f'--config.data={npz(image=np.zeros((90, 2, 2), np.float32))}'
    workdir = f'--workdir={tmp_path / "job"}'
    sentence = refused('train', data, '--config.batch_size=8', workdir)
    assert 'inputs must be at least 4x4 for this network, found 2x2' in sentence


def test_variant_of_a_configuration(refused, tmp_path):
    config = 'experiments/configs/clips/tsal.py:knwon'
    said = refused('train', f'--config={config}', f'--workdir={tmp_path / "job"}')
    assert "motion is 'knwon'; here it can be 'tracker' or 'known' or" in said


def test_workdir(refused, tmp_path):
    (tmp_path / 'file').write_text('mine')
    assert 'can not be used' in refused('train', f'--workdir={tmp_path / "file"}')
    sentence = refused('train', f'--workdir={tmp_path}', '--overwrite')
    assert 'is not empty and holds no config.json' in sentence
    (tmp_path / 'config.json').write_text('{"model_type": "bert"}')
    sentence = refused('train', f'--workdir={tmp_path}', '--overwrite')
    assert 'is no configuration of a job' in sentence
    assert (tmp_path / 'file').read_text() == 'mine'


@pytest.mark.parametrize('name', ['evaluate', 'predict'])
def test_no_job(refused, tmp_path, name):
    more = ['--input=x'] if name == 'predict' else []
    assert '--workdir must have a value' in refused(name, *more)
    sentence = refused(name, f'--workdir={tmp_path / "nowhere"}', *more)
    assert 'nowhere has no readable config.json' in sentence


def test_processes(process, npz, tmp_path):
    data = npz(image=_image(np.nan))
    jobs = {
        'steps is -5': process('train', '--config.steps=-5'),
        "did you mean 'steps'?": process('train', '--config.stepz=3'),
        "did you mean 'fixmatch'?": process('train', '--method=fixmach'),
        'image[17] holds NaN or inf': process('train', f'--config.data={data}'),
        'nowhere has no readable config.json': process(
            'evaluate', f'--workdir={tmp_path / "nowhere"}'
        ),
    }
    for sentence, job in jobs.items():
        out, err = job.communicate()
        assert (job.returncode, out) == (2, ''), err
        (line,) = err.splitlines()
        assert line.startswith('error: ') and sentence in line
