"""Kills a training again and again, and compares what is left with one left alone.

    python -m experiments.benchmarks.kills --kills=20 --processes=1
    python -m experiments.benchmarks.kills --kills=20 --processes=2

FixMatch on digits with a small network, started by ``experiments.train``. SIGKILL comes
at random moments, every other time while a checkpoint is being written; of two
processes, one is killed and the other left to notice. Each restart is the same command
again. At the end metrics.jsonl and the scores must be those of the undisturbed run,
byte for byte, and no restart may go back further than to the last whole checkpoint.
"""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from absl import app, flags

from experiments.machine import describe
from ssljax.train import writers

KILLS = flags.DEFINE_integer('kills', 20, 'How often.')
PROCESSES = flags.DEFINE_integer('processes', 1, 'Of one job; each has 2 devices.')
STEPS = flags.DEFINE_integer('steps', 400, 'Of the training.')
EVERY = flags.DEFINE_integer('every', 20, 'Steps between two checkpoints.')
SEED = flags.DEFINE_integer('seed', 0, 'Of the moments.')
OUT = flags.DEFINE_string('out', None, 'Result file; default results/kills-<n>.json.')

HEARTBEAT = 20  # seconds after which a process that died is missed
LIMIT = 600  # seconds for one start to end


def command(folder: Path, port: int, process: int) -> list[str]:
    """Returns the command of one process; always the same but for the port."""
    several = [
        f'--coordinator=127.0.0.1:{port}',
        f'--processes={PROCESSES.value}',
        f'--process={process}',
        f'--heartbeat={HEARTBEAT}',
    ]
    return [
        *(sys.executable, '-m', 'experiments.train'),
        '--config=experiments/configs/digits/fixmatch.py',
        '--config.networks.network.channels=(8, 16)',
        f'--config.steps={STEPS.value}',
        '--config.log_every=1',
        f'--config.eval_every={5 * EVERY.value}',
        f'--config.checkpoint_every={EVERY.value}',
        f'--workdir={folder}',
        *(several if PROCESSES.value > 1 else ()),
    ]


def start(folder: Path, log: Path) -> list[subprocess.Popen]:
    """Starts all processes of the job."""
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    flag = '--xla_force_host_platform_device_count=2'
    environment = {**os.environ, 'JAX_PLATFORMS': 'cpu', 'XLA_FLAGS': flag}
    with open(log, 'ab') as file:
        return [
            subprocess.Popen(
                command(folder, port, process),
                env=environment,
                stdout=file,
                stderr=subprocess.STDOUT,
            )
            for process in range(PROCESSES.value)
        ]


def end(processes: list[subprocess.Popen]) -> list[int]:
    """Waits for all of them; one that hangs is an error."""
    try:
        return [process.wait(timeout=LIMIT) for process in processes]
    finally:
        for process in processes:
            process.kill()


def steps_done(folder: Path) -> int:
    """Returns the last step in metrics.jsonl, a torn last line left out."""
    path = folder / 'metrics.jsonl'
    lines = path.read_bytes().split(b'\n')[:-1] if path.exists() else []
    return json.loads(lines[-1])['step'] if lines else 0


def whole(folder: Path) -> int:
    """Returns the step of the last whole checkpoint."""
    found = (folder / 'checkpoints').glob('*/checkpoint.json')
    return max([int(x.parent.name) for x in found if x.parent.name != 'frozen'] + [0])


def unfinished(folder: Path) -> bool:
    """Whether a checkpoint is being written right now."""
    return any(
        path.name.isdigit() and not (path / 'checkpoint.json').exists()
        for path in (folder / 'checkpoints').glob('*')
    )


def disturbed(folder: Path, log: Path) -> list[dict[str, Any]]:
    """Kills as often as asked, then lets it finish; returns what each kill met."""
    moments, failures, draw = [], [], random.Random(SEED.value)
    while True:
        began, processes = whole(folder), start(folder, log)
        if len(moments) < KILLS.value:
            # As far apart as the steps that are left allow.
            left = max(1, (STEPS.value - began) // (KILLS.value - len(moments)))
            target = min(began + draw.randint(1, 2 * left), STEPS.value - EVERY.value)
            saving = len(moments) % 2 == 1
            victim = draw.randrange(PROCESSES.value)
            while all(process.poll() is None for process in processes):
                reached = steps_done(folder)
                if reached >= target and (not saving or unfinished(folder)):
                    break
                time.sleep(0.001)
            if all(process.poll() is None for process in processes):
                processes[victim].send_signal(signal.SIGKILL)
                met = {'while_saving': unfinished(folder), 'process': victim}
                killed = time.monotonic()
                end(processes)
                met |= {'step': steps_done(folder), 'goes_on_from': whole(folder)}
                met['others_ended_after_seconds'] = time.monotonic() - killed
                moments.append(met)
                print(met, flush=True)
                continue
        codes = end(processes)
        if not any(codes):
            return moments
        # A machine too busy for their heartbeats ends processes too: once more.
        failures.append(codes)
        if len(failures) > 3:
            raise RuntimeError(f'exit status {failures}; {log.read_text()[-2000:]}')


def scores(folder: Path) -> dict[str, Any]:
    """Returns what the summary says of the result."""
    summary = json.loads((folder / 'summary.json').read_text())
    return {name: x for name, x in summary.items() if 'accuracy' in name}


def main(_):
    """Measures, prints and writes."""
    with tempfile.TemporaryDirectory() as temporary:
        alone, killed = Path(temporary, 'alone'), Path(temporary, 'killed')
        log = Path(temporary, 'log')
        if any(end(start(alone, log))):
            raise RuntimeError(log.read_text())
        moments = disturbed(killed, log)
        same = (alone / 'metrics.jsonl').read_bytes() == (
            killed / 'metrics.jsonl'
        ).read_bytes()
        same = same and scores(alone) == scores(killed)
    repeated = [met['step'] - met['goes_on_from'] for met in moments]
    found = {
        'what': f'SIGKILL {len(moments)} times, {PROCESSES.value} process(es), '
        f'{STEPS.value} steps, a checkpoint every {EVERY.value}',
        'kills': len(moments),
        'while_saving': sum(met['while_saving'] for met in moments),
        'same_metrics_and_scores': same,
        'steps_repeated_most': max(repeated, default=0),
        'save_interval': EVERY.value,
        'moments': moments,
        **describe(),
    }
    print({k: v for k, v in found.items() if k not in ('moments', 'versions')})
    default = f'experiments/results/kills-{PROCESSES.value}.json'
    writers.write_json(Path(OUT.value or default), found)
    if not same:
        raise SystemExit('error: the killed run ended differently from the other.')


if __name__ == '__main__':
    app.run(main)
