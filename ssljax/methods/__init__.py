"""Methods: each a small composition of shared parts. The catalogue lists them all."""

from ssljax.methods.adversarial import adversarial
from ssljax.methods.fixmatch import fixmatch
from ssljax.methods.fst import fst
from ssljax.methods.learner import Aux, apply_gradients, learner, prepared
from ssljax.methods.mean_teacher import mean_teacher
from ssljax.methods.pi_model import pi_model
from ssljax.methods.pseudo_label import pseudo_label
from ssljax.methods.supervised import supervised
from ssljax.methods.two_update import two_update

__all__ = [
    'Aux',
    'adversarial',
    'apply_gradients',
    'fixmatch',
    'fst',
    'learner',
    'mean_teacher',
    'pi_model',
    'prepared',
    'pseudo_label',
    'supervised',
    'two_update',
]
