"""Tests of the drivers: frames over socket pairs to real processes."""
