"""One policy, two colours: both drivers treat it alike."""

from __future__ import annotations

import asyncio

import pytest

from ringwall._pending import Call, MissingColour, asettle, perform, settle


def drivers():
    return [settle, lambda pending: asyncio.run(asettle(pending))]


BOTH = pytest.mark.parametrize("drive", drivers(), ids=["sync", "async"])


def both(function):
    async def later(*arguments):
        await asyncio.sleep(0)
        return function(*arguments)

    return function, later


def fails(message):
    raise OSError(message)


@BOTH
def test_results_come_back_with_their_arguments(drive):
    def policy():
        one = yield from perform(Call(*both(lambda a, b: a + b), 1, 2))
        two = yield Call(*both(lambda: 10))
        return one + two

    assert drive(policy()) == 13


@BOTH
def test_a_policy_that_needs_no_io_ends_at_once(drive):
    def policy():
        return "done"
        yield

    assert drive(policy()) == "done"


@BOTH
def test_an_exception_of_the_io_is_thrown_into_the_policy_which_decides(drive):
    def policy():
        try:
            yield Call(*both(fails), "down")
        except OSError as error:
            again = yield Call(*both(lambda: "fell back"))
            return f"{again} since {error}"

    assert drive(policy()) == "fell back since down"


@BOTH
def test_an_exception_that_the_policy_does_not_catch_passes(drive):
    cleaned = []

    def policy():
        try:
            yield Call(*both(fails), "down")
        finally:
            cleaned.append(True)

    with pytest.raises(OSError, match="down"):
        drive(policy())
    assert cleaned == [True]


@BOTH
def test_a_missing_colour_is_told_to_the_policy(drive):
    with pytest.raises(MissingColour, match=r"use stack\.(asgi|wsgi)\(app\)"):
        drive(perform(Call(None, None)))


@BOTH
def test_a_policy_that_yields_something_else_fails_instead_of_hanging(drive):
    def policy():
        yield "not a call"

    with pytest.raises(AttributeError):
        drive(policy())


@BOTH
def test_a_policy_that_is_no_generator_is_a_type_error(drive):
    with pytest.raises(TypeError):
        drive(3)


@BOTH
def test_a_stop_iteration_of_the_io_does_not_pass_for_the_policys_result(drive):
    """A loader that says `next(rows)` must not turn "no row" into a verdict."""

    def policy():
        yield Call(*both(lambda: next(iter([]))))
        return "allowed"

    with pytest.raises(RuntimeError):
        drive(policy())


def test_interrupts_are_thrown_into_the_policy_too():
    told = []

    def stop():
        raise KeyboardInterrupt

    def policy():
        try:
            yield Call(stop, None)
        except BaseException as error:
            told.append(type(error))
            raise

    with pytest.raises(KeyboardInterrupt):
        settle(policy())
    assert told == [KeyboardInterrupt]
