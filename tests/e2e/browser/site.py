#!/usr/bin/env python3
"""The other site: serves a directory (second argument) on a port (first) and writes what is reported to standard output."""
import functools
import http.server
import sys


class Site(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        print(self.rfile.read(int(self.headers["content-length"])).decode(), flush=True)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), functools.partial(Site, directory=sys.argv[2])).serve_forever()
