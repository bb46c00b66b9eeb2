"""A GPU node as the engine cache sees it: volumes, nvidia-smi and a tritonserver that writes engines."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

from k8s.components.gpu import engine_cache

# Answers as Triton does once its models are warm, and writes one engine per model into the folder of its configuration.
TRITON = """#!{python}
import re, signal, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
flags = dict(flag.removeprefix("--").split("=", 1) for flag in sys.argv[1:] if "=" in flag)
for config in Path(flags["model-repository"]).glob("*/config.pbtxt"):
    for folder in re.findall(r'trt_engine_cache_path" value: "([^"]+)"', config.read_text()):
        (Path(folder) / "engine.plan").write_bytes(b"engine")
class Ready(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def log_message(self, *_):
        pass
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
HTTPServer(("127.0.0.1", int(flags["http-port"])), Ready).serve_forever()
"""
BROKEN = "#!/bin/sh\nexit 3\n"
SMI = "#!/bin/sh\necho 'NVIDIA L4, 8.9, 580.65.06'\n"


class Node:
    """A node's volumes, and its programs in `bin`, which the test puts on PATH."""

    def __init__(self, root: Path) -> None:
        self.models, self.engines, self.served = (root / name for name in ("models", "engines", "served"))
        self.bin = root / "bin"
        for folder in (self.models / "nose" / "1", self.engines, self.served, self.bin):
            folder.mkdir(parents=True)
        (self.models / "nose" / "1" / "model.onnx").write_bytes(b"weights")
        config = 'optimization { execution_accelerators { gpu_execution_accelerator: [ { name: "tensorrt" } ] } }'
        (self.models / "nose" / "config.pbtxt").write_text(config)
        self.program("nvidia-smi", SMI)
        self.program("tritonserver", TRITON.replace("{python}", sys.executable))
        with socket.socket() as held:
            held.bind(("127.0.0.1", 0))
            self.port = held.getsockname()[1]

    def program(self, name: str, text: str) -> None:
        (self.bin / name).write_text(text)
        (self.bin / name).chmod(0o755)

    def run(self) -> int:
        folders = [f"--{name}={getattr(self, name)}" for name in ("models", "engines", "served")]
        return engine_cache.main([*folders, f"--port={self.port}"])
