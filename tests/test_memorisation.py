"""What is memorised is counted rightly, for one network and for many, and is seen to grow."""

from functools import partial

import pytest
import torch
from torch import Tensor, nn

from stochphys.course.studies.digits import RECIPE, digits
from stochphys.course.studies.memorisation import distance, memorised
from stochphys.device import make_generator
from stochphys.models.networks import MLP
from stochphys.training import Ensemble, Labelled, Monitor, Resetting, classify, fit


class Says(nn.Module):
    """A network that says the class that stands in its input, plus a shift."""

    def __init__(self, shift: int) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.tensor(float(shift)))

    def forward(self, x: Tensor) -> Tensor:
        classes = torch.arange(4).float()
        return -((classes - (x + self.shift) % 4) ** 2)


TRUE = torch.tensor([0, 1, 2, 3, 0, 1])
GIVEN = torch.tensor([0, 1, 2, 0, 1, 3])  # the last three are wrong
SAID = torch.tensor([0.0, 1, 3, 3, 1, 2])[:, None]  # right, right, no; true, memorised, other


def test_the_fractions_are_counted() -> None:
    data = Labelled(SAID, GIVEN, 4, TRUE)
    expected = torch.tensor([1 / 3, 1 / 3, 1 / 3, 2 / 3])
    torch.testing.assert_close(memorised(Says(0), data), expected)


def test_each_member_is_counted_on_its_own_labels() -> None:
    """Two groups with the given labels of the other, two copies each."""
    both = Labelled(
        SAID,
        torch.stack((GIVEN, TRUE)),
        4,
        torch.stack((TRUE, TRUE)),
        torch.arange(6).expand(2, 6),
        2,
    )
    found = memorised(Ensemble([Says(0), Says(1)] * 2), both)
    single = memorised(Says(1), Labelled(SAID, GIVEN, 4, TRUE))
    assert found.shape == (4, 4)
    torch.testing.assert_close(found[:, 1], single)
    assert found[:3, 2:].isnan().all()  # no label of the second group is wrong
    torch.testing.assert_close(found[3, 2:], torch.tensor([3 / 6, 0]))


def test_true_labels_are_asked_for() -> None:
    with pytest.raises(ValueError, match="no true labels"):
        memorised(Says(0), Labelled(SAID, GIVEN, 4))


def test_distance_is_that_of_the_flattened_weights() -> None:
    models = [MLP((3, 5, 2), generator=make_generator(seed)) for seed in range(3)]
    flat = [nn.utils.parameters_to_vector(m.parameters()) for m in models]
    expected = (flat[0] - flat[1]).norm()
    torch.testing.assert_close(distance(models[0], models[1].state_dict()), expected)
    crowd, home = Ensemble(models), Ensemble([models[1]] * 3)
    apart = torch.stack([(f - flat[1]).norm() for f in flat])
    torch.testing.assert_close(distance(crowd, home.state_dict()), apart)
    with pytest.raises(ValueError, match="state lacks 0.bias"):
        distance(models[0], {"0.weight": models[0].state_dict()["0.weight"]})


@pytest.mark.slow
def test_sgd_sees_through_wrong_labels_and_then_memorises_what_resets_do_not() -> None:
    """Means over 8 seeds at noise rate 0.4, each claim by 4 standard errors of the paired difference,
    of which three draws of all seeds have 13 at least, so that no luck is left:
    the share that is memorised grows from the best step to the last, and resets keep it lower; they
    stay nearer to their checkpoint, too."""
    data = digits(range(8), 0.4, copies=2)
    resets = Resetting(
        torch.tensor([0.0, 0.1]).repeat(8), patience=300, generator=make_generator(0)
    )
    measures = dict(
        fate=partial(memorised, data=data.train),
        distance=lambda model: distance(model, resets.checkpoint),
    )
    look = Monitor(100, **measures)
    fit(
        data.networks,
        classify(),
        data.train,
        validation=data.validation,
        steps=2000,
        callbacks=[resets, look],
        generator=make_generator(1),
        **RECIPE,
    )
    true_label, learned = look.values["fate"][:, :2].unflatten(-1, (8, 2)).unbind(1)
    apart = look.values["distance"][-1].view(8, 2)

    def clear(difference: Tensor) -> bool:
        return bool(difference.mean() > 4 * difference.std() / 8**0.5)

    assert true_label[:10, :, 0].mean(1).max() > 0.6
    assert clear(learned[-1, :, 0] - learned[4, :, 0])
    assert clear(learned[-1, :, 0] - learned[-1, :, 1])
    assert clear(apart[:, 0] - apart[:, 1])
