"""Long runs in which things go wrong on purpose: `make drill-live`."""
