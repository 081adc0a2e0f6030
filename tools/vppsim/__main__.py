"""`python -m tools.vppsim -c startup.conf` is the console command `vppsim`."""

from tools.vppsim.main import main

if __name__ == "__main__":
    raise SystemExit(main())
