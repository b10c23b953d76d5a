// SPDX-License-Identifier: Apache-2.0

// libcds' FeldmanHashMap: a tree of arrays over the bits of the hash, without
// locks. A replaced element is freed when no hazard pointer guards it.

#include <cds/container/feldman_hashmap_hp.h>
#include <cds/gc/hp.h>
#include <cds/init.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "bench/peers/peer.h"
#include "bench/peers/peers.h"

namespace bpfmap::bench {
namespace {

// The library, for as long as the program runs.
struct Library {
  Library() { cds::Initialize(); }
  ~Library() { cds::Terminate(); }
};

// Its elements are told apart by their hashes alone, so a hash must be another
// for every key: the key itself, stirred in a way that can be undone.
struct Stir {
  uint64_t operator()(Key4 key) const {
    return uint64_t{key} * 0x9e3779b97f4a7c15;
  }
};

template <typename Key, typename Value>
class LibcdsFeldman {
 public:
  struct Thread {
    Thread() { cds::threading::Manager::attachThread(); }
    ~Thread() { cds::threading::Manager::detachThread(); }
  };

  explicit LibcdsFeldman(uint32_t) {
    const Thread thread;
    map_ = std::make_unique<Map>(10, 4);
  }
  ~LibcdsFeldman() {
    const Thread thread;
    map_.reset();
  }

  bool Lookup(const Key& key, Value* value) {
    return map_->find(key, [value](auto& found) { *value = found.second; });
  }
  void Update(const Key& key, const Value& value) {
    map_->update(key, [&value](auto& now, auto*) { now.second = value; });
  }
  bool Delete(const Key& key) { return map_->erase(key); }

 private:
  struct Traits : cds::container::feldman_hashmap::traits {
    using hash = Stir;
  };
  using Map = cds::container::FeldmanHashMap<cds::gc::HP, Key, Value, Traits>;

  std::unique_ptr<Map> map_;
};

}  // namespace

std::vector<Contender> LibcdsFeldmanPeers() {
  static const Library library;
  static const cds::gc::HP hazard_pointers(16);
  return {MakePeer<LibcdsFeldman, Key4, Value8>("libcds_feldman")};
}

}  // namespace bpfmap::bench
