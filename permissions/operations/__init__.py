"""Trusted documents: read from manifests, judged, registered, and removed again."""
