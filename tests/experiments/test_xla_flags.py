"""Flags of XLA: the launcher's, by version, never over the user's."""

import importlib.metadata
import json
import os
import subprocess
import sys

import pytest

from experiments import xla_flags

CPU = {'JAX_PLATFORMS': 'cpu'}


@pytest.fixture
def known(monkeypatch):
    """A version of jaxlib that has flags."""
    monkeypatch.setattr(importlib.metadata, 'version', lambda name: '0.10.2')


def applied(environ):
    xla_flags.apply(environ)
    return environ['XLA_FLAGS']


def test_flags_go_beside_those_of_the_user(known):
    assert applied({**CPU}) == xla_flags.YNN
    own = '--xla_force_host_platform_device_count=8'
    assert applied({**CPU, 'XLA_FLAGS': own}) == f'{own} {xla_flags.YNN}'
    name = xla_flags.YNN.split('=')[0]
    for own in (f'{name}=LIBRARY_FUSION_TYPE_DOT', '/a/file/of/flags'):
        assert applied({**CPU, 'XLA_FLAGS': own}) == own


def test_another_version_or_device_has_none(known, monkeypatch):
    assert applied({'JAX_PLATFORMS': 'tpu'}) == ''
    monkeypatch.setattr(importlib.metadata, 'version', lambda name: '0.11.0')
    assert applied({**CPU}) == ''


def test_a_process_starts_with_them(root):
    """An unknown flag would end it; importing the library sets none."""
    code = (
        'import os, json, ssljax; before = os.environ.get("XLA_FLAGS"); '
        'from experiments import xla_flags; xla_flags.apply(); import jax; '
        'print(json.dumps([before, os.environ["XLA_FLAGS"], jax.device_count()]))'
    )
    environ = {k: v for k, v in os.environ.items() if k != 'XLA_FLAGS'}
    command = [sys.executable, '-c', code]
    out = subprocess.run(
        command, cwd=root, env={**environ, **CPU}, capture_output=True, check=True
    )
    before, after, devices = json.loads(out.stdout)
    assert before is None and devices == 1
    version = importlib.metadata.version('jaxlib')
    assert after == ' '.join(xla_flags.FLAGS['cpu'].get(version, ()))
