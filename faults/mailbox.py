"""A mail server that writes down to whom which mail was sent, and delivers nothing."""

import email
import socketserver
import sys
from pathlib import Path


class Session(socketserver.StreamRequestHandler):
    def handle(self):
        self.say("220 mailbox")
        while line := self.rfile.readline():
            command = line.split(None, 1)[0].upper() if line.split() else b""
            if command == b"RCPT":
                self.to = line.decode().partition(":")[2].split()[0].strip("<>")
            if command == b"DATA":
                self.say("354 go on")
                text = b"".join(iter(self.rfile.readline, b".\r\n"))
                message = email.message_from_bytes(text)
                with open(self.server.book, "a") as book:
                    book.write(f"{message['Message-Id'].strip()}\t{self.to}\n")
            self.say("221 bye" if command == b"QUIT" else "250 ok")
            if command == b"QUIT":
                return

    def say(self, text):
        self.wfile.write(f"{text}\r\n".encode())


if __name__ == "__main__":
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Session)
    server.daemon_threads, server.book = True, Path(sys.argv[1])
    print(server.server_address[1], flush=True)
    server.serve_forever()
