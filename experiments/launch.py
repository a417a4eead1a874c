"""What every command shares: a main that answers bad input in one sentence."""

from __future__ import annotations

import sys
from collections.abc import Callable

from absl import app, flags

from ssljax.contracts import InputError


def run(main: Callable[[], int | None]) -> None:
    """Parses the flags, runs ``main`` and exits with its status.

    Input that can't be used is one line on stderr and status 2; a loss that stopped
    being finite likewise with status 3. Neither prints a traceback.
    """

    def guarded(argv):
        from ssljax.programs import NonFiniteLoss

        try:
            if len(argv) > 1:
                raise InputError(f'{argv[1:]} are no flags; every flag starts with --.')
            return main()
        except InputError as error:
            return _say(error, 2)
        except NonFiniteLoss as error:
            return _say(error, 3)

    app.run(guarded, flags_parser=_parse)


def _parse(argv: list[str]) -> list[str]:
    try:
        return flags.FLAGS(argv)
    except (flags.Error, AttributeError, KeyError, TypeError, ValueError, OSError) as e:
        # ml_collections reports unknown fields (with the nearest name), wrong types and
        # missing files by all of these.
        text = e.args[0] if isinstance(e, KeyError) and e.args else e
        sys.exit(_say(text, 2))


def _say(error: object, status: int) -> int:
    print(f'error: {" ".join(str(error).split())}', file=sys.stderr)
    return status
