"""Roles, policies, audit."""
