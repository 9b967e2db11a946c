"""The control, to be run in the box: a "local" chat with the libraries as they come, which leaks in every way here.

Without it, silence in the box would prove nothing. Not one line of ours is between the libraries and the wire.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import sys
import threading

from tests.netbox.hostile_surroundings import REDIRECTED_TO

ANSWER = {"model": "m", "message": {"role": "assistant", "content": "Hello."}, "done": True, "done_reason": "stop"}


class Local(http.server.BaseHTTPRequestHandler):
    """An Ollama on loopback; what is asked at /redirect/... is passed on."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        body = json.dumps(ANSWER).encode() + b"\n"
        if self.path.startswith("/redirect"):
            self.send_response(307)
            self.send_header("location", f"http://{REDIRECTED_TO}:11434/api/chat")
            body = b""
        else:
            self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


def main() -> None:
    canary = sys.argv[1]
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Local) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.server_address[1]
        chat(f"http://127.0.0.1:{port}", canary + "-by-proxy")
        httpx_redirected(f"http://127.0.0.1:{port}/redirect/api/chat", canary + "-by-redirect")
        server.shutdown()


def chat(url: str, words: str) -> None:
    import ollama

    ollama.Client(host=url).chat("m", messages=[{"role": "user", "content": words}])


def httpx_redirected(url: str, words: str) -> None:
    import httpx

    # What ollama.Client does with a redirect, without the proxy that would be in between.
    with httpx.Client(follow_redirects=True, trust_env=False) as client, contextlib.suppress(httpx.HTTPError):
        client.post(url, json={"content": words})


if __name__ == "__main__":
    main()
