// CustomMap: a map whose type an extension provides. See map_provider.h for how
// to write one; this is what its users see.
//
// It answers as HASH does (hash_map.h), and differs in this:
//
// - The provider may refuse creations, lookups, updates, deletes and programs.
//   Its errors come behind those of HASH, and nothing has changed (a
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

#include "absl/base/thread_annotations.h"
#include "bpfmap/maps/def_check.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/hash_map.h"
#include "bpfmap/maps/internal/arena.h"
#include "bpfmap/maps/internal/rules/generic_batch.h"
#include "bpfmap/maps/internal/rules/user_rights.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/map_provider.h"
#include "bpfmap/maps/map_providers.h"
#include "bpfmap/profiles/profile.h"
#include "bpfmap/profiles/reader_writer_lock.h"

namespace bpfmap {

template <Profile P>
class CustomMap final : public LocalMap, private ProvidedMap {
 public:
  using Memory = typename P::Memory;

  const void* class_tag() const override {
    return &internal::kClassTag<CustomMap>;
  }

  // `memory` and `providers` must outlive the map.
  CustomMap(const MapDef& def, Memory* memory,
            MapProviders<P>* providers = &MapProviders<P>::Global())
      : def_(def),
        rights_(def),
        memory_(*memory),
        providers_(*providers),
        arena_(*memory) {}
  explicit CustomMap(const MapDef& def) requires requires {
    P::DefaultMemory();
  } : CustomMap(def, &P::DefaultMemory()) {
  }
  ~CustomMap();
  CustomMap(const CustomMap&) = delete;
  CustomMap& operator=(const CustomMap&) = delete;

  // What HASH would say to `def`; and
  //   EOPNOTSUPP  a lock in the value
  // Whether the type exists, Init() says.
  static constexpr DefCheck Check(const MapDef& def);

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

  // Makes the map usable. The map may then only be destroyed if it fails.
  // REQUIRES: called once, before any other method.
  //   EINVAL  the type has no provider
  //   errors of Check(), and then of the provider
  //   E2BIG   what it wants to store is too large
  //   EINVAL  it wants to store another size, and does not convert
  //   ENOMEM  no memory
  Errno Init() {
    check_ = Create();
    return check_.error;
  }

  // Why Init() failed, for people.
  const char* reason() const { return check_.reason; }

  MapDef DoDef() const override { return def_; }
  MapDef def() const override { return def_; }

  // Whether a program of this type (BPF_PROG_TYPE_*) may use the map, which a
  // loader asks before the program runs. Errors are the provider's.
  Errno AssociateProgram(uint32_t program_type) {
    return provider_->OnAssociateProgram(*this, program_type);
  }

  // The program view.
  void* LookupElem(const void* key) override {
    if (key == nullptr || storage_.is_converted) return nullptr;
    bpfmap::ReaderLock lock(lock_);
    void* const stored = elements_->LookupElem(key);
    if (stored == nullptr) return nullptr;
    const Errno error = provider_->OnFind(*this, key, stored, nullptr);
    return error == Errno::kOk ? stored : nullptr;
  }
  Errno UpdateElem(const void* key, const void* value,
                   ElemFlags flags) override {
    if (!ProgramsMayWrite()) return Errno::kAcces;
    if (key == nullptr || value == nullptr) return Errno::kFault;
    return Put(View::kProgram, key, value, flags);
  }
  Errno DeleteElem(const void* key) override {
    if (!ProgramsMayWrite()) return Errno::kAcces;
    if (key == nullptr) return Errno::kFault;
    return Remove(View::kProgram, key);
  }

  // The user view.
  Errno DoLookup(const void* key, void* value, ElemFlags flags) override {
    const Errno error = rights_.CheckLookup(key, flags);
    if (error != Errno::kOk) return error;
    bpfmap::ReaderLock lock(lock_);
    return Show(key, value);
  }
  Errno DoUpdate(const void* key, const void* value, ElemFlags flags) override {
    const Errno error = rights_.CheckUpdate(key, value, flags);
    if (error != Errno::kOk) return error;
    return Put(View::kUser, key, value, flags);
  }
  Errno DoDelete(const void* key) override {
    const Errno error = rights_.CheckDelete(key);
    if (error != Errno::kOk) return error;
    return Remove(View::kUser, key);
  }
  Errno DoGetNextKey(const void* key, void* next_key) override {
    const Errno error = rights_.CheckGetNextKey();
    if (error != Errno::kOk) return error;
    bpfmap::ReaderLock lock(lock_);
    return ShowNext(key, next_key);
  }
  // If `value` is null the key is gone all the same, as in HASH.
  Errno DoLookupAndDelete(const void* key, void* value,
                          ElemFlags flags) override;
  Errno DoLookupBatch(const void* in_batch, void* out_batch, void* keys,
                      void* values, uint32_t* count, BatchFlags flags) override;
  Errno DoLookupAndDeleteBatch(const void* in_batch, void* out_batch,
                               void* keys, void* values, uint32_t* count,
                               BatchFlags flags) override;
  Errno DoUpdateBatch(const void* keys, const void* values, uint32_t* count,
                      BatchFlags flags) override {
    return UpdateEach(
        rights_, keys, def_.key_size, values, def_.value_size, count, flags,
        [&](const void* key, const void* value, ElemFlags elem_flags) {
          return Put(View::kUser, key, value, elem_flags);
        });
  }
  Errno DoDeleteBatch(const void* keys, uint32_t* count,
                      BatchFlags flags) override {
    return DeleteEach(
        rights_, keys, def_.key_size, count, flags,
        [&](const void* key) { return Remove(View::kUser, key); });
  }
  Errno DoFreeze() override {
    return rights_.Freeze([&](auto change) {
      WriterLock lock(lock_);
      change();
    });
  }

 private:
  using Leaves = MapProvider::Leaves;
  enum class View { kProgram, kUser };

  // The hash map behind the map. Rights are kept here.
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

  DefCheck Create();

  bool ProgramsMayWrite() const {
    return !storage_.is_converted && !HasAny(def_.map_flags, kRdOnlyProg);
  }

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
  // A lookup batch behind its checks; done(key) comes after each element.
  template <typename Done>
  Errno ShowBatch(const void* in_batch, void* out_batch, void* keys,
                  void* values, uint32_t* count, Done done)
      ABSL_SHARED_LOCKS_REQUIRED(lock_);
  Errno Put(View view, const void* key, const void* value, ElemFlags flags);
  Errno Remove(View view, const void* key) {
    WriterLock lock(lock_);
    if (view == View::kUser && rights_.frozen()) return Errno::kPerm;
    return RemoveLocked(key);
  }
  Errno RemoveLocked(const void* key) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_) {
    const void* const stored = elements_->LookupElem(key);
    if (stored == nullptr) return Errno::kNoEnt;
    const Errno error =
        provider_->OnDelete(*this, key, stored, Leaves::kDeleted);
    if (error != Errno::kOk) return error;
    --size_;
    return elements_->DeleteElem(key);
  }

  const MapDef def_;
  UserRights rights_;
  Memory& memory_;
  MapProviders<P>& providers_;

  // Constant after Init().
  MapProvider* provider_ = nullptr;
  bool was_taken_ = false;  // by OnCreate()
  MapProvider::Storage storage_ = {};
  DefCheck check_;
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
constexpr DefCheck CustomMap<P>::Check(const MapDef& def) {
  if (!IsCustom(def.type)) {
    return {Errno::kInval, "type must be 4096 or more"};
  }
  MapDef base = def;
  base.type = MapType::kHash;
  if (DefCheck check = HashMap<P>::Check(base)) return check;
  return CheckNameAndNoLock(def);
}

template <Profile P>
DefCheck CustomMap<P>::Create() {
  if (DefCheck check = CheckCommon(def_)) return check;
  provider_ = providers_.Acquire(def_.type);
  if (provider_ == nullptr) {
    return {Errno::kInval, "the type has no provider: see maps/map_provider.h"};
  }
  if (DefCheck check = Check(def_)) return check;
  storage_.value_size = def_.value_size;
  if (DefCheck check = provider_->OnCreate(*this, &storage_)) return check;
  was_taken_ = true;

  const uint32_t stored_size = storage_.value_size;
  if (stored_size != def_.value_size && !storage_.is_converted) {
    return {Errno::kInval,
            "a provider that does not convert values must store "
            "as many bytes"};
  }
  const MapDef elements_def = ElementsDef(def_, stored_size);
  if (DefCheck check = HashMap<P>::Check(elements_def)) return check;
  if (!arena_.Allocate(BuffersSize(def_, stored_size))) {
    return {Errno::kNoMem, "there is no memory"};
  }
  key_ = arena_.Take(def_.key_size);
  {
    WriterLock lock(lock_);
    stored_ = arena_.Take(stored_size);
  }
  elements_.emplace(elements_def, &memory_);
  if (elements_->Init() != Errno::kOk) {
    return {Errno::kNoMem, "there is no memory"};
  }
  return {};
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
Errno CustomMap<P>::Put(View view, const void* key, const void* value,
                        ElemFlags flags) {
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
Errno CustomMap<P>::DoLookupAndDelete(const void* key, void* value,
                                      ElemFlags flags) {
  Errno error = rights_.CheckLookupAndDelete(key, flags);
  if (error != Errno::kOk) return error;
  WriterLock lock(lock_);
  if (rights_.frozen()) return Errno::kPerm;
  const Errno shown = Show(key, value);
  const bool is_lost = shown == Errno::kFault && value == nullptr;
  if (shown != Errno::kOk && !is_lost) return shown;
  error = RemoveLocked(key);
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
Errno CustomMap<P>::DoLookupBatch(const void* in_batch, void* out_batch,
                                  void* keys, void* values, uint32_t* count,
                                  BatchFlags flags) {
  const Errno error =
      rights_.CheckBatch(count, /*reads=*/true, /*writes=*/false, flags);
  if (error != Errno::kOk) return error;
  bpfmap::ReaderLock lock(lock_);
  return ShowBatch(in_batch, out_batch, keys, values, count,
                   [](const void*) { return Errno::kOk; });
}

template <Profile P>
Errno CustomMap<P>::DoLookupAndDeleteBatch(const void* in_batch,
                                           void* out_batch, void* keys,
                                           void* values, uint32_t* count,
                                           BatchFlags flags) {
  const Errno error =
      rights_.CheckBatch(count, /*reads=*/true, /*writes=*/true, flags);
  if (error != Errno::kOk) return error;
  WriterLock lock(lock_);
  if (rights_.frozen()) return Errno::kPerm;
  // Called with lock_ held.
  return ShowBatch(in_batch, out_batch, keys, values, count,
                   [&](const void* key) ABSL_NO_THREAD_SAFETY_ANALYSIS {
                     return RemoveLocked(key);
                   });
}

template <Profile P>
template <typename Done>
Errno CustomMap<P>::ShowBatch(const void* in_batch, void* out_batch, void* keys,
                              void* values, uint32_t* count, Done done) {
  const void* last = in_batch;
  // Called with lock_ held.
  const auto show = [&](uint32_t i) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    std::byte* const key = ElementAt(keys, i, def_.key_size);
    Errno step = ShowNext(last, key);
    if (step == Errno::kOk) {
      step = Show(key, ElementAt(values, i, def_.value_size));
    }
    if (step == Errno::kOk) step = done(key);
    if (step == Errno::kOk) last = key;
    return step;
  };
  const Errno error = ForEachInBatch(count, show);
  if (error == Errno::kFault || *count == 0) return error;
  if (out_batch == nullptr) return Errno::kFault;
  std::memcpy(out_batch, last, def_.key_size);
  return error;
}

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_CUSTOM_MAP_H_
