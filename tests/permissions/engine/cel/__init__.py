"""Tests of conditions as CEL text."""
