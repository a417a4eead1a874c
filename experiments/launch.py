"""What every command shares: a main that answers bad input in one sentence."""

from __future__ import annotations

import os
import re
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from absl import app, flags, logging

from experiments import allocation, xla_flags
from ssljax.contracts import InputError


def run(main: Callable[[], int | None], *, config: str | None = None) -> None:
    """Parses the flags, runs ``main`` and exits with its status.

    Input that can't be used is one line on stderr and status 2; a loss that stopped
    being finite likewise with status 3. Neither prints a traceback.

    Args:
      main: the command.
      config: what ``--config`` is without the flag.
    """
    xla_flags.apply()  # before a device is used
    if xla_flags.here() == 'cpu':
        allocation.keep()
    # What it says is meant for the user, who needs no line of the source.
    warnings.formatwarning = lambda message, *_, **__: f'warning: {message}\n'

    def guarded(argv):
        if not given('verbosity'):
            logging.set_verbosity(logging.WARNING)  # orbax tells of each file
        try:
            if len(argv) > 1:
                raise InputError(f'{argv[1:]} are no flags; every flag starts with --.')
            return main()
        except KeyboardInterrupt:
            return _say('interrupted', 130)
        except Exception as error:
            return answer(error)

    def parse(argv):
        # As a default of the flag it would be read, and its overrides checked, where
        # the flag is defined: outside of every guard.
        if config and not given('config'):
            argv = [argv[0], f'--config={config}', *argv[1:]]
        try:
            return read(flags.FLAGS, argv)
        except InputError as error:
            sys.exit(_say(error, 2))

    app.run(guarded, flags_parser=parse)


def answer(error: Exception, where: str = '') -> int:
    """Says in one line what can't be used or is not finite; returns the exit status.

    Args:
      error: what was raised.
      where: said before it.

    Raises:
      Exception: the same, if it is a mistake in the code.
    """
    if isinstance(error, InputError):
        return _say(f'{where}{error}', 2)
    # Imported here: a refusal should not wait for flax and orbax.
    from ssljax.programs import NonFiniteLoss

    if isinstance(error, NonFiniteLoss):
        return _say(f'{where}{error}', 3)
    raise error


def given(name: str) -> bool:
    """Whether the command line sets the flag itself, not only a field of it."""
    return any(re.match(f'--?{name}(=|$)', argument) for argument in sys.argv[1:])


_STEPS = re.compile(r'--?config\.steps(=|$)')
PYTHON = '; give a file of Python such as experiments/configs/digits/fixmatch.py.'


def read(values: flags.FlagValues, argv: list[str]) -> list[str]:
    """Parses flags, a ``--config`` and its fields among them.

    Returns:
      What is no flag, after the command's name.

    Raises:
      InputError: if a flag, a field of the configuration or its file does not exist,
        a value does not fit, or steps are given to a job of stages.
    """
    # ml_collections runs a file where the one before it ran, so that a file without
    # get_config would have that of the other.
    sys.modules.pop('config_config', None)
    try:
        rest = values(argv)
        if 'config' in values:
            config = values['config'].value  # a file that is missing fails only here
            if not hasattr(config, 'lock'):
                raise InputError(
                    f'config: its get_config returns a {type(config).__name__}; return '
                    'a ConfigDict, as experiments/configs/base.py makes it.'
                )
            config.lock()
            if 'stages' in config and any(_STEPS.match(a) for a in argv):
                own = [name for name in config.order if 'steps' in config.stages[name]]
                names = ', '.join(f'--config.stages.{name}.steps' for name in own)
                raise InputError(f'config.steps is that of no stage; give {names}.')
        return rest
    except AttributeError as error:
        # ml_collections: "'stepz'\nDid you mean "steps" instead of "stepz"?"
        text = str(error).replace('\\', '')
        name, *near = re.findall(r"""['"](\w+)['"]""", text) or ['']
        field = rf'--?(no)?(config\.(.*\.)?{name})(=|$)'
        found = [match[2] for a in argv if name and (match := re.match(field, a))]
        if found:
            hint = f'; did you mean {near[0]!r}?' if near else '.'
            text = f'{found[0]} is no field of the configuration{hint}'
        elif 'get_config' not in text:
            raise  # a mistake in the code of the configuration
        else:
            text = f'config: the file defines no get_config{PYTHON}'
        raise InputError(text) from error
    except OSError as error:
        reason = re.sub(r'.*\[Errno \d+\] ', '', str(error), flags=re.DOTALL)
        raise InputError(
            f'config: {reason}; give the path of a configuration, such as '
            'experiments/configs/digits/fixmatch.py.'
        ) from error
    except (flags.Error, KeyError, SyntaxError, TypeError, ValueError) as error:
        text = str(error.args[0] if isinstance(error, KeyError) else error)
        if 'Traceback' in text:
            if refused := _refused(error):
                raise InputError(str(refused)) from error
            raise  # likewise
        if isinstance(error, SyntaxError) or 'null bytes' in text:
            text = f'config: {text}{PYTHON}'
        raise InputError(text) from error


def _refused(error: BaseException | None) -> InputError | None:
    """What a get_config refused, beneath the flags' errors with its traceback."""
    while error is not None:
        if isinstance(error, InputError) and 'Traceback' not in str(error):
            return error
        error = error.__context__
    return None


def join(
    coordinator: str | None,
    processes: int | None,
    process: int | None,
    heartbeat: int = 100,
) -> None:
    """Makes this process one of several, before jax looks for devices.

    Args:
      coordinator: 'auto' where the cluster tells the rest, else host:port of the first;
        None for a process alone.
      processes: how many, with host:port.
      process: which of them this is.
      heartbeat: seconds after which one that died ends the others.

    Raises:
      InputError: if they do not go together, or nobody answers.
    """
    numbers = (processes, process)
    if coordinator is None or coordinator == 'auto':
        if numbers != (None, None):
            raise InputError(
                '--processes and --process go with --coordinator=host:port; leave them '
                'out, or name the host and port of the first process.'
            )
        if coordinator is None:
            return
    elif None in numbers:
        raise InputError(
            f'--coordinator={coordinator} needs --processes, how many there are, and '
            '--process, which of them this is.'
        )
    elif not 0 <= process < processes:  # type: ignore[operator]
        raise InputError(
            f'--process is {process}; give a number from 0 to {processes - 1}.'  # type: ignore
        )
    import jax

    try:
        jax.distributed.initialize(
            None if coordinator == 'auto' else coordinator,
            processes,
            process,
            heartbeat_timeout_seconds=heartbeat,
            # One that ends by an error waits so long for the others to end too.
            shutdown_timeout_seconds=3 * heartbeat,
        )
    except (RuntimeError, ValueError) as error:
        raise InputError(
            f'--coordinator={coordinator}: {str(error).splitlines()[0]}'
        ) from error
    _joined.append(coordinator)


_joined: list[str] = []


def first() -> bool:
    """Whether this process is the one that prints and writes."""
    return not _joined or _processes().first()


def several() -> bool:
    """Whether this process is one of several."""
    return bool(_joined)


def decided(fn: Callable[[], Any]) -> Any:
    """Calls ``fn`` in the first process and returns, or raises, its result in all."""
    return _processes().decided(fn) if _joined else fn()


def _processes():
    from ssljax.train import processes  # imports orbax's part of jax, needed by few

    return processes


def keep_compiled() -> None:
    """Keeps compiled programs for the next start, in the user's cache.

    ``JAX_COMPILATION_CACHE_DIR`` moves it; empty, it turns it off.
    """
    if 'JAX_COMPILATION_CACHE_DIR' in os.environ:
        return
    import jax

    from experiments import machine

    home = os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache'
    # A program that was compiled for one processor may not run on another.
    kind = re.sub(r'\W+', '-', f'{machine.processor()} jaxlib {jax.lib.__version__}')
    jax.config.update('jax_compilation_cache_dir', str(Path(home) / 'ssljax' / kind))
    jax.config.update('jax_persistent_cache_min_compile_time_secs', 0.5)


def _say(error: object, status: int) -> int:
    text = ' '.join(str(error).split())
    # A file's name may hold what moves the cursor of a terminal.
    shown = ''.join(x if x.isprintable() else repr(x)[1:-1] for x in text)
    print(f'error: {shown}', file=sys.stderr)
    return status
