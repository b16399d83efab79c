"""`python -m api` is `parley`."""

from api.cli import main

if __name__ == "__main__":
    main()
