// SPDX-License-Identifier: Apache-2.0

#include "tests/support/backend.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <ostream>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "bpfmap/maps/internal/rules/def_validation.h"
#include "bpfmap/maps/internal/rules/map_types.h"
#include "bpfmap/maps/memory_needed.h"
#include "bpfmap/maps/perf_event.h"
#include "bpfmap/profiles/cloud.h"
#include "bpfmap/profiles/cpu.h"
#include "bpfmap/profiles/embedded.h"
#include "tests/support/kernel_backend.h"
#include "tests/support/kernel_support.h"

namespace bpfmap {
namespace {

constinit std::atomic<uint64_t> next_map_seed{0};

// Profile P, but that its maps do the same thing again, and have values for the
// CPUs of the test.
template <typename P>
struct Seeded : P {
  static int PossibleCpus() { return bpfmap::PossibleCpus(); }
  static int CurrentCpu() { return bpfmap::CurrentCpu(); }
  static uint64_t RandomSeed() {
    return next_map_seed.fetch_add(0x9e3779b97f4a7c15,
                                   std::memory_order_relaxed);
  }
};

// A map of profile P with memory of its own.
template <typename P, typename Map>
struct Owned {
  explicit Owned(const MapDef& def) : map(def, &memory) {}
  typename P::Memory memory;
  Map map;
};

template <typename P>
Errno CreateLocal(const MapDef& def, TestMap* map) {
  const DefError check = CheckCommon(def);
  Errno error =
      check.failed() ? check.error : Errno::kInval;  // there is no such type
  VisitMapType<P>(def.type, [&]<typename Map>(std::type_identity<Map>) {
    auto owned = std::make_shared<Owned<P, Map>>(def);
    error = owned->map.Init();
    Map* const created = &owned->map;
    if (error == Errno::kOk) *map = TestMap(std::move(owned), created, created);
  });
  return error;
}

template <typename P>
std::shared_ptr<void> OpenLocalEvent(uint32_t* fd) {
  struct OwnedEvent {
    typename P::Memory memory;
    PerfEvent<P> event{PerfEventAttr{}, &memory};
  };
  auto owned = std::make_shared<OwnedEvent>();
  EXPECT_EQ(owned->event.Init(), Errno::kOk);
  *fd = owned->event.fd();
  return owned;
}

// Local arrays of programs and of cgroups take any number.
std::shared_ptr<void> OpenAnyNumber(uint32_t* fd) {
  *fd = 7;
  return nullptr;
}
std::shared_ptr<void> OpenAnyXdpProgram(XdpProgram, uint32_t* fd) {
  return OpenAnyNumber(fd);
}

template <typename P>
bool Has(MapType type) {
  return VisitMapType<P>(type, [](auto) {});
}

bool NeverTooLarge(const MapDef&) { return false; }
bool TooLargeForPool(const MapDef& def) {
  return MemoryNeeded<Seeded<Embedded>>(def) > Embedded::Memory::kTotalSize;
}

}  // namespace

const std::vector<Backend>& LocalBackends() {
  static const auto& backends = *new std::vector<Backend>{
      {"cloud", false, NeverTooLarge, CreateLocal<Seeded<Cloud>>,
       OpenLocalEvent<Seeded<Cloud>>, OpenAnyNumber, OpenAnyXdpProgram,
       OpenAnyNumber, Has<Cloud>},
      {"embedded", false, TooLargeForPool, CreateLocal<Seeded<Embedded>>,
       OpenLocalEvent<Seeded<Embedded>>, OpenAnyNumber, OpenAnyXdpProgram,
       OpenAnyNumber, Has<Embedded>},
  };
  return backends;
}

const std::vector<Backend>& Backends() {
  static const auto& backends = *[] {
    auto* all = new std::vector<Backend>(LocalBackends());
    if (const Backend* const kernel = KernelBackend()) all->push_back(*kernel);
    return all;
  }();
  return backends;
}

void SeedLocalMaps(uint64_t seed) {
  next_map_seed.store(seed, std::memory_order_relaxed);
}

std::string BackendName(const ::testing::TestParamInfo<Backend>& info) {
  return info.param.name;
}
void PrintTo(const Backend& backend, std::ostream* out) {
  *out << backend.name;
}

void BackendTest::SetUp() {
  if (GetParam().is_kernel) SKIP_WITHOUT_KERNEL();
}

}  // namespace bpfmap
