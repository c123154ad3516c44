"""Fourier transforms beside PyTorch's: values, gradients, node names, refusals; and some numbers without it."""

from __future__ import annotations

import math

import numpy as np
import pytest

import thalweg as tw

pytestmark = [
    pytest.mark.filterwarnings("ignore:thalweg. this training loop has not repeated"),
    pytest.mark.filterwarnings("ignore:A window was not provided"),  # PyTorch's advice
]
REAL = np.random.RandomState(0).randn(3, 4, 5)
COMPLEX = REAL + 1j * np.random.RandomState(1).randn(3, 4, 5)
ONE_AXIS = [{"n": n, "dim": d} for n in (None, 1, 2, 6, 9, 0, -1) for d in (-1, 0, 5)]
TWO_AXES = [{"s": s, "dim": d} for s in (None, (3, 7), (-1, 3)) for d in ((-2, -1), (0, 2))]
MANY_AXES = [
    {"s": s, "dim": d}
    for s, d in (
        (None, None), ((2, 6), None), ((2, 6), (2, 0)), (None, (1,)), (None, ()), ((3, 2, 9), None), ((1,), (0, 1)),
        (None, (0, 0)), ((1, 2, 3, 4), None),
    )
]  # fmt: skip
NAMES = "fft ifft rfft irfft hfft ihfft fft2 ifft2 rfft2 irfft2 hfft2 ihfft2 fftn ifftn rfftn irfftn hfftn ihfftn"


def outcome(m, name, array, options):
    kind = m.complex128 if np.iscomplexobj(array) else m.float64
    x = m.tensor(array.tolist(), dtype=kind).requires_grad_()
    try:
        result = getattr(m.fft, name)(x, **options)
    except (RuntimeError, IndexError) as error:
        return type(error)
    weight = np.random.RandomState(2).randn(*result.shape)
    if result.is_complex():
        weight = weight + 1j * np.random.RandomState(3).randn(*result.shape)
    result.backward(m.tensor(weight.tolist(), dtype=result.dtype))
    arrays = [t.detach().resolve_conj().numpy() for t in (result, x.grad)]
    return type(result.grad_fn).__name__, *arrays


@pytest.mark.parametrize("norm", [None, "ortho", "forward", "x"])
@pytest.mark.parametrize("name", NAMES.split())
def test_transforms(name, norm):
    torch = pytest.importorskip("torch")
    cases = TWO_AXES if name.endswith("2") else MANY_AXES if name.endswith("n") else ONE_AXIS
    for options in cases:
        for array in (REAL, COMPLEX):
            given = {**options, "norm": norm}
            mine, theirs = outcome(tw, name, array, given), outcome(torch, name, array, given)
            if isinstance(mine, type) or isinstance(theirs, type):
                assert mine == theirs, given
                continue
            assert mine[0] == theirs[0], given
            for a, b in zip(mine[1:], theirs[1:], strict=True):
                np.testing.assert_allclose(a, b, atol=1e-10, err_msg=str(given))


def test_a_spectrum_by_hand():
    x = tw.tensor([1.0, 2.0, 3.0, 4.0])
    assert tw.fft.fft(x).tolist() == [10, -2 + 2j, -2, -2 - 2j]
    assert tw.fft.rfft(x).tolist() == [10, -2 + 2j, -2]
    assert tw.fft.irfft(tw.fft.rfft(x)).tolist() == x.tolist()
    assert tw.fft.fft(x).dtype is tw.complex64 and tw.fft.fft(x.long()).dtype is tw.complex64
    assert tw.fft.fft(x.double()).dtype is tw.complex128
    assert tw.fft.fft(x, norm="ortho")[0].item() == 5
    y = x.clone().requires_grad_()
    tw.fft.rfft(y).abs().pow(2).sum().backward()
    np.testing.assert_allclose(y.grad.numpy(), [12, 20, 20, 28], rtol=1e-6)


def test_frequencies_and_shifts():
    assert tw.fft.fftfreq(5, 0.1).tolist() == [0, 2, 4, -4, -2]
    assert tw.fft.rfftfreq(4).tolist() == [0, 0.25, 0.5] and tw.fft.fftfreq(0).tolist() == []
    x = tw.arange(5)
    assert tw.fft.fftshift(x).tolist() == [3, 4, 0, 1, 2]
    assert tw.fft.ifftshift(tw.fft.fftshift(x)).tolist() == x.tolist()
    grid = tw.arange(6).reshape(2, 3)
    assert tw.fft.fftshift(grid, 1).tolist() == [[2, 0, 1], [5, 3, 4]]
    with pytest.raises(RuntimeError, match="Unsupported dtype"):
        tw.fft.fft(tw.ones(2, dtype=tw.float16))


WINDOWS = [
    {"n_fft": 8, "hop_length": 3, "center": True, "pad_mode": "reflect"},
    {"n_fft": 8, "center": True, "pad_mode": "constant", "normalized": True},
    {"n_fft": 8, "win_length": 6, "center": True, "pad_mode": "circular"},
    {"n_fft": 7, "hop_length": 2, "center": False},
    {"n_fft": 8, "center": True, "pad_mode": "replicate", "onesided": False},
]


@pytest.mark.parametrize("options", WINDOWS)
@pytest.mark.parametrize("windowed", [False, True])
def test_windows_of_a_signal_and_back(options, windowed):
    torch = pytest.importorskip("torch")
    signal = np.random.RandomState(0).randn(2, 40)
    found = []
    for m in (tw, torch):
        x = m.tensor(signal.tolist(), dtype=m.float64).requires_grad_()
        size = options.get("win_length", options["n_fft"])
        shape = [0.2 + math.sin(math.pi * (k + 0.5) / size) for k in range(size)]
        window = m.tensor(shape, dtype=m.float64) if windowed else None
        spectra = m.stft(x, window=window, return_complex=True, **options)
        back = {k: v for k, v in options.items() if k != "pad_mode"}
        again = m.istft(spectra, window=window, **back)
        (again * again).sum().backward()
        found.append([t.detach().numpy() for t in (spectra, again, x.grad)])
    for mine, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-10)
    if options["center"]:
        np.testing.assert_allclose(found[0][1], signal[:, : found[0][1].shape[1]], atol=1e-10)


def test_signals_that_do_not_fit():
    x = tw.arange(10.0)
    assert tuple(x.stft(4, return_complex=False).shape) == (3, 11, 2)
    spectra = x.stft(4, return_complex=True)
    with pytest.warns(UserWarning, match="padded with zeros"):
        assert tuple(spectra.istft(4, length=30).shape) == (30,)
    for call, text in (
        (lambda: x.stft(4), "requires the return_complex parameter"),
        (lambda: x.long().stft(4, return_complex=True), "floating point or complex"),
        (lambda: x.reshape(1, 2, 5).stft(4, return_complex=True), "1D or 2D"),
        (lambda: x.stft(40, return_complex=True), "Padding size"),
        (lambda: x.stft(40, center=False, return_complex=True), "n_fft"),
        (lambda: x.stft(4, 0, return_complex=True), "hop_length > 0"),
        (lambda: x.stft(4, win_length=5, return_complex=True), "win_length"),
        (lambda: x.stft(4, window=tw.ones(3), return_complex=True), "1D window"),
        (lambda: (x * 1j).stft(4, onesided=True), "onesided output"),
        (lambda: x.stft(4, pad_mode="x", return_complex=True), "padding mode"),
        (lambda: tw.istft(tw.ones(3, 4), 4), "complex-valued"),
        (lambda: tw.istft(spectra[None, None], 4), "2 or 3 axes"),
        (lambda: spectra.istft(6), "frequency dimension"),
        (lambda: spectra.istft(4, 5), "hop_length <= win_length"),
        (lambda: spectra.istft(4, window=tw.zeros(4)), "window overlap add min"),
        (lambda: spectra.istft(4, return_complex=True), "onesided output"),
        (lambda: spectra.istft(4, window=tw.ones(4) * 1j), "Complex windows"),
    ):
        with pytest.raises((RuntimeError, NotImplementedError), match=text):
            call()


def test_spectra_of_no_real_signal_give_what_their_first_half_says() -> None:
    """Of (0, 1, 2j, 3) the first three give the signal; NumPy says the same of them."""
    frame = np.fft.irfft([0, 1, 2j], 4)
    spectra = tw.tensor(np.array([[0], [1], [2j], [3]]))
    found = spectra.istft(4, center=False, onesided=False, window=tw.ones(4, dtype=tw.float64))
    np.testing.assert_allclose(found.numpy(), frame, atol=1e-12)
    assert tw.equal(found, spectra.istft(4, center=False, window=tw.ones(4, dtype=tw.float64)))
