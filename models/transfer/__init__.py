"""Conversations in and out: other chat systems' exports."""
