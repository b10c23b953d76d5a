// SPDX-License-Identifier: Apache-2.0

// liburcu's lock-free hash table, cds_lfht. A replaced element is freed when no
// reader can see it, by a thread of the library.

// clang-format off
#include <urcu/urcu-memb.h>  // chooses the flavour for the next one
#include <urcu/rculfhash.h>
// clang-format on

#include <bit>
#include <cstdint>
#include <vector>

#include "bench/peers/peer.h"
#include "bench/peers/peers.h"

namespace bpfmap::bench {
namespace {

template <typename Key, typename Value>
class UrcuLfht {
 public:
  // A thread has to say when it comes and when it goes.
  struct Thread {
    Thread() { urcu_memb_register_thread(); }
    ~Thread() { urcu_memb_unregister_thread(); }
  };

  explicit UrcuLfht(uint32_t max_entries)
      : map_(cds_lfht_new_flavor(std::bit_ceil(max_entries),
                                 std::bit_ceil(max_entries), 0, 0,
                                 &urcu_memb_flavor, nullptr)) {}

  ~UrcuLfht() {
    const Thread thread;
    cds_lfht_iter at;
    urcu_memb_read_lock();
    cds_lfht_first(map_, &at);
    for (; cds_lfht_iter_get_node(&at) != nullptr; cds_lfht_next(map_, &at)) {
      cds_lfht_node* const node = cds_lfht_iter_get_node(&at);
      if (cds_lfht_del(map_, node) == 0) FreeLater(node);
    }
    urcu_memb_read_unlock();
    urcu_memb_barrier();
    cds_lfht_destroy(map_, nullptr);
  }

  bool Lookup(const Key& key, Value* value) {
    urcu_memb_read_lock();
    cds_lfht_node* const node = Find(key);
    if (node != nullptr) *value = ElementOf(node)->value;
    urcu_memb_read_unlock();
    return node != nullptr;
  }

  void Update(const Key& key, const Value& value) {
    auto* const element = new Element{{}, {}, key, value};
    cds_lfht_node_init(&element->node);
    urcu_memb_read_lock();
    cds_lfht_node* const old = cds_lfht_add_replace(
        map_, PeerHash()(key), IsKey, &key, &element->node);
    if (old != nullptr) FreeLater(old);
    urcu_memb_read_unlock();
  }

  bool Delete(const Key& key) {
    urcu_memb_read_lock();
    cds_lfht_node* const node = Find(key);
    const bool deleted = node != nullptr && cds_lfht_del(map_, node) == 0;
    if (deleted) FreeLater(node);
    urcu_memb_read_unlock();
    return deleted;
  }

 private:
  struct Element {
    cds_lfht_node node;  // first, so that their addresses are the same
    rcu_head head;
    Key key;
    Value value;
  };

  static Element* ElementOf(cds_lfht_node* node) {
    return reinterpret_cast<Element*>(node);
  }

  static int IsKey(cds_lfht_node* node, const void* key) {
    return ElementOf(node)->key == *static_cast<const Key*>(key);
  }

  static void FreeLater(cds_lfht_node* node) {
    urcu_memb_call_rcu(&ElementOf(node)->head, [](rcu_head* head) {
      delete reinterpret_cast<Element*>(reinterpret_cast<char*>(head) -
                                        offsetof(Element, head));
    });
  }

  cds_lfht_node* Find(const Key& key) {
    cds_lfht_iter at;
    cds_lfht_lookup(map_, PeerHash()(key), IsKey, &key, &at);
    return cds_lfht_iter_get_node(&at);
  }

  cds_lfht* const map_;
};

}  // namespace

std::vector<Contender> UrcuLfhtPeers() {
  return MakePeers<UrcuLfht>("urcu_lfht");
}

}  // namespace bpfmap::bench
