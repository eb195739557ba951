"""Image networks: as many weights as published, bytes made numbers, weights drawn from a seed."""

import math
from functools import partial

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from stochphys.course.studies.images import CNN, VCNN, Augment, ResNet, Standardise
from stochphys.device import make_generator
from stochphys.training import Ensemble, Labelled, accuracy, classify, fit

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.cuda)]


def images(n: int, size: int = 32, seed: int = 0) -> Tensor:
    g = make_generator(seed)
    return torch.randint(30, 220, (n, 3, size, size), generator=g, dtype=torch.uint8)


NETWORKS = {
    "VCNN": partial(VCNN, generator=0),
    "ResNet-18": partial(ResNet, 18, generator=0),
    "ResNet-34": partial(ResNet, 34, generator=0),
}


@pytest.mark.parametrize(
    ("name", "n"), [("VCNN", 5_856_138), ("ResNet-18", 11_173_962), ("ResNet-34", 21_282_122)]
)
def test_networks_have_as_many_weights_as_the_published_ones(name: str, n: int):
    network = NETWORKS[name](images(20), 10)
    assert sum(p.numel() for p in network.parameters()) == n
    assert network.eval()(images(2)).shape == (2, 10)


@pytest.mark.parametrize("name", ["VCNN", "ResNet-18"])
def test_start_weights_are_uniform_within_one_over_root_of_the_inputs(name: str):
    """The mean square is bound²/3, its standard error 0.3 bound²/√n."""
    for layer in NETWORKS[name](images(20), 10).modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            n, bound = layer.weight.numel(), 1 / math.sqrt(layer.weight[0].numel())
            assert layer.weight.abs().max() <= bound
            square = layer.weight.detach().square().mean() / bound**2
            assert square == pytest.approx(1 / 3, abs=5 * 0.2981 / math.sqrt(n))


def test_a_residual_network_of_small_images_halves_them_three_times():
    network, sizes = NETWORKS["ResNet-18"](images(20), 10).eval(), []
    for i in range(1, 5):
        network.get_submodule(f"layer{i}").register_forward_hook(
            lambda _, __, out: sizes.append(tuple(out.shape[1:]))
        )
    network(images(1))
    assert sizes == [(64, 32, 32), (128, 16, 16), (256, 8, 8), (512, 4, 4)]


@pytest.mark.parametrize("name", ["VCNN", "ResNet-18"])
def test_every_weight_is_learned_and_larger_images_are_taken(name: str):
    x = images(4, 64)
    network = NETWORKS[name](x, 3)
    cross_entropy(network(x), torch.tensor([0, 1, 2, 0])).backward()
    for weight, parameter in network.named_parameters():
        if weight.endswith("weight"):  # a bias in front of a normalisation drops out of it
            assert parameter.grad.abs().max() > 0, weight


# Bytes


def test_numbers_of_training_images_have_mean_zero_and_std_one():
    x = (images(50).float() * torch.tensor([0.3, 0.6, 1.0])[:, None, None]).byte()
    numbers = Augment(x).eval()(x)
    assert numbers.mean((0, 2, 3)).abs().max() < 1e-5
    assert (numbers.std((0, 2, 3), correction=0) - 1).abs().max() < 1e-5
    brighter = (x + 30).byte()
    assert torch.equal(Augment(x).eval()(brighter[:3]), Augment(x).eval()(brighter)[:3])
    assert Augment(x).eval()(brighter).mean() > 0.3  # other images do not change the units


def test_in_training_images_are_shifted_and_mirrored_and_nothing_else():
    torch.manual_seed(0)
    x, n, shift = images(1, 8), 4000, 2
    augment = Augment(images(20), shift=shift)
    moved = augment.train()(x.expand(n, -1, -1, -1))
    plain = augment.eval()(x)[0]
    wide = nn.functional.pad(plain, [shift] * 4)
    mirror = nn.functional.pad(plain.flip(-1), [shift] * 4)
    window = range(2 * shift + 1)
    all_of_them = torch.stack(
        [w[:, i : i + 8, j : j + 8] for w in (wide, mirror) for i in window for j in window]
    )
    match = (moved[:, None] == all_of_them).all((2, 3, 4))
    assert (match.sum(1) == 1).all()  # each is one of the 50
    counts = match.sum(0).double()
    p = 1 / len(counts)
    chi = ((counts - n * p) ** 2 / (n * p)).sum()  # χ² of 49 degrees: 49 ± 9.9
    assert abs(chi - 49) < 4 * math.sqrt(2 * 49)


@pytest.mark.parametrize("colours", [1, 3])
def test_grey_images_have_one_colour(colours):
    x = images(6, 28)[:, :colours]
    assert torch.equal(Standardise(x).train()(x), Augment(x).eval()(x))  # nothing is moved
    for network in (CNN(x, 10, generator=0), ResNet(18, x, 10, generator=0)):
        assert network(x).shape == (6, 10)
    if colours == 1:
        assert sum(p.numel() for p in CNN(x, 10, generator=0).parameters()) == 106_122


def test_a_mirror_and_no_shift():
    torch.manual_seed(0)
    x = images(40, 8)
    augment = Augment(x, shift=0)
    moved, plain = augment.train()(x), augment.eval()(x)
    mirrored = (moved == plain.flip(-1)).all((1, 2, 3))
    assert ((moved == plain).all((1, 2, 3)) | mirrored).all()
    assert 7 < mirrored.sum() < 33  # 20 ± 3.2, 4 standard errors


def test_what_cannot_be_learned_from_is_refused():
    g = make_generator(0)
    with pytest.raises(TypeError, match=r"images must be a tensor of uint8, got torch.float32"):
        Augment(images(3).float())
    with pytest.raises(ValueError, match=r"axes \(n, colours, height, width\), got \(5, 8, 8\)"):
        Augment(images(5, 8)[:, 0])
    grey = images(3)
    grey[:, 2] = 7
    with pytest.raises(ValueError, match="images must differ in each colour; leave out"):
        Augment(grey)
    with pytest.raises(ValueError, match="sides that 8 divides, got 30×30 pixels"):
        VCNN(images(3, 30), 10, generator=g)
    with pytest.raises(ValueError, match="depth must be one of 18, 34, got 50"):
        ResNet(50, images(3), 10, generator=g)


# Learning


def coloured(n: int, seed: int) -> Labelled:
    """Noise, brighter in one of three colours: the class."""
    y = torch.arange(n) % 3
    x = images(n, 16, seed)
    x[torch.arange(n), y] += 35
    return Labelled(x, y, 3)


@pytest.mark.slow
@pytest.mark.parametrize("device", DEVICES)
def test_vcnn_learns_a_colour(device: str):
    data, held_out = coloured(300, 1), coloured(300, 2)
    network = VCNN(data.x, 3, generator=make_generator(0))
    torch.manual_seed(0)
    fit(
        network, classify(), data, steps=30, batch_size=32, lr=1e-3, ema=0.9, device=device,
        generator=make_generator(1), validate_every=30, progress=False,
    )  # fmt: skip
    assert accuracy(network, held_out) > 0.9  # by chance 0.33 ± 0.03


@pytest.mark.parametrize("device", DEVICES)
def test_an_ensemble_of_image_networks_is_its_members(device: str):
    x = images(6, 16)
    members = [VCNN(x, 3, generator=make_generator(seed)).to(device) for seed in (0, 1)]
    ensemble = Ensemble(members).eval()
    x = x.to(device)
    with torch.no_grad():
        both = ensemble.on_shared(x)
        for i, member in enumerate(members):
            alone = member.eval()(x)  # on CUDA products are rounded to 10 bits
            torch.testing.assert_close(
                both[i], alone, rtol=0, atol=1e-5 if device == "cpu" else 0.03
            )
        before = ensemble.member(0).state_dict()
        ensemble.train().on_shared(x)
    after = ensemble.member(0).state_dict()
    seen = [name for name in before if name.endswith("num_batches_tracked")]
    assert len(seen) == 8 and all(after[name] == before[name] + 1 for name in seen)
