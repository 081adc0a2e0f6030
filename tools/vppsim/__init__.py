"""A stand-in for /usr/bin/vpp for laptops and CI; see README.md. Not for production."""
