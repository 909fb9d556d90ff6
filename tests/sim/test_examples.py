"""Every public name has an example in its docstring, and every example of the simulator runs and
says what it shows.
"""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
import warnings

import pytest
import torch
from torch import nn

import biograd

FLAGS = doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL


@pytest.mark.parametrize("name", biograd.__all__)
def test_a_public_name_has_an_example(name):
    assert ">>>" in (inspect.getdoc(getattr(biograd, name)) or ""), (
        f"biograd.{name} has no example in its docstring"
    )


MODULES = [module.name for module in pkgutil.walk_packages(biograd.__path__, "biograd.")]


@pytest.mark.parametrize(
    "name",
    [name for name in MODULES if not name.startswith(("biograd.__main__", "biograd.commands"))],
)
def test_the_examples_of_a_module_run(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # some write a file
    module = importlib.import_module(name)
    names = (
        {public: getattr(biograd, public) for public in biograd.__all__}
        | vars(module)
        | {"torch": torch, "nn": nn}
    )
    failed = []
    for example in doctest.DocTestFinder(exclude_empty=True).find(module, globs=names):
        if example.examples:
            torch.manual_seed(0)
            said: list[str] = []
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                result = doctest.DocTestRunner(optionflags=FLAGS).run(example, out=said.append)
            failed += said if result.failed else []
    assert not failed, "".join(failed)
