"""Layers fail here by the thousand; what they log of it is looked at in the law of silence."""

import logging

import pytest


@pytest.fixture(autouse=True, scope="module")
def quiet():
    logger = logging.getLogger("ringwall")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    yield
    logger.setLevel(level)
