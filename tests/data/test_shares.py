import numpy as np
import pytest

from ssljax.contracts import InputError
from ssljax.data import dirichlet_shares, even_shares

ROWS = np.arange(100, 1100, dtype=np.int32)
LABELS = np.arange(1000) % 10


def _classes(shares):
    """[K, 10] counts of each class at each client."""
    label = dict(zip(ROWS.tolist(), LABELS, strict=True))
    return np.array(
        [np.bincount([label[row] for row in s.tolist()], minlength=10) for s in shares]
    )


@pytest.mark.parametrize(
    'deal',
    [
        lambda seed: even_shares(ROWS, 7, seed=seed),
        lambda seed: dirichlet_shares(ROWS, LABELS, 7, 0.3, seed=seed),
    ],
    ids=['even', 'dirichlet'],
)
def test_every_row_lies_at_one_client_and_the_seed_says_which(deal):
    shares = deal(0)
    assert len(shares) == 7
    together = np.concatenate(shares)
    assert together.dtype == ROWS.dtype
    np.testing.assert_array_equal(np.sort(together), ROWS)
    np.testing.assert_array_equal(np.concatenate(deal(0)), together)
    assert (np.concatenate(deal(1)) != together).any()
    # Also within a class a client gets no run of neighbours.
    first = np.sort(shares[0])
    assert np.unique(np.diff(first[first % 10 == first[0] % 10])).size > 1


def test_even_shares_are_even():
    sizes = [len(share) for share in even_shares(ROWS, 7, seed=0)]
    assert sorted(sizes) == [142] + 6 * [143]


def test_alpha_moves_from_few_classes_a_client_to_all_alike():
    def largest(alpha):
        counts = _classes(dirichlet_shares(ROWS, LABELS, 10, alpha, seed=0))
        np.testing.assert_array_equal(counts.sum(0), 100)
        return (counts.max(0) / 100).mean()  # share of a class at its main client

    # The largest of 10 parts of Dir(a): about 0.67 at 0.1, 0.29 at 1, 0.1 at infinity.
    assert largest(0.1) > 0.5 > largest(1.0) > 0.2 > largest(1000.0)


def test_every_client_has_its_smallest_share():
    few = dirichlet_shares(ROWS, LABELS, 10, 0.1, seed=3)
    enough = dirichlet_shares(ROWS, LABELS, 10, 0.1, seed=3, smallest=60)
    assert min(map(len, few)) < 60 <= min(map(len, enough))


@pytest.mark.parametrize(
    'change, message',
    [
        ({'alpha': 0.0}, 'alpha is 0.0; give a number above 0'),
        ({'alpha': 1e-3, 'smallest': 90}, 'larger alpha'),
        ({'smallest': 101}, 'each needs 101 rows'),
        ({'clients': 0}, 'clients, seed, smallest are 0'),
        ({'seed': -1}, 'clients, seed, smallest are 10, -1'),
    ],
)
def test_what_cannot_be_dealt_is_refused(change, message):
    arguments = {'clients': 10, 'alpha': 0.3, 'seed': 0} | change
    with pytest.raises(InputError, match=message):
        dirichlet_shares(ROWS, LABELS, **arguments)


def test_more_clients_than_rows_are_refused():
    with pytest.raises(InputError, match='clients is 8'):
        even_shares(ROWS[:7], 8, seed=0)
