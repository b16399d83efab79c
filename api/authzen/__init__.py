"""AuthZEN Authorization API 1.0: other services ask this one what their users may do."""
