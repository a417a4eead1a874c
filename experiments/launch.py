"""What every command shares: a main that answers bad input in one sentence."""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Callable

from absl import app, flags, logging

from ssljax.contracts import InputError


def run(main: Callable[[], int | None], *, config: str | None = None) -> None:
    """Parses the flags, runs ``main`` and exits with its status.

    Input that can't be used is one line on stderr and status 2; a loss that stopped
    being finite likewise with status 3. Neither prints a traceback.

    Args:
      main: the command.
      config: what ``--config`` is without the flag.
    """
    # What it says is meant for the user, who needs no line of the source.
    warnings.formatwarning = lambda message, *_, **__: f'warning: {message}\n'

    def guarded(argv):
        if not given('verbosity'):
            logging.set_verbosity(logging.WARNING)  # orbax tells of each file
        try:
            if len(argv) > 1:
                raise InputError(f'{argv[1:]} are no flags; every flag starts with --.')
            return main()
        except InputError as error:
            return _say(error, 2)
        except KeyboardInterrupt:
            return _say('interrupted', 130)
        except Exception as error:
            # Imported here: a refusal should not wait for flax and orbax.
            from ssljax.programs import NonFiniteLoss

            if isinstance(error, NonFiniteLoss):
                return _say(error, 3)
            raise

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


def given(name: str) -> bool:
    """Whether the command line sets the flag itself, not only a field of it."""
    return any(re.match(f'--?{name}(=|$)', argument) for argument in sys.argv[1:])


def read(values: flags.FlagValues, argv: list[str]) -> list[str]:
    """Parses flags, a ``--config`` and its fields among them.

    Returns:
      What is no flag, after the command's name.

    Raises:
      InputError: if a flag, a field of the configuration or its file does not exist,
        or a value does not fit.
    """
    try:
        rest = values(argv)
        if 'config' in values:
            values['config'].value.lock()  # a file that is missing fails only when used
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
            raise  # likewise
        raise InputError(text) from error


def _say(error: object, status: int) -> int:
    print(f'error: {" ".join(str(error).split())}', file=sys.stderr)
    return status
