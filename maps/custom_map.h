// SPDX-License-Identifier: Apache-2.0

// CustomMap: a map whose type an extension provides. See map_provider.h for how
// to write one; this is what its users see.
//
// It answers as HASH does (hash_map.h), and differs in this:
//
// - The provider may refuse creations, lookups, updates, deletes and programs.
//   Its errors come after those of HASH, and nothing has changed (a
//   LookupAndDelete that it refuses may have filled `value`).
// - A value has no lock: BPF_F_LOCK is EINVAL everywhere, and a definition with
//   a lock EOPNOTSUPP.
// - Lookup batches go by keys: a position is the key that was copied last, and
//   where it is gone the batch starts again, as GetNextKey does.
// - If the provider stores values in another form, LookupElem is null,
//   UpdateElem and DeleteElem are EACCES, and ForEachElem is ENOTSUPP: the
//   verifier would refuse a pointer to what is no value. Else ForEachElem shows
//   what LookupElem does.
//
// Thread-safe, see bpf_map.h and local_map.h. Writers take turns; readers share
// a lock, as the provider is promised that nothing leaves while it looks.

#ifndef BPFMAP_MAPS_CUSTOM_MAP_H_
#define BPFMAP_MAPS_CUSTOM_MAP_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <tuple>

#include "absl/base/attributes.h"
#include "absl/base/thread_annotations.h"
#include "bpfmap/maps/def_error.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/hash_map.h"
#include "bpfmap/maps/internal/arena.h"
#include "bpfmap/maps/internal/dcheck.h"
#include "bpfmap/maps/internal/rules/def_validation.h"
#include "bpfmap/maps/internal/rules/generic_batch.h"
#include "bpfmap/maps/internal/rules/map_base.h"
#include "bpfmap/maps/internal/rules/user_rights.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/map_provider.h"
#include "bpfmap/maps/map_providers.h"
#include "bpfmap/profiles/profile.h"
#include "bpfmap/profiles/reader_writer_lock.h"

namespace bpfmap {

template <Profile P>
class CustomMap final : public MapBase<CustomMap<P>, P>, private ProvidedMap {
 public:
  using typename MapBase<CustomMap<P>, P>::Memory;

  // `memory` and `providers` must outlive the map.
  CustomMap(const MapDef& def, Memory* memory,
            MapProviders<P>* providers = &MapProviders<P>::Global())
      : MapBase<CustomMap, P>(def),
        memory_(*memory),
        providers_(*providers),
        arena_(*memory) {}
  explicit CustomMap(const MapDef& def) requires HasDefaultMemory<P>
      : CustomMap(def, &P::DefaultMemory()) {}
  ~CustomMap();

  // What HASH would say to `def`; and
  //   EOPNOTSUPP  a lock in the value
  // Init() reports whether the type has a provider.
  ABSL_ATTRIBUTE_ALWAYS_INLINE static constexpr DefError Check(
      const MapDef& def);

  // Bytes that Init() takes from the memory if values of `stored_size` bytes
  // are stored. REQUIRES: Check(def) is kOk.
  static constexpr uint64_t MemoryNeeded(const MapDef& def,
                                         uint32_t stored_size) {
    return HashMap<P>::MemoryNeeded(ElementsDef(def, stored_size)) +
           BuffersSize(def, stored_size);
  }
  static constexpr uint64_t MemoryNeeded(const MapDef& def) {
    return MemoryNeeded(def, def.value_size);
  }

  // Init(), besides the errors of Check() and ENOMEM:
  //   EINVAL  the type has no provider
  //   errors of the provider
  //   E2BIG   it wants to store what is too large
  //   EINVAL  it wants to store another size, and does not convert

  // Why Init() failed, for people.
  const char* reason() const { return check_.reason; }

  MapDef def() const override { return def_; }

  // Whether a program of this type (BPF_PROG_TYPE_*) may use the map, which a
  // loader asks before the program runs. Errors are the provider's.
  Errno AssociateProgram(uint32_t program_type) {
    return provider_->OnAssociateProgram(*this, program_type);
  }

  // The program view.
  void* LookupElem(const void* key) override {
    BPFMAP_DCHECK(P, this->is_ready());
    if (key == nullptr || storage_.is_converted) return nullptr;
    bpfmap::ReaderLock lock(lock_);
    void* const stored = elements_->LookupElem(key);
    if (stored == nullptr) return nullptr;
    const Errno error = provider_->OnFind(*this, key, stored, nullptr);
    return error == Errno::kOk ? stored : nullptr;
  }
  Errno UpdateElem(const void* key, const void* value,
                   ElemFlags flags) override {
    if (storage_.is_converted) return Errno::kAcces;
    return MapBase<CustomMap, P>::UpdateElem(key, value, flags);
  }
  Errno DeleteElem(const void* key) override {
    if (storage_.is_converted) return Errno::kAcces;
    return MapBase<CustomMap, P>::DeleteElem(key);
  }

 private:
  using Leaves = MapProvider::Leaves;
  friend MapBase<CustomMap, P>;
  using MapBase<CustomMap, P>::def_;
  using MapBase<CustomMap, P>::rights_;

  // For MapBase.
  Errno Create() {
    check_ = CreateWithProvider();
    return check_.error;
  }
  bool Allocate();
  Errno Read(const void* key, void* value, ElemFlags) {
    bpfmap::ReaderLock lock(lock_);
    return Show(key, value);
  }
  template <View view>
  Errno Put(const void* key, const void* value, ElemFlags flags);
  template <View view>
  Errno Remove(const void* key) {
    WriterLock lock(lock_);
    if (view == View::kUser && rights_.frozen()) return Errno::kPerm;
    return RemoveLocked(key);
  }
  Errno NextKey(const void* key, void* next_key) {
    bpfmap::ReaderLock lock(lock_);
    return ShowNext(key, next_key);
  }
  // If `value` is null the key is gone anyway, as in HASH.
  Errno Take(const void* key, void* value, ElemFlags);
  Errno RunBatch(const LookupBatchCall& batch);
  template <typename Change>
  void WithWritersStopped(Change change) {
    WriterLock lock(lock_);
    change();
  }

  // The hash map that holds the elements. Rights are kept here.
  static constexpr MapDef ElementsDef(const MapDef& def, uint32_t stored_size) {
    return {.type = MapType::kHash,
            .key_size = def.key_size,
            .value_size = stored_size,
            .max_entries = def.max_entries,
            .map_flags = def.map_flags & (kNoPrealloc | kZeroSeed)};
  }
  static constexpr uint64_t BuffersSize(const MapDef& def,
                                        uint32_t stored_size) {
    return internal::Arena<P>::AlignedSize(def.key_size) +
           internal::Arena<P>::AlignedSize(stored_size);
  }

  // ProvidedMap.
  bool ReadStored(const void* key, void* stored) override {
    return elements_->Lookup(key, stored) == Errno::kOk;
  }
  void ReaderLock() override ABSL_NO_THREAD_SAFETY_ANALYSIS {
    lock_.ReaderLock();
  }
  void ReaderUnlock() override ABSL_NO_THREAD_SAFETY_ANALYSIS {
    lock_.ReaderUnlock();
  }

  int64_t VisitElems(ElemVisitor visitor, uint64_t flags) override;

  DefError CreateWithProvider();

  Errno Show(const void* key, void* value) ABSL_SHARED_LOCKS_REQUIRED(lock_) {
    const void* const stored = elements_->LookupElem(key);
    if (stored == nullptr) return Errno::kNoEnt;
    if (value == nullptr) return Errno::kFault;
    if (storage_.is_converted) {
      return provider_->OnFind(*this, key, stored, value);
    }
    const Errno error = provider_->OnFind(*this, key, stored, nullptr);
    return error != Errno::kOk ? error : elements_->Lookup(key, value);
  }
  Errno ShowNext(const void* key, void* next_key)
      ABSL_SHARED_LOCKS_REQUIRED(lock_) {
    const Errno error = elements_->GetNextKey(key, next_key);
    if (error != Errno::kOk) return error;
    provider_->OnNextKey(*this, next_key, elements_->LookupElem(next_key));
    return Errno::kOk;
  }
  // A lookup batch; done(key) comes after each element.
  template <typename Done>
  Errno ShowBatch(const LookupBatchCall& batch, Done done)
      ABSL_SHARED_LOCKS_REQUIRED(lock_);
  Errno RemoveLocked(const void* key) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_) {
    const void* const stored = elements_->LookupElem(key);
    if (stored == nullptr) return Errno::kNoEnt;
    const Errno error =
        provider_->OnDelete(*this, key, stored, Leaves::kDeleted);
    if (error != Errno::kOk) return error;
    --size_;
    return elements_->DeleteElem(key);
  }

  Memory& memory_;
  MapProviders<P>& providers_;

  // Constant after Init().
  MapProvider* provider_ = nullptr;
  bool was_taken_ = false;  // by OnCreate()
  MapProvider::Storage storage_ = {};
  DefError check_;
  internal::Arena<P> arena_;
  std::optional<HashMap<P>> elements_;
  std::byte* key_ = nullptr;  // a buffer for the walk of the destructor

  // Held by writers during OnUpdate() and OnDelete(), and by readers during
  // OnFind() and OnNextKey().
  typename P::Lock lock_;
  uint32_t size_ ABSL_GUARDED_BY(lock_) = 0;  // elements that are there
  std::byte* stored_ ABSL_GUARDED_BY(lock_) = nullptr;  // for OnUpdate()
};

template <Profile P>
constexpr DefError CustomMap<P>::Check(const MapDef& def) {
  MapDef base = def;
  base.type = MapType::kHash;
  return FirstError(Require(IsCustom(def.type), "type must be 4096 or more"),
                    HashMap<P>::Check(base), CheckNameAndNoLock(def));
}

template <Profile P>
DefError CustomMap<P>::CreateWithProvider() {
  if (DefError error = CheckCommon(def_); error.failed()) return error;
  provider_ = providers_.Acquire(def_.type);
  if (provider_ == nullptr) {
    return {Errno::kInval, "the type has no provider: see maps/map_provider.h"};
  }
  if (DefError error = Check(def_); error.failed()) return error;
  storage_.value_size = def_.value_size;
  if (DefError error = provider_->OnCreate(*this, &storage_); error.failed()) {
    return error;
  }
  was_taken_ = true;

  const uint32_t stored_size = storage_.value_size;
  if (stored_size != def_.value_size && !storage_.is_converted) {
    return {Errno::kInval,
            "a provider that does not convert values must store as many bytes"};
  }
  const DefError error = HashMap<P>::Check(ElementsDef(def_, stored_size));
  if (error.failed()) return error;
  if (this->CreateUnchecked() != Errno::kOk) {
    return {Errno::kNoMem, "there is no memory"};
  }
  return {};
}

template <Profile P>
bool CustomMap<P>::Allocate() {
  const uint32_t stored_size = storage_.value_size;
  if (!arena_.Allocate(BuffersSize(def_, stored_size))) return false;
  key_ = arena_.Take(def_.key_size);
  WriterLock lock(lock_);
  stored_ = arena_.Take(stored_size);
  elements_.emplace(ElementsDef(def_, stored_size), &memory_);
  return elements_->Init() == Errno::kOk;
}

template <Profile P>
CustomMap<P>::~CustomMap() {
  if (provider_ == nullptr) return;
  if (check_.error == Errno::kOk) {
    const void* from = nullptr;
    while (elements_->GetNextKey(from, key_) == Errno::kOk) {
      std::ignore = provider_->OnDelete(
          *this, key_, elements_->LookupElem(key_), Leaves::kDestroyed);
      from = key_;
    }
  }
  if (was_taken_) provider_->OnDestroy(*this);
  providers_.Release(provider_);
}

template <Profile P>
template <View view>
Errno CustomMap<P>::Put(const void* key, const void* value, ElemFlags flags) {
  if (flags > kExist) return Errno::kInval;
  WriterLock lock(lock_);
  if (view == View::kUser && rights_.frozen()) return Errno::kPerm;
  const void* const old = elements_->LookupElem(key);
  if (old != nullptr && flags == kNoExist) return Errno::kExist;
  if (old == nullptr && flags == kExist) return Errno::kNoEnt;
  if (old == nullptr && size_ == def_.max_entries) return Errno::k2Big;

  std::memset(stored_, 0, storage_.value_size);
  std::memcpy(stored_, value, std::min(def_.value_size, storage_.value_size));
  const Errno error = provider_->OnUpdate(*this, key, value, stored_);
  if (error != Errno::kOk) return error;
  if (old != nullptr) {
    std::ignore = provider_->OnDelete(*this, key, old, Leaves::kReplaced);
  } else {
    ++size_;
  }
  return elements_->UpdateElem(key, stored_, kAny);  // there is room
}

template <Profile P>
Errno CustomMap<P>::Take(const void* key, void* value, ElemFlags) {
  WriterLock lock(lock_);
  if (rights_.frozen()) return Errno::kPerm;
  const Errno shown = Show(key, value);
  const bool is_lost = shown == Errno::kFault && value == nullptr;
  if (shown != Errno::kOk && !is_lost) return shown;
  const Errno error = RemoveLocked(key);
  return error != Errno::kOk ? error : shown;
}

template <Profile P>
int64_t CustomMap<P>::VisitElems(ElemVisitor visitor, uint64_t flags) {
  if (storage_.is_converted) return -static_cast<int64_t>(Errno::kNotSupp);
  int64_t calls = 0;
  const auto visit = [&](const void* key, void*) {
    void* const value = LookupElem(key);
    if (value == nullptr) return 0;
    ++calls;
    return visitor(key, value);
  };
  const int64_t visited = elements_->ForEachElem(visit, flags);
  return visited < 0 ? visited : calls;
}

template <Profile P>
Errno CustomMap<P>::RunBatch(const LookupBatchCall& batch) {
  if (!batch.deletes) {
    bpfmap::ReaderLock lock(lock_);
    return ShowBatch(batch, [](const void*) { return Errno::kOk; });
  }
  WriterLock lock(lock_);
  if (rights_.frozen()) return Errno::kPerm;
  // Called with lock_ held.
  return ShowBatch(batch, [&](const void* key) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return RemoveLocked(key);
  });
}

template <Profile P>
template <typename Done>
Errno CustomMap<P>::ShowBatch(const LookupBatchCall& batch, Done done) {
  const void* last = batch.in_batch;
  // Called with lock_ held.
  const auto show = [&](uint32_t i) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    std::byte* const key = ElementAt(batch.keys, i, def_.key_size);
    Errno step = ShowNext(last, key);
    if (step == Errno::kOk) {
      step = Show(key, ElementAt(batch.values, i, def_.value_size));
    }
    if (step == Errno::kOk) step = done(key);
    if (step == Errno::kOk) last = key;
    return step;
  };
  const Errno error = ForEachInBatch(batch.count, show);
  if (error == Errno::kFault || *batch.count == 0) return error;
  if (batch.out_batch == nullptr) return Errno::kFault;
  std::memcpy(batch.out_batch, last, def_.key_size);
  return error;
}

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_CUSTOM_MAP_H_
