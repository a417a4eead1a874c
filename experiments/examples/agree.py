"""A method of one's own: what two views of the teacher agree on, the student learns.

Train by ``--method=experiments/examples/agree.py:agree``; the battery takes it too.
"""

import jax
import jax.numpy as jnp

from ssljax import losses, teachers
from ssljax.contracts import Method, Stream, Targets
from ssljax.methods import parts
from ssljax.methods.learner import Aux, learner, start

SLOW = teachers.ema(0.99)
TRIAL = {'learns': ('strong',), 'options': {'margin': 0.1, 'ratio': 1.0}}


def agree(network, optimizer, *, num_classes, margin=0.5, ratio=4.0, teacher=SLOW):
    """Teaches rows whose weak views have one class, ``margin`` before the next."""
    task = parts.task_of(None, num_classes, losses.cross_entropy)
    found = parts.answers(network, teacher)

    def init(key, batch, given=None):
        networks = {'student': (network, batch['labelled']['weak']['image'])}
        memory = parts.remember(teacher)
        return start(key, networks, optimizer, given or {}, memory=memory)

    def objective(params, state, batch, key):
        labelled, unlabelled = batch['labelled']['weak'], batch['unlabelled']
        student = parts.student_of(params, state.stats)
        views = [labelled['image'], unlabelled['strong']['image']]
        (known, taught), stats = parts.forward(
            network, student, views, joint=False, train=True, key=key
        )
        first, second = (
            jax.nn.softmax(found['teacher'](state, unlabelled[view]['image'])['logits'])
            for view in ('weak', 'weak2')
        )
        opinion = (first + second) / 2
        best, following = jax.lax.top_k(opinion, 2)[0].T
        passed = (best - following >= margin) & (first.argmax(-1) == second.argmax(-1))
        lesson = Targets(opinion.argmax(-1), jnp.asarray(passed, jnp.float32))
        supervised = parts.supervised_terms(task, known, labelled)
        unsupervised = parts.consistency_terms(task, taught, lesson, 'all')
        decoded = task.decode(taught), task.decode(known)
        metrics = {  # what the log, the diagnosis and the report speak of
            **parts.loss_metrics(supervised, unsupervised),
            **parts.lesson_metrics(lesson, opinion, *decoded, labelled),
            **parts.distance_metric(teacher, state, student),
            'utilisation': parts.utilisation(lesson),
        }
        loss = sum(supervised.values()) + sum(unsupervised.values())
        return loss, Aux(metrics, {'student': stats})

    step = learner(objective, optimizer, parts.follow(teacher))
    needs = {
        'labelled': Stream(tuple(task.example), ('weak',)),
        'unlabelled': Stream(task.inputs, ('strong', 'weak', 'weak2'), ratio),
    }
    return Method(init, step, found['teacher'], needs, found, 'teacher')
