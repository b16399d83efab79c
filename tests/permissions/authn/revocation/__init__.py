"""Tests of taking tokens back."""
