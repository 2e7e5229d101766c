"""`python -m search` and `lambda-search`."""

from search.doors.cli import main

if __name__ == "__main__":
    main()
