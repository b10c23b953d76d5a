// SPDX-License-Identifier: Apache-2.0

#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <memory>
#include <thread>

#include "bpfmap/profiles/cpu.h"
#include "bpfmap/run/launch.h"
#include "bpfmap/run/notification.h"
#include "bpfmap/run/pin_files.h"
#include "bpfmap/run/pin_mount.h"
#include "bpfmap/run/supervisor.h"
using namespace bpfmap;
int main(int argc, char** argv) {
  (void)argc;
  PinMount mount = MountPins(0);
  if (!mount.why_missing.empty()) fprintf(stderr, "bpfmap: %s\n", mount.why_missing.c_str());
  PinFiles pins(mount.device);
  Supervisor sup(&pins, nullptr, false);
  std::shared_ptr<Listener> l;
  std::thread t;
  Launched launched = Launch(argv + 1, [&](int fd) { l = std::make_shared<Listener>(fd); t = std::thread([&] { sup.Supervise(l); }); return ""; });
  if (launched.process < 0) { fprintf(stderr, "bpfmap: %s\n", launched.problem.c_str()); return 126; }
  int r = WaitFor(launched.process);
  t.join();
  _exit(r);
}
