// SPDX-License-Identifier: Apache-2.0

// critnib: a radix tree of pointers, read without a lock. It keeps words, so
// there are no rows of larger keys or values, and no value may be 0.

#include <critnib.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "bench/peers/peer.h"
#include "bench/peers/peers.h"

namespace bpfmap::bench {
namespace {

struct DeleteCritnib {
  void operator()(critnib* map) const { critnib_delete(map); }
};

template <typename Key, typename Value>
class Critnib {
 public:
  explicit Critnib(uint32_t) {}

  bool Lookup(Key key, Value* value) {
    void* const found = critnib_get(map_.get(), key);
    value->word = reinterpret_cast<uintptr_t>(found);
    return found != nullptr;
  }
  void Update(Key key, Value value) {
    critnib_insert(map_.get(), key, reinterpret_cast<void*>(value.word), 1);
  }
  bool Delete(Key key) { return critnib_remove(map_.get(), key) != nullptr; }

 private:
  const std::unique_ptr<critnib, DeleteCritnib> map_{critnib_new()};
};

}  // namespace

std::vector<Contender> CritnibPeers() {
  return {MakePeer<Critnib, Key4, Value8>("critnib")};
}

}  // namespace bpfmap::bench
