"""What is refused at the door, and in which words."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from stochphys import require

NO_NUMBERS = ["1", None, float("nan"), float("inf"), 1j, [1.0]]


@pytest.mark.parametrize("value", [0, -1.0, *NO_NUMBERS])
def test_what_is_not_positive_is_refused_by_its_name(value):
    with pytest.raises(ValueError, match=r"^dt must be positive, got .*; in seconds$"):
        require.positive(T=1, dt=value, hint="in seconds")
    with pytest.raises(ValueError, match=r"^T_h must be positive, got "):
        require.positive(SimpleNamespace(T_c=1.0, T_h=value), "T_c", "T_h")


@pytest.mark.parametrize("value", [-1e-9, *NO_NUMBERS])
def test_what_is_negative_is_refused(value):
    with pytest.raises(ValueError, match="x must be finite and not negative, got "):
        require.not_negative(x=value)
    require.not_negative(x=0)


@pytest.mark.parametrize("value", [1, 2.0, True, *NO_NUMBERS])
def test_what_is_no_integer_or_too_small_is_refused(value):
    with pytest.raises(ValueError, match="n must be an integer of at least 2, got "):
        require.integer(2, n=value)
    require.integer(2, n=np.int64(2))
    with pytest.raises(ValueError, match="n must be a positive integer, got 0"):
        require.integer(1, n=0)


def test_an_object_of_another_kind_and_a_class_are_refused():
    with pytest.raises(TypeError, match=r"^path must be Tensor, got \[1.0\]; say how$"):
        require.of_kind(torch.Tensor, n=torch.ones(2), path=[1.0], hint="say how")
    require.able("mean", x=torch.ones(2))
    for wrong, got in (
        ("laplace", "'laplace'"),
        (True, "True"),
        (torch.Tensor, "the class Tensor"),
    ):
        with pytest.raises(
            TypeError, match=f"drift must be an object with a method mean, got {got}"
        ):
            require.able("mean", drift=wrong)


def test_an_interval_means_what_it_means_in_mathematics():
    require.within("[0, 1]", p=0, q=1)
    require.within("(0, 1]", p=1, q=np.float32(0.5))
    for interval, value in (("(0, 1]", 0), ("[0, 1)", 1), ("[0, 1]", 1.1), ("(-7, 7)", "x")):
        with pytest.raises(ValueError) as error:
            require.within(interval, p=value)
        assert str(error.value) == f"p must lie in {interval}, got {value!r}"


def test_finite_looks_into_tensors():
    require.finite(x=torch.zeros(3), y=2)
    for value in (torch.tensor([0.0, torch.nan]), *NO_NUMBERS):
        with pytest.raises(ValueError, match="x must be finite, got "):
            require.finite(x=value)


def test_a_choice_names_those_there_are():
    require.one_of(("euler", "heun"), scheme="heun")
    with pytest.raises(
        ValueError, match="scheme must be one of euler, heun, got 'rk4'; see simulate"
    ):
        require.one_of(("euler", "heun"), scheme="rk4", hint="see simulate")


def test_rows_of_a_stochastic_matrix_are_probabilities():
    require.stochastic(P=torch.eye(3))
    with pytest.raises(ValueError, match=r"P must hold probabilities, got P\[1, 0\] = -0.5"):
        require.stochastic(P=torch.tensor([[1.0, 0.0], [-0.5, 1.5]]))
    with pytest.raises(ValueError, match=r"P must hold probabilities, got P\[0, 1\] = nan"):
        require.stochastic(P=torch.tensor([[1.0, torch.nan], [0.5, 0.5]]))
    with pytest.raises(ValueError, match="each row of P must sum to 1, row 1 sums to 1.1"):
        require.stochastic(P=torch.tensor([[1.0, 0.0], [0.6, 0.5]]))


def test_numbers_of_another_kind_are_refused_as_what_they_are():
    require.tensor((torch.float32, torch.float64), x=torch.zeros(2), y=torch.zeros(2).double())
    for value, got in (
        (torch.zeros(2).long(), "torch.int64"),
        (np.zeros(2), "ndarray"),
        (None, "NoneType"),
    ):
        with pytest.raises(
            TypeError, match=rf"^x must be a tensor of float32 or int8, got {got}; use"
        ):
            require.tensor((torch.float32, torch.int8), x=value, hint="use torch.as_tensor(x)")


def test_a_coordinate_that_never_changes_is_named():
    require.changing(coordinates=torch.ones(2, 3))
    with pytest.raises(ValueError, match=r"inputs \[1, 2\] never change in these data; leave them"):
        require.changing(inputs=torch.tensor([[1.0, 0.0, 1.0], [1.0, 1.0, torch.nan]]))


def test_a_direction_without_noise_is_refused():
    """Of a matrix with coordinates mixed, no entry of which is zero."""
    require.noisy(1e-12, D=torch.eye(2))
    with pytest.raises(
        ValueError, match="D is singular: its smallest eigenvalue is .* of the larg"
    ):
        require.noisy(1e-12, D=torch.stack((torch.eye(2), torch.ones(2, 2))))


def test_a_tensor_of_one_number_is_a_number():
    require.positive(T=torch.tensor(2.0))
    with pytest.raises(ValueError, match="T must be positive, got -2"):
        require.positive(T=torch.tensor(-2.0))
