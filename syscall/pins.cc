// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/syscall/pins.h"

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "bpfmap/profiles/cloud.h"
#include "bpfmap/profiles/reader_writer_lock.h"
#include "bpfmap/syscall/fork_gate.h"

namespace bpfmap {
namespace {

// Absolute and plain, without a '/' at its end.
std::string PlainPath(const std::string& path) {
  std::error_code error;
  std::filesystem::path plain = std::filesystem::absolute(path, error);
  plain = plain.lexically_normal();
  if (!plain.has_filename() && plain.has_parent_path()) {
    plain = plain.parent_path();
  }
  return plain.string();
}

class ProcessPins final : public PinTable {
 public:
  ProcessPins() {
    const char* const directory = std::getenv("BPFMAP_PIN_DIR");
    root_ = PlainPath(directory != nullptr && *directory != 0 ? directory
                                                              : "/sys/fs/bpf");
    pins_[root_] = {};
  }

  bool Covers(const std::string& path) const override {
    const std::string plain = PlainPath(path);
    return plain == root_ || plain.rfind(root_ + "/", 0) == 0;
  }

  bool IsDirectory(const std::string& path) const override {
    const ForkGate::Inside inside;
    ReaderLock lock(lock_);
    const auto pin = pins_.find(PlainPath(path));
    return pin != pins_.end() && pin->second.empty();
  }

  long Pin(const std::string& path, PinnedObject object) override {
    if (object.map != nullptr) object.map = MapObject::AsUser(*object.map);
    return Add(path, std::move(object));
  }

  long Find(const std::string& path, PinnedObject* object) const override {
    ReaderLock lock(lock_);
    const std::string plain = PlainPath(path);
    const auto pin = pins_.find(plain);
    if (pin == pins_.end()) return WhyMissing(plain);
    if (pin->second.empty()) return -EACCES;
    *object = pin->second;
    return 0;
  }

  long Unlink(const std::string& path) override {
    const ForkGate::Inside inside;
    PinnedObject unpinned;  // destroyed after the lock
    WriterLock lock(lock_);
    const std::string plain = PlainPath(path);
    const auto pin = pins_.find(plain);
    if (pin == pins_.end()) return WhyMissing(plain);
    if (pin->second.empty()) return -EISDIR;
    unpinned = std::move(pin->second);
    pins_.erase(pin);
    return 0;
  }

  long MakeDirectory(const std::string& path) override {
    const ForkGate::Inside inside;
    return Add(path, {});
  }

  long RemoveDirectory(const std::string& path) override {
    const ForkGate::Inside inside;
    WriterLock lock(lock_);
    const std::string plain = PlainPath(path);
    const auto pin = pins_.find(plain);
    if (pin == pins_.end()) return WhyMissing(plain);
    if (!pin->second.empty()) return -ENOTDIR;
    if (plain == root_) return -EBUSY;
    const auto below = pins_.lower_bound(plain + "/");
    if (below != pins_.end() && below->first.rfind(plain + "/", 0) == 0) {
      return -ENOTEMPTY;
    }
    pins_.erase(pin);
    return 0;
  }

 private:
  // In Linux's order.
  long Add(const std::string& path, PinnedObject object) {
    const std::filesystem::path plain = PlainPath(path);
    WriterLock lock(lock_);
    if (pins_.count(plain) != 0) return -EEXIST;
    const auto directory = pins_.find(plain.parent_path());
    if (directory == pins_.end()) return WhyMissing(plain.parent_path());
    const long missing = WhyMissing(plain);
    if (missing != -ENOENT) return missing;
    pins_[plain] = std::move(object);
    return 0;
  }

  // What Linux says of a path that is not here: it walks along it, and looks
  // for no name that has a '.'.
  long WhyMissing(const std::filesystem::path& plain) const
      ABSL_SHARED_LOCKS_REQUIRED(lock_) {
    std::filesystem::path at = root_;
    for (const auto& name : plain.lexically_relative(root_)) {
      if (!pins_.at(at).empty()) return -ENOTDIR;
      at /= name;
      if (pins_.count(at) != 0) continue;
      return name.string().find('.') == std::string::npos ? -ENOENT : -EPERM;
    }
    return -ENOENT;
  }

  std::string root_;  // constant
  mutable Cloud::Lock lock_;
  // By plain path; an empty one is a directory.
  std::map<std::string, PinnedObject> pins_ ABSL_GUARDED_BY(lock_);
};

}  // namespace

PinTable& PinTable::Global() {
  static auto& pins = *new ProcessPins;
  return pins;
}

}  // namespace bpfmap
