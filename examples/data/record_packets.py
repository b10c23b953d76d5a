#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0

"""Records packets of a small web server and its clients, as pcap files.

  unshare -n ./record_packets.py LOOPBACK.pcap VETH.pcap

In a network namespace of its own: nobody else's packets get in. LOOPBACK.pcap
has what passed lo, VETH.pcap what passed one end of a veth pair. Needs root.
"""

import http.server
import random
import socket
import struct
import subprocess
import sys
import threading
import time
import urllib.request

SNAP = 66  # bytes kept of a packet: the headers of TCP over IPv4
PACKET_OUTGOING = 4  # lo shows each packet twice


def record(interface, path, done):
  packets = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
  packets.bind((interface, 0))
  packets.settimeout(0.1)
  # Magic, version 2.4, time zone, accuracy, bytes kept, LINKTYPE_ETHERNET.
  header = struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, SNAP, 1)
  with open(path, "wb") as file:
    file.write(header)
    while True:
      try:
        data, address = packets.recvfrom(1 << 17)
      except socket.timeout:
        if done.is_set():
          return
        continue
      if interface == "lo" and address[2] == PACKET_OUTGOING:
        continue
      now = time.time_ns() // 1000
      kept = data[:SNAP]
      file.write(struct.pack("<IIII", now // 1000000, now % 1000000, len(kept),
                             len(data)) + kept)


class Pages(http.server.BaseHTTPRequestHandler):

  def do_GET(self):
    body = b"x" * int(self.path[1:])
    self.send_response(200)
    self.send_header("Content-Length", str(len(body)))
    self.end_headers()
    self.wfile.write(body)

  def log_message(self, *args):
    pass


def echo(sock):
  while True:
    data, client = sock.recvfrom(2048)
    sock.sendto(data * 3, client)


def main():
  run = lambda line: subprocess.run(line.split(), check=True)
  run("ip link set lo up")
  run("ip link add veth0 type veth peer name veth1")
  # The other end is in a namespace of its own, else lo would carry it all.
  child = subprocess.Popen(["unshare", "-n", "sleep", "30"])
  time.sleep(0.5)
  run(f"ip link set veth1 netns {child.pid}")
  run("ip addr add 10.9.0.1/24 dev veth0")
  run("ip link set veth0 up")
  inside = f"nsenter -t {child.pid} -n "
  run(inside + "ip addr add 10.9.0.2/24 dev veth1")
  run(inside + "ip link set veth1 up")
  time.sleep(2)

  server = http.server.ThreadingHTTPServer(("0.0.0.0", 8080), Pages)
  threading.Thread(target=server.serve_forever, daemon=True).start()
  resolver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
  resolver.bind(("127.0.0.1", 5353))
  threading.Thread(target=echo, args=(resolver,), daemon=True).start()

  done = threading.Event()
  recorders = [
      threading.Thread(target=record, args=("lo", sys.argv[1], done)),
      threading.Thread(target=record, args=("veth0", sys.argv[2], done)),
  ]
  for recorder in recorders:
    recorder.start()
  time.sleep(0.3)

  random.seed(1)
  asking = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(6)]
  for _ in range(40):
    size = random.choice([0, 100, 600, 1400, 1400, 9000, 60000])
    urllib.request.urlopen(f"http://127.0.0.1:8080/{size}").read()
    for sock in random.sample(asking, 2):
      sock.sendto(b"q" * random.randint(20, 60), ("127.0.0.1", 5353))
      sock.recv(2048)
    time.sleep(random.choice([0, 0, 0.01, 0.02, 0.15]))
  for size in [10, 700, 40000]:
    fetch = f"urllib.request.urlopen('http://10.9.0.1:8080/{size}').read()"
    subprocess.run(inside.split() + ["python3", "-c",
                                     "import urllib.request; " + fetch],
                   check=True)
  time.sleep(0.3)
  done.set()
  for recorder in recorders:
    recorder.join()
  child.kill()


main()
