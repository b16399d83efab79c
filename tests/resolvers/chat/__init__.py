"""Tests of `resolvers.chat`, over HTTP."""
