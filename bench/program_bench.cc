// SPDX-License-Identifier: Apache-2.0
//
// program_bench: what a run of a BPF program costs: in the kernel, compiled by
// its JIT; here, with checks and without; and written in C++.
//
//   ./bazelw run -c opt //bench:program_bench
//
// A table of three programs (program_bench.bpf.c) and four ways to run each.
// All ways must return the same. Times are of one run, without the system call
// around it, by the clock: the median of 9 batches. Ring buffers are new for
// each batch. As root, so that the kernel's rows are there. ns/insn divides by
// the instructions that the interpreter runs.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bpfmap/maps/create_map.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/programs/instruction.h"
#include "bpfmap/programs/kernel_run.h"
#include "bpfmap/programs/map_calls.h"
#include "bpfmap/programs/object_file.h"
#include "bpfmap/programs/program.h"
#include "bpfmap/programs/program_type.h"
#include "bpfmap/programs/test_run.h"
#include "bpfmap/syscall/system_world.h"

namespace bpfmap {
namespace {

using Bytes = std::vector<uint8_t>;
using Clock = std::chrono::steady_clock;

constexpr int kBatches = 9;

[[noreturn]] void Die(const std::string& why) {
  std::fprintf(stderr, "program_bench: %s\n", why.c_str());
  std::exit(1);
}

// The answer of a batch.
struct Batch {
  double ns = 0;  // of a run
  uint32_t retval = 0;
  uint64_t instructions = 0;  // of the last run; 0: unknown
};

// TCP to port 443, 1,038 bytes.
Bytes MakePacket() {
  Bytes packet(14 + 1024);
  for (std::size_t i = 0; i < packet.size(); ++i) {
    packet[i] = static_cast<uint8_t>(i * 7);
  }
  packet[12] = 8;
  packet[13] = 0;
  packet[14] = 0x45;
  packet[23] = 6;
  packet[36] = 443 >> 8;
  packet[37] = 443 & 0xff;
  packet[47] = 2;  // SYN
  return packet;
}

std::shared_ptr<LocalMap> NewMap(const MapDef& def) {
  absl::StatusOr<std::shared_ptr<LocalMap>> map = CreateMap(def);
  if (!map.ok()) Die(map.status().ToString());
  return *map;
}

// Here.

Batch RunHere(const ObjectFile& file, const ProgramSpec& spec, Checks checks,
              uint32_t runs, const Bytes& packet) {
  std::vector<std::shared_ptr<LocalMap>> maps;
  for (const auto& map : file.maps()) maps.push_back(NewMap(map->def));
  ProgramDef def;
  def.type = ProgramType::kXdp;
  def.gpl_compatible = true;
  def.instructions = spec.instructions;
  def.map_of_fd = [&maps](int32_t index) {
    return maps[static_cast<std::size_t>(index)];
  };
  std::shared_ptr<const Program> program;
  if (Program::Load(def, &program).failed()) Die("no load of " + spec.name);
  TestInput input;
  input.data = packet;
  input.repeat = runs;
  input.checks = checks;
  SystemWorld world;
  const TestResult result = RunTest(*program, input, &world);
  if (result.error != Errno::kOk) Die(result.run.fault);
  return {static_cast<double>(result.duration), result.retval,
          result.run.instructions};
}

// In the kernel.

Batch RunInKernel(const ObjectFile& file, const ProgramSpec& spec,
                  uint32_t runs, const Bytes& packet) {
  std::vector<std::unique_ptr<KernelPlainMap>> maps;
  for (const auto& map : file.maps()) {
    maps.push_back(std::make_unique<KernelPlainMap>(map->def));
  }
  std::vector<Instruction> instructions = spec.instructions;
  for (std::size_t i = 0; i + 1 < instructions.size(); ++i) {
    if (instructions[i].code != kLoadImm64) continue;
    if (instructions[i].src() == kPseudoMapFd) {
      const auto index = static_cast<std::size_t>(instructions[i].imm);
      instructions[i].imm = maps[index]->fd();
    }
    ++i;
  }
  const KernelRun kernel(ProgramType::kXdp, instructions);
  if (kernel.load_error() != 0) Die(kernel.log());
  KernelTest test;
  test.data_in = packet;
  test.repeat = runs;
  kernel.Run(&test);
  if (test.error != 0) Die(std::strerror(test.error));
  return {static_cast<double>(test.duration), test.retval, 0};
}

// In C++.

uint32_t Fnv(const uint8_t* data, const uint8_t* end) {
  if (end - data < 1024) return 0;
  uint64_t hash = 0xcbf29ce484222325;
  for (int i = 0; i < 1024; ++i) hash = (hash ^ data[i]) * 0x100000001b3;
  return static_cast<uint32_t>(hash & 0x7fff);
}

uint32_t Parse(const uint8_t* data, const uint8_t* end) {
  if (end - data < 34) return 0;
  const uint8_t* const ip = data + 14;
  if (data[12] != 8 || data[13] != 0) return 2;
  if (ip[0] >> 4 != 4 || (ip[0] & 15) < 5 || ip[9] != 6) return 2;
  const uint8_t* const tcp = ip + (ip[0] & 15) * 4;
  if (end - tcp < 20) return 0;
  uint32_t sum = 0;
  for (int i = 0; i < 10; ++i) {
    uint16_t word;
    std::memcpy(&word, ip + 2 * i, sizeof word);
    sum += word;
  }
  sum = (sum & 0xffff) + (sum >> 16);
  return (tcp[13] & 2) != 0 ? static_cast<uint32_t>(tcp[2] << 8 | tcp[3])
                            : sum & 0xffff;
}

// With maps of this library, through their interface.
class MapHeavy {
 public:
  explicit MapHeavy(const ObjectFile& file)
      : counts_(NewMap(DefOf(file, "counts"))),
        latest_(NewMap(DefOf(file, "latest"))),
        events_(NewMap(DefOf(file, "events"))) {}

  uint32_t Run() {
    const uint64_t one = 1, key = turn_++ & 511;
    void* const count = counts_->LookupElem(&key);
    if (count != nullptr) {
      __atomic_fetch_add(static_cast<uint64_t*>(count), 1, __ATOMIC_RELAXED);
    } else if (counts_->UpdateElem(&key, &one, {}) != Errno::kOk) {
      return 0;
    }
    if (latest_->UpdateElem(&key, &turn_, {}) != Errno::kOk) return 0;
    const uint64_t event[] = {key, turn_};
    void* const place = RingReserve(events_.get(), sizeof event, 0);
    if (place == nullptr) return 1;
    std::memcpy(place, event, sizeof event);
    RingSubmit(events_.get(), place, /*flags=*/1);
    return 2;
  }

 private:
  static MapDef DefOf(const ObjectFile& file, const std::string& name) {
    for (const auto& map : file.maps()) {
      if (map->name == name) return map->def;
    }
    Die("no map " + name);
  }

  uint64_t turn_ = 0;
  const std::shared_ptr<LocalMap> counts_, latest_, events_;
};

template <typename Function>
Batch Time(uint32_t runs, Function function) {
  uint32_t retval = 0;
  const Clock::time_point start = Clock::now();
  for (uint32_t i = 0; i < runs; ++i) {
    retval = function();
    asm volatile("" : : "g"(retval) : "memory");  // each run is one
  }
  const std::chrono::duration<double, std::nano> spent = Clock::now() - start;
  return {spent.count() / runs, retval, 0};
}

Batch RunInCpp(const ObjectFile& file, const ProgramSpec& spec, uint32_t runs,
               const Bytes& packet) {
  const uint8_t* const data = packet.data();
  const uint8_t* const end = data + packet.size();
  if (spec.name == "fnv") return Time(runs, [=] { return Fnv(data, end); });
  if (spec.name == "parse") return Time(runs, [=] { return Parse(data, end); });
  MapHeavy program(file);
  return Time(runs, [&program] { return program.Run(); });
}

// The batch of the median time.
Batch Median(const std::function<Batch()>& run) {
  std::vector<Batch> batches;
  for (int i = 0; i < kBatches; ++i) batches.push_back(run());
  std::sort(batches.begin(), batches.end(),
            [](const Batch& a, const Batch& b) { return a.ns < b.ns; });
  return batches[kBatches / 2];
}

// Prints the rows of one program. Returns whether all return the same.
bool Bench(const ObjectFile& file, const ProgramSpec& spec,
           const Bytes& packet) {
  const uint32_t runs = spec.name == "fnv" ? 1000 : 50'000;
  const auto here = [&](Checks checks) {
    return Median([&] { return RunHere(file, spec, checks, runs, packet); });
  };
  std::vector<std::pair<const char*, Batch>> rows;
  if (WhyNoKernelRun() == nullptr) {
    rows.emplace_back("kernel", Median([&] {
                        return RunInKernel(file, spec, runs, packet);
                      }));
  }
  rows.emplace_back("unchecked", here(Checks::kNone));
  rows.emplace_back("checked", here(Checks::kAll));
  rows.emplace_back("C++",
                    Median([&] { return RunInCpp(file, spec, runs, packet); }));
  const Batch& counted = rows[rows.size() - 2].second;
  bool same = true;
  for (const auto& [name, batch] : rows) {
    std::printf("%-10s %-10s %10.1f %10.2f %12llu\n", spec.name.c_str(), name,
                batch.ns, batch.ns / static_cast<double>(counted.instructions),
                static_cast<unsigned long long>(counted.instructions));
    same = same && batch.retval == counted.retval;
  }
  if (!same) std::printf("%s: the results differ\n", spec.name.c_str());
  return same;
}

}  // namespace
}  // namespace bpfmap

int main(int argc, char** argv) {
  using namespace bpfmap;  // NOLINT
  const char* const path = argc > 1 ? argv[1] : "bench/program_bench.bpf.o";
  std::ifstream stream(path, std::ios::binary);
  if (!stream) Die(std::string("no file ") + path);
  ObjectFile file;
  const absl::Status status = file.Read(
      "program_bench", Bytes{std::istreambuf_iterator<char>(stream), {}});
  if (!status.ok()) Die(status.ToString());
  const Bytes packet = MakePacket();
  std::printf("%-10s %-10s %10s %10s %12s\n", "program", "run by", "ns",
              "ns/insn", "instructions");
  bool same = true;
  for (const auto& spec : file.programs()) {
    same = Bench(file, *spec, packet) && same;
  }
  return same ? 0 : 1;
}
