"""Conditions as CEL text (Common Expression Language, https://cel.dev): read, checked, and made into conditions."""
