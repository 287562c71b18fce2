"""One tiny model for all tests, and the command of the same build."""
import os
import sys

import pytest

import wagle

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.abspath(f"{HERE}/../examples"))
import tiny  # noqa: E402


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tiny.make(str(tmp_path_factory.mktemp("tiny") / "model"))


@pytest.fixture(scope="session")
def model(folder):
    return wagle.Model(folder)


@pytest.fixture(scope="session")
def forget():
    return tiny.PEOPLE[0]


@pytest.fixture(scope="session")
def retain():
    return [{"question": q, "answer": a} for person in tiny.PEOPLE[1:4] for q, a in person]


@pytest.fixture(scope="session")
def command():
    if "WAGLE" not in os.environ:
        pytest.skip("WAGLE does not name the command")
    return os.environ["WAGLE"]
