// SPDX-License-Identifier: Apache-2.0

#include "tests/support/push_pop_view.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <ostream>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "bpfmap/maps/def_error.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/internal/rules/map_types.h"
#include "bpfmap/maps/kernel_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/memory_needed.h"
#include "bpfmap/profiles/cloud.h"
#include "bpfmap/profiles/embedded.h"
#include "gtest/gtest.h"
#include "tests/support/kernel_program.h"
#include "tests/support/print_errno.h"

namespace bpfmap {
namespace {

template <typename Map>
class LocalView final : public PushPopView {
 public:
  explicit LocalView(const MapDef& def) : map_(def, &memory_) {}

  Errno Init() { return map_.Init(); }

  Errno Push(const void* value, ElemFlags flags) override {
    return map_.Push(value, flags);
  }
  Errno Pop(void* value) override { return map_.Pop(value); }
  Errno Peek(void* value) override { return map_.Peek(value); }
  Errno LookupElem() override {
    const uint32_t key = 0;
    return map_.LookupElem(&key) == nullptr ? Errno::kNoEnt : Errno::kOk;
  }
  Errno UpdateElem(const void* value) override {
    const uint32_t key = 0;
    return map_.UpdateElem(&key, value, kAny);
  }
  Errno DeleteElem() override {
    const uint32_t key = 0;
    return map_.DeleteElem(&key);
  }
  BpfMap& user() override { return map_; }

 private:
  typename Map::Memory memory_;
  Map map_;
};

template <typename P>
Errno CreateLocal(const MapDef& def, std::unique_ptr<PushPopView>* view) {
  const DefError check = CheckDef<P>(def);
  if (check.failed()) return check.error;
  Errno error = Errno::kInval;
  VisitMapType<P>(def.type, [&]<typename Map>(std::type_identity<Map>) {
    auto created = std::make_unique<LocalView<Map>>(def);
    error = created->Init();
    if (error == Errno::kOk) *view = std::move(created);
  });
  return error;
}

// Where the arguments of a helper lie in the scratch map.
constexpr int kFlagsOffset = 0;
constexpr int kValueOffset = 8;

class KernelView final : public PushPopView {
 public:
  KernelView(std::unique_ptr<KernelMap> map, std::unique_ptr<KernelMap> scratch)
      : map_(std::move(map)),
        scratch_(std::move(scratch)),
        arguments_(scratch_->def().value_size),
        push_(Program(kHelperMapPushElem)),
        pop_(Program(kHelperMapPopElem)),
        peek_(Program(kHelperMapPeekElem)),
        lookup_(Program(kHelperMapLookupElem)),
        update_(Program(kHelperMapUpdateElem)),
        delete_(Program(kHelperMapDeleteElem)) {}

  Errno Push(const void* value, ElemFlags flags) override {
    std::memcpy(&arguments_[kFlagsOffset], &flags, sizeof flags);
    std::memcpy(arguments_.data() + kValueOffset, value, value_size());
    return Run(push_);
  }
  Errno Pop(void* value) override { return RunAndCopy(pop_, value); }
  Errno Peek(void* value) override { return RunAndCopy(peek_, value); }
  Errno LookupElem() override { return Run(lookup_); }
  Errno UpdateElem(const void*) override { return Run(update_); }
  Errno DeleteElem() override { return Run(delete_); }
  BpfMap& user() override { return *map_; }

 private:
  uint32_t value_size() const { return map_->def().value_size; }

  // A program that calls `helper` with the arguments in scratch_.
  BpfAssembler Program(int helper) const {
    BpfAssembler assembler;
    assembler.LoadMapValue(kR6, scratch_->fd())
        .LoadMap(kR1, map_->fd())
        .Move(kR2, kR6)
        .AddValue(kR2, kValueOffset);
    if (helper == kHelperMapPushElem) {
      assembler.Load(8, kR3, kR6, kFlagsOffset);
    } else {
      // For the helpers that take a key before the value.
      assembler.Move(kR3, kR2).MoveValue(kR4, 0);
    }
    return assembler.Call(helper).Exit();
  }

  Errno Run(const KernelProgram& program) {
    if (program.load_error() != Errno::kOk) return program.load_error();
    const uint32_t zero = 0;
    EXPECT_EQ(scratch_->Update(&zero, arguments_.data()), Errno::kOk);
    int result = 0;
    EXPECT_EQ(program.Run(&result), Errno::kOk);
    return static_cast<Errno>(-result);
  }

  Errno RunAndCopy(const KernelProgram& program, void* value) {
    std::memcpy(arguments_.data() + kValueOffset, value, value_size());
    const Errno error = Run(program);
    if (program.load_error() != Errno::kOk) return error;
    const uint32_t zero = 0;
    EXPECT_EQ(scratch_->Lookup(&zero, arguments_.data()), Errno::kOk);
    std::memcpy(value, arguments_.data() + kValueOffset, value_size());
    return error;
  }

  const std::unique_ptr<KernelMap> map_;
  // An array of one value: the flags, the value.
  const std::unique_ptr<KernelMap> scratch_;
  std::vector<std::byte> arguments_;
  const KernelProgram push_, pop_, peek_, lookup_, update_, delete_;
};

Errno CreateKernel(const MapDef& def, std::unique_ptr<PushPopView>* view) {
  std::unique_ptr<KernelMap> map;
  const Errno error = KernelMap::Create(def, &map);
  if (error != Errno::kOk) return error;
  absl::StatusOr<std::unique_ptr<KernelMap>> scratch =
      KernelMap::Create({.type = MapType::kArray,
                         .key_size = 4,
                         .value_size = kValueOffset + def.value_size,
                         .max_entries = 1,
                         .name = "scratch"});
  EXPECT_TRUE(scratch.ok()) << scratch.status();
  *view = std::make_unique<KernelView>(std::move(map), *std::move(scratch));
  return Errno::kOk;
}

bool NeverTooLarge(const MapDef&) { return false; }
bool TooLargeForPool(const MapDef& def) {
  return MemoryNeeded<Embedded>(def) > Embedded::Memory::kTotalSize;
}

}  // namespace

void PrintTo(const PushPopBackend& backend, std::ostream* out) {
  *out << backend.name;
}

std::string TypeAndBackendName(
    const testing::TestParamInfo<TypeAndBackend>& info) {
  const auto& [type, backend] = info.param;
  return MapTypeName(type) + ("_" + backend.name);
}

const std::vector<PushPopBackend>& LocalPushPopBackends() {
  static const auto& backends = *new std::vector<PushPopBackend>{
      {"cloud", false, NeverTooLarge, CreateLocal<Cloud>},
      {"embedded", false, TooLargeForPool, CreateLocal<Embedded>},
  };
  return backends;
}

const std::vector<PushPopBackend>& PushPopBackends() {
  static const auto& backends = *[] {
    auto* all = new std::vector<PushPopBackend>(LocalPushPopBackends());
    all->push_back({"kernel", true, NeverTooLarge, CreateKernel});
    return all;
  }();
  return backends;
}

}  // namespace bpfmap
