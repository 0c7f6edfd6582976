#!/usr/bin/env python
"""`python manage.py X` is `conclave X`."""

from saas.cli import main

if __name__ == "__main__":
    main()
