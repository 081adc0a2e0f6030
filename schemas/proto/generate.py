"""Generates the Python of the .proto files beside this one."""

import argparse
import sys
from importlib.resources import files
from pathlib import Path

_DIRECTORY = Path(__file__).parent


def generate(into: Path) -> list[Path]:
    """Writes `schemas/proto/*_pb2*` under `into`. Returns the files written. Needs grpcio-tools."""
    from grpc_tools import protoc  # a development tool, not installed where vppd runs

    root = _DIRECTORY.parent.parent
    paths = ["protoc", f"--proto_path={root}", f"--proto_path={files('grpc_tools') / '_proto'}"]
    protos = sorted(_DIRECTORY.glob("*.proto"))
    served = [proto for proto in protos if "\nservice " in proto.read_text()]
    for options, sources in (
        ([f"--python_out={into}", f"--pyi_out={into}"], protos),
        ([f"--grpc_python_out={into}"], served),
    ):
        code = protoc.main([*paths, *options, *map(str, sources)])
        if code:
            raise RuntimeError(f"protoc failed with exit code {code}")
    return sorted((into / "schemas" / "proto").glob("*_pb2*"))


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m schemas.proto.generate", description=__doc__)
    parser.add_argument("directory", nargs="?", type=Path, default=_DIRECTORY.parent.parent, help="default: in place")
    generate(parser.parse_args().directory)
    return 0


if __name__ == "__main__":
    sys.exit(main())
