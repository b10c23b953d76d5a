// SPDX-License-Identifier: Apache-2.0
//
// Object: a BPF object file (.bpf.o) in a unit test. START HERE.
//
//   World world;
//   auto object = Object::Open("firewall.bpf.o").value();
//   object.Set("burst", uint32_t{3});  // a variable
//   ASSERT_OK(object.Load());
//   object.map<Ipv4, Rule>("rules").Set("10.0.0.7", {.until_ns = 5});
//
//   const auto packet =
//       Packet::Ethernet().Ipv4("10.0.0.7", "10.0.0.1").Udp(53, 1024);
//   EXPECT_THAT(object.program("xdp_firewall").Run(packet), Returns(XDP_DROP));
//   EXPECT_THAT(object.ring<Event>("events").Take(), SizeIs(1));
//
// It needs no libbpf, no root and no Linux. Each access of a run is watched
// (machine.h), and a wrong one ends the run with a sentence that names the line
// of source. There is no verifier: a program that runs well may be refused by
// Linux.
//
// The types that a test gives for keys, values and variables are compared with
// the BTF of the object, field by field (cpp_layout.h). A wrong one, and a name
// that the object does not have, are a Misuse: with testing.h a failure of the
// test, with a sentence.
//
// Not thread-safe, but for runs: after Load() several threads may run programs
// of one object at once, by copies of it, in this process. Each run is in the
// World that Open() was given, or else that of its thread; a thread without one
// gets one of the object's. Copies are the same object; what it hands out keeps
// it.

#ifndef BPFMAP_PROGRAMS_OBJECT_H_
#define BPFMAP_PROGRAMS_OBJECT_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bpfmap/maps/bpf_map.h"
#include "bpfmap/maps/internal/user_values.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/typed_map.h"
#include "bpfmap/programs/cpp_layout.h"
#include "bpfmap/programs/misuse.h"
#include "bpfmap/programs/object_backend.h"
#include "bpfmap/programs/object_state.h"
#include "bpfmap/programs/packet.h"
#include "bpfmap/programs/run_context.h"
#include "bpfmap/programs/world.h"

namespace bpfmap {

// A map of an Object, with the types of its keys and values. Errors are a
// Misuse. The values of a per-CPU map are PerCpu<V> (maps/per_cpu.h).
template <typename K, typename V>
class ObjectMap {
 public:
  struct Entry {
    K key;
    V value;
    friend bool operator==(const Entry&, const Entry&) = default;
  };

  void Set(const K& key, const V& value, ElemFlags flags = kAny) {
    if (typed_) Expect(typed_->Set(key, value, flags));
  }
  // The value; zeros, and a Misuse, if there is none.
  V Get(const K& key) const {
    if (!typed_) return V();
    absl::StatusOr<V> value = typed_->Get(key);
    Expect(value.status());
    return value.ok() ? *value : V();
  }
  // The value, if there is one.
  std::optional<V> Find(const K& key) const {
    if (!typed_) return std::nullopt;
    absl::StatusOr<V> value = typed_->Get(key);
    return value.ok() ? std::optional<V>(*value) : std::nullopt;
  }
  bool Has(const K& key) const { return Find(key).has_value(); }
  void Erase(const K& key) {
    if (typed_) Expect(typed_->Erase(key));
  }
  std::vector<Entry> Entries() const {
    std::vector<Entry> entries;
    if (!typed_) return entries;
    auto all = typed_->Entries();
    for (const auto& [key, value] : all) entries.push_back({key, value});
    Expect(all.status());
    return entries;
  }
  std::size_t size() const { return Entries().size(); }

  // For matchers of maps/testing.h. REQUIRES: there was no Misuse.
  TypedMap<K, V> view() const { return *typed_; }

 private:
  friend class Object;
  ObjectMap(std::shared_ptr<ObjectState> state,
            std::optional<TypedMap<K, V>> typed)
      : state_(std::move(state)), typed_(std::move(typed)) {}
  static void Expect(const absl::Status& status) {
    if (!status.ok()) Misuse(std::string(status.message()));
  }

  std::shared_ptr<ObjectState> state_;
  std::optional<TypedMap<K, V>> typed_;
};

// A ring buffer, or an array of perf events, of an Object. With std::string for
// E a record is its bytes, for programs whose records differ in size.
template <typename E>
class ObjectRing {
 public:
  // The records since the last call. A record that has another size than E is a
  // Misuse; perf events may have some bytes more, for their alignment.
  std::vector<E> Take() {
    if constexpr (std::is_same_v<E, std::string>) {
      return state_->TakeRecords(name_);
    } else {
      return TakeAsType();
    }
  }

 private:
  friend class Object;
  ObjectRing(std::shared_ptr<ObjectState> state, std::string_view name)
      : state_(std::move(state)), name_(name) {}

  std::vector<E> TakeAsType() {
    std::vector<E> events;
    for (const std::string& record : state_->TakeRecords(name_)) {
      E event{};
      if (!state_->FitsRecord(name_, record.size(), sizeof event)) continue;
      std::memcpy(static_cast<void*>(&event), record.data(), sizeof event);
      events.push_back(event);
    }
    return events;
  }

  std::shared_ptr<ObjectState> state_;
  std::string name_;
};

// A struct of the kernel, such as a task_struct, as the object declares it: it
// lies in the World, and programs read it through pointers to it.
//
//   auto parent = object.New("task_struct").Set("tgid", 5);
//   world.task.address =
//       object.New("task_struct").Set("real_parent", parent).address();
class KernelObject {
 public:
  // A text goes into an array of characters, or else lies in the World, and its
  // address is what is set.
  KernelObject& Set(std::string_view member, const ContextValue& value) {
    state_->SetMember(type_, address_, member, value);
    return *this;
  }
  uint64_t address() const { return address_; }
  // Of a struct within it, such as "f_path".
  uint64_t AddressOf(std::string_view member) const {
    return state_->MemberAddress(type_, address_, member);
  }

 private:
  friend class Object;
  KernelObject(std::shared_ptr<ObjectState> state, std::string_view name)
      : state_(std::move(state)), address_(state_->AddStruct(name, &type_)) {}

  std::shared_ptr<ObjectState> state_;
  uint32_t type_ = 0;
  uint64_t address_ = 0;
};

// A program of an Object.
class ObjectProgram {
 public:
  // Runs it on a packet, a copy, which starts with the header of Ethernet.
  ProgramResult Run(std::span<const uint8_t> packet) {
    return state_->Run(name_, Request(packet, std::nullopt));
  }
  // The same with a context of the test's: a struct __sk_buff or xdp_md with
  // the fields set that BPF_PROG_TEST_RUN lets be set.
  template <typename Context>
  requires std::is_trivially_copyable_v<Context> ProgramResult
  Run(std::span<const uint8_t> packet, const Context& context) {
    return state_->Run(name_, Request(packet, Bytes(context)));
  }
  ProgramResult Run(std::span<const uint8_t> packet, const Context& context) {
    return state_->RunOn(name_, packet, context);
  }
  // Runs it on what its type is called with: see run_context.h.
  ProgramResult Run(const Context& context) {
    return state_->RunOn(name_, std::nullopt, context);
  }
  // A member of the context after a run: "user_ip4".
  uint64_t ContextAfter(const ProgramResult& result, std::string_view path) {
    return state_->ContextMember(name_, result, path);
  }
  // Runs it on a context alone, a copy: the bytes that r1 points to.
  ProgramResult RunOn(std::span<const uint8_t> context) {
    return state_->Run(name_, Request(std::nullopt, context));
  }
  template <typename Context>
  requires std::is_trivially_copyable_v<Context> &&
      (!std::is_convertible_v<Context, std::span<const uint8_t>>)ProgramResult
      RunOn(const Context& context) {
    return state_->Run(name_, Request(std::nullopt, Bytes(context)));
  }
  // Runs it without an input.
  ProgramResult Run() { return state_->Run(name_, RunRequest()); }

  // Attaches it in the World: World::Fire() runs it then. To what its section
  // says, or to `hook` (attachment.h). It stays attached until Detach(), or
  // until the object is gone. Detach() needs the World to live.
  void Attach(std::string_view hook = "") {
    state_->Attach(state_, name_, hook);
  }
  void Detach() { state_->Detach(name_); }

 private:
  friend class Object;
  ObjectProgram(std::shared_ptr<ObjectState> state, std::string_view name)
      : state_(std::move(state)), name_(name) {}

  using OptionalBytes = std::optional<std::span<const uint8_t>>;

  static RunRequest Request(OptionalBytes packet, OptionalBytes context) {
    RunRequest request;
    request.packet = packet;
    request.context = context;
    return request;
  }
  template <typename T>
  static std::span<const uint8_t> Bytes(const T& value) {
    return {reinterpret_cast<const uint8_t*>(&value), sizeof value};
  }

  std::shared_ptr<ObjectState> state_;
  std::string name_;
};

class Object {
 public:
  // Reads a file. INVALID_ARGUMENT, NOT_FOUND with a sentence.
  // `world` must outlive the object; null: the current one of the thread, at
  // each run (world.h), or one of the object's own. `backend`: where it runs,
  // by default in this process.
  static absl::StatusOr<Object> Open(
      const std::string& path, World* world = nullptr,
      std::unique_ptr<ObjectBackend> backend = nullptr);

  // Sets a variable. Before Load() those that are const, too; afterwards they
  // are frozen, as on Linux.
  template <typename T>
  void Set(std::string_view variable, const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    state_->SetVariable(variable, CppLayout::Of<T>(), &value);
  }
  template <typename T>
  T Get(std::string_view variable) const {
    static_assert(std::is_trivially_copyable_v<T>);
    T value{};
    state_->GetVariable(variable, CppLayout::Of<T>(), &value);
    return value;
  }

  // The types of the kernel that the programs are for: a file of BTF such as
  // /sys/kernel/btf/vmlinux, or an ELF file that has it. CO-RE relocations and
  // New() go by it. Without it the object's own types are the kernel's. Before
  // Load(). NOT_FOUND, INVALID_ARGUMENT, with a sentence.
  absl::Status SetKernelTypes(const std::string& path) {
    return state_->SetKernelTypes(path);
  }

  // Before Load().
  void SetMaxEntries(std::string_view map, uint32_t max_entries) {
    state_->SetMaxEntries(map, max_entries);
  }

  // Makes the maps and loads the programs, but for those of SEC("?..."). The
  // status is a sentence, which names the map or the program. Once, also where
  // it failed: then open the object anew.
  absl::Status Load() { return state_->Load(); }

  // Attaches all programs that are loaded and whose sections say to what, as a
  // skeleton of libbpf does: those that trace, and lsm.
  void Attach() { state_->AttachAll(state_); }

  template <typename K, typename V>
  ObjectMap<K, V> map(std::string_view name) {
    using Part = typename internal::UserValues<V>::Part;
    BpfMap* const found =
        state_->FindMap(name, CppLayout::Of<K>(), CppLayout::Of<Part>());
    std::optional<TypedMap<K, V>> typed;
    if (found != nullptr) {
      auto created = TypedMap<K, V>::Create(found);
      if (created.ok()) {
        typed = *created;
      } else {
        Misuse(std::string(created.status().message()));
      }
    }
    return ObjectMap<K, V>(state_, typed);
  }

  template <typename E>
  ObjectRing<E> ring(std::string_view name) {
    static_assert(std::is_trivially_copyable_v<E> ||
                  std::is_same_v<E, std::string>);
    return ObjectRing<E>(state_, name);
  }

  ObjectProgram program(std::string_view name) {
    return ObjectProgram(state_, name);
  }

  // An object of the kernel, of zeros, in the World.
  KernelObject New(std::string_view struct_name) {
    return KernelObject(state_, struct_name);
  }

  // Puts a program into an array of programs, or a map into a map of maps, at
  // `index`.
  void SetElement(std::string_view map, uint32_t index,
                  std::string_view element) {
    state_->SetElement(map, index, element);
  }

  // Whether results tell what the program did (ProgramResult::path), which they
  // do unless this turns it off: then long runs are some times faster.
  void KeepPaths(bool keep) { state_->KeepPaths(keep); }

  // The map itself, as user space sees it, for types that map() is not for;
  // null if there is none.
  BpfMap* bpf_map(std::string_view name) { return state_->BpfMapOf(name); }

 private:
  explicit Object(std::shared_ptr<ObjectState> state)
      : state_(std::move(state)) {}

  std::shared_ptr<ObjectState> state_;
};

}  // namespace bpfmap

#endif  // BPFMAP_PROGRAMS_OBJECT_H_
