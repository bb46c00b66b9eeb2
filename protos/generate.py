"""Generates `services/visage/v1` from `protos/visage/v1`: messages, gRPC stubs and type stubs.

Other people's interfaces (`protos/compat`) become one descriptor set there, `compat.binpb`: they are served from
private descriptor pools, since in the default one they clash with their owners' generated code.

The protos we import come from installed wheels: googleapis' as files, protovalidate's from the descriptor that its
wheel carries. They are laid out under `build/protos` so that protoc and buf see the same ones.

Run: `python protos/generate.py` (or `make protos`). With `--release` the protos also become the ones that later changes
are compared with (`protos/released.binpb`): do that when a version is released.
"""

from __future__ import annotations

import re
import shutil
import sys
from importlib import metadata
from pathlib import Path

import grpc_tools
from google.protobuf import descriptor_pb2
from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "protos"
IMPORTS = ROOT / "build" / "protos"
OUTPUT = ROOT / "services"
PACKAGE = OUTPUT / "visage" / "v1"
GOOGLE_FILES = (
    "google/api/annotations.proto",
    "google/api/client.proto",
    "google/api/field_behavior.proto",
    "google/api/http.proto",
    "google/api/launch_stage.proto",
    "google/api/resource.proto",
    "google/rpc/status.proto",
)
COMPAT = "compat.binpb"
VALIDATE = "buf/validate/validate.proto"
OPERATIONS = "google/longrunning/operations.proto"
WELL_KNOWN = Path(grpc_tools.__file__).parent / "_proto"


def lay_out_imports() -> None:
    """Fills `build/protos` with the imported .proto files, and with nothing older."""
    shutil.rmtree(IMPORTS, ignore_errors=True)
    site = Path(str(metadata.distribution("googleapis-common-protos").locate_file("")))
    for name in GOOGLE_FILES:
        target = IMPORTS / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(site / name, target)
    operations = IMPORTS / OPERATIONS
    operations.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(site / "google/longrunning/operations_proto.proto", operations)


def validate_descriptor() -> descriptor_pb2.FileDescriptorProto:
    """Returns protovalidate's own file descriptor, read from its wheel."""
    from protovalidate._gen.buf.validate import validate_pb

    return descriptor_pb2.FileDescriptorProto.FromString(validate_pb.desc().proto.to_binary())


def write_descriptor_set() -> Path:
    """Writes the descriptor set of protovalidate and what it imports; protoc falls back to it."""
    from google.protobuf import duration_pb2, field_mask_pb2, timestamp_pb2

    files = descriptor_pb2.FileDescriptorSet()
    for module in (descriptor_pb2, duration_pb2, field_mask_pb2, timestamp_pb2):
        module.DESCRIPTOR.CopyToProto(files.file.add())
    files.file.append(validate_descriptor())
    path = IMPORTS.parent / "validate.binpb"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(files.SerializeToString())
    return path


def run_protoc(descriptors: Path, names: list[str], *, services: bool) -> None:
    """Runs protoc on `names`; exits with its message when it refuses them."""
    arguments = [
        "protoc",
        f"-I{SOURCES}",
        f"-I{IMPORTS}",
        f"-I{WELL_KNOWN}",
        f"--descriptor_set_in={descriptors}",
        f"--python_out={OUTPUT}",
        f"--pyi_out={OUTPUT}",
    ]
    if services:
        arguments.append(f"--grpc_python_out={OUTPUT}")
    if protoc.main([*arguments, *names]) != 0:
        sys.exit(1)


def write_image(descriptors: Path, names: list[str]) -> None:
    """Writes `build/visage.binpb`, our protos with comments and imports: what buf lints and compares."""
    arguments = [
        "protoc",
        f"-I{SOURCES}",
        f"-I{IMPORTS}",
        f"-I{WELL_KNOWN}",
        f"--descriptor_set_in={descriptors}",
        f"--descriptor_set_out={IMPORTS.parent / 'visage.binpb'}",
        "--include_imports",
        "--include_source_info",
    ]
    if protoc.main([*arguments, *names]) != 0:
        sys.exit(1)


def write_compat() -> None:
    """Writes the descriptor set of other people's interfaces."""
    names = sorted(str(path.relative_to(SOURCES)) for path in SOURCES.glob("compat/*.proto"))
    arguments = ["protoc", f"-I{SOURCES}", f"-I{WELL_KNOWN}", f"--descriptor_set_out={PACKAGE / COMPAT}"]
    if protoc.main([*arguments, "--include_imports", *names]) != 0:
        sys.exit(1)


def write_release() -> None:
    """Writes `protos/released.binpb`: the image without comments."""
    image = descriptor_pb2.FileDescriptorSet.FromString((IMPORTS.parent / "visage.binpb").read_bytes())
    for file in image.file:
        file.ClearField("source_code_info")
    (SOURCES / "released.binpb").write_bytes(image.SerializeToString(deterministic=True))


def adopt_validate() -> None:
    """Moves the generated protovalidate messages into our package: a top-level `buf` is not ours to install."""
    generated = OUTPUT / "buf" / "validate"
    for suffix in (".py", ".pyi"):
        shutil.move(generated / f"validate_pb2{suffix}", PACKAGE / f"validate_pb2{suffix}")
    shutil.rmtree(OUTPUT / "buf")
    for path in PACKAGE.glob("*_pb2*.py*"):
        text = path.read_text()
        path.write_text(re.sub(r"from buf\.validate import", "from visage.v1 import", text))


def main() -> None:
    """Generates everything afresh."""
    for path in PACKAGE.glob("*_pb2*"):
        path.unlink()
    lay_out_imports()
    descriptors = write_descriptor_set()
    names = sorted(str(path.relative_to(SOURCES)) for path in SOURCES.glob("visage/v1/*.proto"))
    run_protoc(descriptors, names, services=True)
    run_protoc(descriptors, [VALIDATE], services=False)
    write_image(descriptors, names)
    write_compat()
    adopt_validate()
    if "--release" in sys.argv[1:]:
        write_release()
    print(f"generated {len(names)} protos into {PACKAGE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
