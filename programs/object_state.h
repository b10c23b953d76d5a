// SPDX-License-Identifier: Apache-2.0
//
// ObjectState: the part of an Object that knows no C++ types. For object.h.
//
// Not thread-safe, but for Run() and RunOn() after Load(), if those of the
// backend are.

#ifndef BPFMAP_PROGRAMS_OBJECT_STATE_H_
#define BPFMAP_PROGRAMS_OBJECT_STATE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "bpfmap/maps/bpf_map.h"
#include "bpfmap/profiles/cloud.h"
#include "bpfmap/programs/btf_types.h"
#include "bpfmap/programs/cpp_layout.h"
#include "bpfmap/programs/object_backend.h"
#include "bpfmap/programs/object_file.h"
#include "bpfmap/programs/run_context.h"
#include "bpfmap/programs/world.h"

namespace bpfmap {

class ObjectState {
 public:
  // Without a world, it is that of the thread that runs it, or one of its own
  // for this thread.
  ObjectState(World* world, std::unique_ptr<ObjectBackend> backend)
      : world_(world), backend_(std::move(backend)) {}
  // Its timers end with it, if the World that they are in is still there.
  ~ObjectState();

  // The file of the object, to Read() before anything else.
  ObjectFile* file() { return &file_; }
  // Takes over what was read.
  void Start();

  void SetVariable(std::string_view name, const CppLayout& layout,
                   const void* value);
  void GetVariable(std::string_view name, const CppLayout& layout, void* value);
  absl::Status SetKernelTypes(const std::string& path);
  void SetMaxEntries(std::string_view map, uint32_t max_entries);
  absl::Status Load();

  // The map of this name; null, and a Misuse, if there is none or if the types
  // are not its own.
  BpfMap* FindMap(std::string_view name, const CppLayout& key,
                  const CppLayout& value);
  BpfMap* BpfMapOf(std::string_view name);  // no Misuse
  void SetElement(std::string_view map, uint32_t index,
                  std::string_view element);
  void KeepPaths(bool keep) { keeps_paths_ = keep; }
  ProgramResult Run(std::string_view program, const RunRequest& request);
  ProgramResult RunOn(std::string_view program,
                      std::optional<std::span<const uint8_t>> packet,
                      const Context& context);
  // Attaches a program to a hook of the world; "": what its section says. The
  // world does not keep the object. `self` is this.
  void Attach(const std::shared_ptr<ObjectState>& self,
              std::string_view program, std::string_view hook);
  // From all that it is attached to.
  void Detach(std::string_view program);
  // All programs that are loaded and whose sections say to what.
  void AttachAll(const std::shared_ptr<ObjectState>& self);
  // A member of the context of a result; 0, and a Misuse, if there is none.
  uint64_t ContextMember(std::string_view program, const ProgramResult& result,
                         std::string_view path) const;
  std::vector<std::string> TakeRecords(std::string_view map);
  // An object of the kernel, of zeros, in the World: its type and its address;
  // 0, and a Misuse, if there is no such struct.
  uint64_t AddStruct(std::string_view name, uint32_t* type);
  void SetMember(uint32_t type, uint64_t address, std::string_view path,
                 const ContextValue& value);
  // 0, and a Misuse, if there is no such member.
  uint64_t MemberAddress(uint32_t type, uint64_t address,
                         std::string_view path) const;
  bool FitsRecord(const std::string& map, std::size_t size,
                  std::size_t wanted) const;

 private:
  struct Place {
    std::size_t map = 0;
    const VariableSpec* variable = nullptr;
  };

  bool FindVariable(std::string_view name, const CppLayout& layout,
                    Place* place) const;
  // The index of a map or a program; -1, and a Misuse, if there is none.
  int MapIndex(std::string_view name) const;
  int ProgramIndex(std::string_view name) const;
  bool IsLoaded(const char* what) const;
  World* world();
  ProgramResult RunIn(World* world, std::string_view program,
                      const RunRequest& request);
  ProgramResult RunOnIn(World* world, std::string_view program,
                        std::optional<std::span<const uint8_t>> packet,
                        const Context& context);
  // Those of the kernel that programs read.
  const BtfTypes& kernel_types() const {
    return kernel_types_ != nullptr ? *kernel_types_ : file_.types();
  }
  absl::Status Fill(std::size_t map);
  absl::Status PutElement(std::size_t map, uint32_t index,
                          const std::string& element);

  World* const world_;
  Cloud::Lock lock_;
  // Those of threads that have none.
  std::map<std::thread::id, std::unique_ptr<World>> own_worlds_
      ABSL_GUARDED_BY(lock_);
  ObjectFile file_;
  std::unique_ptr<BtfTypes> kernel_types_;  // null: the object's own
  std::vector<MapSpec> specs_;
  std::unique_ptr<ObjectBackend> backend_;
  bool load_was_called_ = false;
  bool is_loaded_ = false;
  bool keeps_paths_ = true;
  std::vector<std::shared_ptr<BpfMap>> maps_;
  std::vector<int> loaded_;  // the backend's number of each program, or -1
  // An attachment: the program's index, the world, its number there.
  struct Attached {
    int program;
    World* world;  // for as long as the program is attached there
    uint64_t number;
  };
  std::vector<Attached> attached_;
};

}  // namespace bpfmap

#endif  // BPFMAP_PROGRAMS_OBJECT_STATE_H_
