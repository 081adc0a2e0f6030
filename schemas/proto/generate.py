"""Generates the Python of the .proto files beside this one."""

import argparse
import sys
from importlib.resources import files
from pathlib import Path

HERE = Path(__file__).parent


def generate(into: Path) -> list[Path]:
    """Writes `schemas/proto/*_pb2*` under `into`. Returns the files written. Needs grpcio-tools."""
    from grpc_tools import protoc  # a development tool, not installed where vppd runs

    root = HERE.parent.parent
    protos = sorted(HERE.glob("*.proto"))
    code = protoc.main(
        [
            "protoc",
            f"--proto_path={root}",
            f"--proto_path={files('grpc_tools') / '_proto'}",
            f"--python_out={into}",
            f"--pyi_out={into}",
            f"--grpc_python_out={into}",
            *map(str, protos),
        ]
    )
    if code:
        raise RuntimeError(f"protoc failed with exit code {code}")
    return sorted((into / "schemas" / "proto").glob("*_pb2*"))


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m schemas.proto.generate", description=__doc__)
    parser.add_argument("directory", nargs="?", type=Path, default=HERE.parent.parent, help="default: in place")
    generate(parser.parse_args().directory)
    return 0


if __name__ == "__main__":
    sys.exit(main())
