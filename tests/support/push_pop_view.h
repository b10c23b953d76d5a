// SPDX-License-Identifier: Apache-2.0

// PushPopView: a map without keys as a BPF program sees it. Tests
// of it run on a local map of each profile and, through small programs,
// on the kernel.

#ifndef BPFMAP_TESTS_SUPPORT_PUSH_POP_VIEW_H_
#define BPFMAP_TESTS_SUPPORT_PUSH_POP_VIEW_H_

#include <cstdint>
#include <memory>
#include <ostream>
#include <string>
#include <tuple>
#include <vector>

#include "bpfmap/maps/bpf_map.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/map_def.h"
#include "gtest/gtest.h"

namespace bpfmap {

// Not thread-safe.
class PushPopView {
 public:
  virtual ~PushPopView() = default;

  // bpf_map_push_elem(), bpf_map_pop_elem() and bpf_map_peek_elem(), with
  // `value` as large as the map's. Where the verifier refuses such a program,
  // its errno.
  virtual Errno Push(const void* value, ElemFlags flags) = 0;
  virtual Errno Pop(void* value) = 0;
  virtual Errno Peek(void* value) = 0;

  // The helpers of maps with keys.
  virtual Errno LookupElem() = 0;  // ENOENT for null
  virtual Errno UpdateElem(const void* value) = 0;
  virtual Errno DeleteElem() = 0;

  // The same map from user space.
  virtual BpfMap& user() = 0;
};

struct PushPopBackend {
  std::string name;
  bool is_kernel;
  // Whether a map of this definition has more bytes than the backend.
  bool (*is_too_large)(const MapDef& def);
  // Sets *view if it returns kOk. REQUIRES: the type has no keys.
  Errno (*create)(const MapDef& def, std::unique_ptr<PushPopView>* view);
};
void PrintTo(const PushPopBackend& backend, std::ostream* out);

// The parameter of tests over types and backends, and its name: "QUEUE_cloud".
using TypeAndBackend = std::tuple<MapType, PushPopBackend>;
std::string TypeAndBackendName(
    const testing::TestParamInfo<TypeAndBackend>& info);

// cloud, embedded.
const std::vector<PushPopBackend>& LocalPushPopBackends();
// cloud, embedded, kernel.
const std::vector<PushPopBackend>& PushPopBackends();

}  // namespace bpfmap

#endif  // BPFMAP_TESTS_SUPPORT_PUSH_POP_VIEW_H_
