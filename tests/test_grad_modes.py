"""Switching gradients off and on: context managers, decorators, generators, threads."""

import threading

import pytest

import pedigrad as torch


def leaf(*values):
    return torch.tensor(values, requires_grad=True)


MODES = [torch.no_grad, lambda: torch.set_grad_enabled(False), torch.inference_mode]


@pytest.mark.parametrize("mode", MODES)
def test_modes_as_context_managers(mode):
    x = leaf(1.0)
    with mode():
        assert not torch.is_grad_enabled()
        y = x * 2.0
        with torch.enable_grad():
            z = x * 2.0
        assert not (x * 2.0).requires_grad
    assert not y.requires_grad and y.is_leaf and torch.is_grad_enabled() and (x * 2.0).requires_grad
    if mode is not torch.inference_mode:
        assert z.requires_grad


def test_modes_end_with_an_exception():
    with pytest.raises(ZeroDivisionError), torch.no_grad():
        raise ZeroDivisionError
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("mode", MODES)
def test_modes_as_decorators(mode):
    @mode()
    def double(x, *, by=2.0):
        """Doubles."""
        assert not torch.is_grad_enabled()
        return x * by

    assert not double(leaf(1.0), by=3.0).requires_grad
    assert torch.is_grad_enabled() and double.__doc__ == "Doubles." and double.__name__ == "double"


def test_no_grad_without_parentheses():
    @torch.no_grad
    def double(x):
        return x * 2.0

    assert not double(leaf(1.0)).requires_grad and torch.is_grad_enabled()


def test_a_decorated_function_may_call_itself():
    @torch.no_grad()
    def countdown(n, x):
        return x if n == 0 else countdown(n - 1, x * 2.0)

    assert not countdown(5, leaf(1.0)).requires_grad and torch.is_grad_enabled()


def test_modes_around_generators():
    @torch.no_grad()
    def results(x):
        sent = yield x * 2.0
        while sent is not None:
            assert not torch.is_grad_enabled()
            sent = yield x * sent
        return "done"

    x = leaf(1.0)
    generator = results(x)
    assert not next(generator).requires_grad
    assert torch.is_grad_enabled()  # the consumer's own code is not affected
    assert (x * 2.0).requires_grad
    assert not generator.send(3.0).requires_grad and torch.is_grad_enabled()
    with pytest.raises(StopIteration, match="done"):
        generator.send(None)
    assert torch.is_grad_enabled()


def test_generators_get_exceptions_and_are_closed():
    log = []

    @torch.no_grad()
    def results():
        try:
            yield 1
        except KeyError:
            log.append(("caught", torch.is_grad_enabled()))
        try:
            yield 2
        finally:
            log.append(("closed", torch.is_grad_enabled()))

    generator = results()
    next(generator)
    assert generator.throw(KeyError("k")) == 2
    generator.close()
    assert log == [("caught", False), ("closed", False)] and torch.is_grad_enabled()


def test_set_grad_enabled_as_a_function():
    torch.set_grad_enabled(False)
    try:
        assert not (leaf(1.0) * 2.0).requires_grad
    finally:
        torch.set_grad_enabled(True)
    assert (leaf(1.0) * 2.0).requires_grad


def test_inference_mode_says_so():
    assert not torch.is_inference_mode_enabled()
    with torch.inference_mode():
        assert torch.is_inference_mode_enabled()
        with torch.inference_mode(False):
            assert not torch.is_inference_mode_enabled()
    with torch.inference_mode(False):
        assert (leaf(1.0) * 2.0).requires_grad


def test_threads_have_their_own_mode():
    x = leaf(1.0)
    inside, go = threading.Event(), threading.Event()
    seen = {}

    def other():
        with torch.no_grad():
            seen["off"] = (x * 2.0).requires_grad
            inside.set()
            go.wait(10)
        seen["on"] = (x * 2.0).requires_grad

    thread = threading.Thread(target=other)
    with torch.no_grad():
        thread.start()
        assert inside.wait(10)
    assert torch.is_grad_enabled() and (x * 2.0).requires_grad  # while the other thread is in no_grad
    go.set()
    thread.join()
    assert seen == {"off": False, "on": True}


def test_a_new_thread_starts_with_gradients():
    seen = []
    with torch.no_grad():
        thread = threading.Thread(target=lambda: seen.append(torch.is_grad_enabled()))
        thread.start()
        thread.join()
    assert seen == [True]


def test_backward_in_many_threads():
    shared = leaf(2.0)

    def work(out):
        x = torch.ones(100, requires_grad=True)
        for _ in range(50):
            (x * shared.detach() * x).sum().backward()
        out.append(x.grad.sum().item())

    out = []
    threads = [threading.Thread(target=work, args=(out,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert out == [50 * 4 * 100.0] * 4


def recording():
    return torch.is_grad_enabled(), (torch.ones(2, requires_grad=True) * 2).requires_grad


def test_inference_mode_false_records_whatever_it_is_within():
    for around in (torch.inference_mode, torch.no_grad, lambda: torch.set_grad_enabled(False), torch.enable_grad):
        with around():
            before = recording()
            with torch.inference_mode(False):
                assert recording() == (True, True)
                with torch.inference_mode():
                    assert recording() == (False, False)
                assert recording() == (True, True)
            assert recording() == before
    assert recording() == (True, True)


def test_enable_grad_does_not_end_inference():
    with torch.inference_mode():
        with torch.enable_grad():
            assert recording() == (True, False) and torch.is_inference_mode_enabled()
        with torch.set_grad_enabled(True):
            assert recording() == (True, False)
    assert recording() == (True, True)
