"""What was decided and what was changed: written down before anybody is told, and chained so that tampering shows."""
