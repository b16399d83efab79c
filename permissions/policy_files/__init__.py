"""Types of resources, roles, policies and their tests as YAML files: read, checked, compared, applied."""
