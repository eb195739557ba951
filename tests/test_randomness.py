"""Random numbers come from the generator that is passed, and from nowhere else."""

import numpy as np
import pytest
import torch

from stochphys.device import as_generator, make_generator


@pytest.mark.parametrize("seed", [3, np.int64(3), -3])
def test_an_integer_is_the_seed_of_a_fresh_generator(seed):
    assert torch.equal(as_generator(seed).get_state(), make_generator(int(seed)).get_state())


def test_a_generator_stays_itself():
    generator = make_generator(0)
    assert as_generator(generator) is generator


@pytest.mark.parametrize("what", [None, True, 1.0, "0", np.random.default_rng(0)])
def test_what_is_no_source_of_randomness_is_refused_in_words(what):
    with pytest.raises(TypeError, match=r"generator must be a torch\.Generator or an integer"):
        as_generator(what)
