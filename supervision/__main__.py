"""supervisord: `python -m supervision -n -c supervisord.conf`, with the arguments of supervisord."""

from supervisor import loggers, supervisord

from supervision.log_file import DroppingLogFile, pass_over_error
from supervision.programs import PausingOptions


def main() -> None:
    """Runs until told to stop. supervisord makes its parts by these names."""
    loggers.RotatingFileHandler = DroppingLogFile
    loggers.Handler.handleError = pass_over_error
    supervisord.ServerOptions = PausingOptions
    supervisord.main()


if __name__ == "__main__":
    main()
