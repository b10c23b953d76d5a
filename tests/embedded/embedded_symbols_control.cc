// SPDX-License-Identifier: Apache-2.0

// The control of embedded_symbols_test.sh: the cloud's maps, and a program
// around them that refers to everything that the test forbids. If it does not
// find it here, it would not find it in embedded_firmware.cc either.

#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <thread>

#include "bpfmap/maps/array_map.h"
#include "bpfmap/maps/create_map.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/hash_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/profiles/cloud.h"
#include "tests/embedded/every_method.h"

namespace bpfmap {

// Members that the optimizer may not dissolve.
Errno (HashMap<Cloud>::*resize_hash)(uint32_t) = &HashMap<Cloud>::Resize;
Errno (ArrayMap<Cloud>::*resize_array)(uint32_t) = &ArrayMap<Cloud>::Resize;

int UseCloud() {
  const MapDef def = EveryMethodDef(MapType::kHash, /*value_has_lock=*/false);
  auto created = CreateMap(def);
  if (!created.ok()) return -1;
  auto map = std::make_unique<HashMap<Cloud>>(def);
  if (map->Init() != Errno::kOk) return -1;
  if ((*map.*resize_hash)(100) != Errno::kOk) return -1;
  std::thread thread([&] { CallEveryMethod(*map); });
  thread.join();
  return CallEveryMethod(**created);
}

// Called by name, so that each one is a symbol of its own.
void* volatile kept;
void UseHeapAndSystem() {
  kept = new int;
  delete static_cast<int*>(kept);
  kept = new int[2];
  delete[] static_cast<int*>(kept);
  kept = std::malloc(1);
  kept = std::realloc(kept, 2);
  std::free(kept);
  kept = std::aligned_alloc(64, 64);
  std::free(kept);
  kept = std::calloc(1, 1);
  std::free(kept);
  if (posix_memalign(const_cast<void**>(&kept), 64, 64) != 0) return;
  std::free(kept);
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  pthread_mutex_lock(&mutex);
  int word = 0;
  syscall(SYS_futex, &word, FUTEX_WAKE, 1, nullptr, nullptr, 0);
}

}  // namespace bpfmap
