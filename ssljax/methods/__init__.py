"""Methods: each a small composition of shared parts. The catalogue lists them all."""

from ssljax.methods.accumulate import accumulated
from ssljax.methods.adamatch import adamatch
from ssljax.methods.adapt import adapt
from ssljax.methods.adversarial import adversarial
from ssljax.methods.anatomy import anatomy
from ssljax.methods.bcp import bcp
from ssljax.methods.c3s3 import c3s3
from ssljax.methods.cfc_net import cfc_net
from ssljax.methods.comatch import comatch
from ssljax.methods.cps import cps
from ssljax.methods.ctaugmented import ctaugmented
from ssljax.methods.dash import dash
from ssljax.methods.deep_co_training import deep_co_training
from ssljax.methods.dho import dho
from ssljax.methods.distil import distil
from ssljax.methods.distil_contrast import distil_contrast
from ssljax.methods.distil_features import distil_features
from ssljax.methods.ds6 import ds6
from ssljax.methods.federated import federated
from ssljax.methods.fixmatch import fixmatch
from ssljax.methods.flexmatch import flexmatch
from ssljax.methods.freematch import freematch
from ssljax.methods.fst import fst
from ssljax.methods.learner import Aux, apply_gradients, learner, prepared
from ssljax.methods.lelp import lelp
from ssljax.methods.mean_teacher import mean_teacher
from ssljax.methods.mixed_inputs import mixed_inputs
from ssljax.methods.mixmatch import mixmatch
from ssljax.methods.multiaugs import multiaugs
from ssljax.methods.named_classes import named_classes
from ssljax.methods.noisy_student import noisy_student
from ssljax.methods.pi_model import pi_model
from ssljax.methods.post import post
from ssljax.methods.promptkd import promptkd
from ssljax.methods.pseudo_label import pseudo_label
from ssljax.methods.rail import rail
from ssljax.methods.remixmatch import remixmatch
from ssljax.methods.sbr import sbr
from ssljax.methods.simclr import simclr
from ssljax.methods.simmatch import simmatch
from ssljax.methods.softmatch import softmatch
from ssljax.methods.supervised import supervised
from ssljax.methods.tracoco import tracoco
from ssljax.methods.treeformer import treeformer
from ssljax.methods.trs import trs
from ssljax.methods.tsal import tsal
from ssljax.methods.two_update import two_update
from ssljax.methods.uamt import uamt
from ssljax.methods.uda import uda
from ssljax.methods.umct import umct
from ssljax.methods.unimatch import unimatch
from ssljax.methods.vat import vat

__all__ = [
    'Aux',
    'accumulated',
    'adamatch',
    'adapt',
    'adversarial',
    'anatomy',
    'apply_gradients',
    'bcp',
    'c3s3',
    'cfc_net',
    'comatch',
    'cps',
    'ctaugmented',
    'dash',
    'deep_co_training',
    'dho',
    'distil',
    'distil_contrast',
    'distil_features',
    'ds6',
    'federated',
    'fixmatch',
    'flexmatch',
    'freematch',
    'fst',
    'learner',
    'lelp',
    'mean_teacher',
    'mixed_inputs',
    'mixmatch',
    'multiaugs',
    'named_classes',
    'noisy_student',
    'pi_model',
    'post',
    'prepared',
    'promptkd',
    'pseudo_label',
    'rail',
    'remixmatch',
    'sbr',
    'simclr',
    'simmatch',
    'softmatch',
    'supervised',
    'tracoco',
    'treeformer',
    'trs',
    'tsal',
    'two_update',
    'uamt',
    'uda',
    'umct',
    'unimatch',
    'vat',
]
