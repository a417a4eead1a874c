"""ssljax: teacher-student learning from few labels and much unlabelled data.

Import a part into your own loop (``losses``, ``teachers``, ``targets``, ``views``: they
need jax, optax and numpy only), use a whole method (``ssljax.methods``), or launch a
job (``python -m experiments.train``).

Shape letters, the same everywhere:

===== ======================================================================
``B`` labelled batch
``U`` unlabelled batch
``N`` rows of a source or pool
``C`` classes
``D`` features
``H`` image height; ``W`` image width; ``Z`` depth
``T`` time
``V`` views
``K`` landmarks
``Q`` queue
``M`` boxes, padded, always with ``valid``
===== ======================================================================
"""

from ssljax import contracts, losses, schedules, targets, teachers, views

__version__ = '0.1.0'
__all__ = ['contracts', 'losses', 'schedules', 'targets', 'teachers', 'views']
