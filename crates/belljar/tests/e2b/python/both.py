"""One body of tests for both clients: the one that waits and the one that is awaited."""

import inspect
import os
import sys
import unittest

import names

names.install()

import e2b
import e2b_code_interpreter
from e2b_code_interpreter import AsyncSandbox, Sandbox

VERSION = tuple(int(part) for part in __import__("importlib.metadata").metadata.version("e2b").split("."))
# Names that every file system takes and few programs do.
SCRIPTS = ["größe.txt", "データ.csv", "файл.txt", "ملف.txt", "😀 smile.txt", "with space & more?.txt", "quote'\"s.txt", "-dash", "ünï/cödé/deep.txt", "a%20b+c.txt"]


async def done(value):
    """What a call gives, now or later."""
    return await value if inspect.isawaitable(value) else value


class Case(unittest.IsolatedAsyncioTestCase):
    """A test with one sandbox of its own, made where it is first asked for."""

    Sandbox = None

    async def asyncSetUp(self):
        self.made = []

    async def asyncTearDown(self):
        for sandbox in self.made:
            await done(sandbox.kill())

    async def create(self, *arguments, **options):
        sandbox = await done(self.Sandbox.create(*arguments, **options))
        self.made.append(sandbox)
        return sandbox


def both(cls):
    """Makes two classes of tests of one body."""
    module = sys.modules[cls.__module__]
    for name, sandbox in (("Waiting", Sandbox), ("Awaited", AsyncSandbox)):
        whole = f"{name}{cls.__name__}"
        setattr(module, whole, type(whole, (cls, Case), {"Sandbox": sandbox, "__module__": cls.__module__}))
    return cls


def since(*version):
    """For what older clients do not have."""
    return unittest.skipUnless(VERSION >= version, f"e2b {e2b.__name__} before {'.'.join(map(str, version))} does not have it")
