// SPDX-License-Identifier: Apache-2.0

// BtfCheck: whether the types of BTF are such as Linux takes.
//
// Its three steps are Linux's: each type by itself, what types refer to, and
// the order of tags. Source: Documentation/bpf/btf.rst and kernel/bpf/btf.c.

#ifndef BPFMAP_SYSCALL_BTF_CHECK_H_
#define BPFMAP_SYSCALL_BTF_CHECK_H_

#include <linux/btf.h>

#include <cstdint>
#include <vector>

#include "bpfmap/syscall/btf.h"

namespace bpfmap {

class BtfCheck {
 public:
  // `btf` must have its header and the places of its types.
  explicit BtfCheck(const Btf& btf) : btf_(btf) {}

  // 0, -EINVAL, -EEXIST or -ENOTSUPP, as Btf::Load().
  long Run();

 private:
  // A type contains another, or leads to it. No type does so to itself.
  enum class Edge { kContains, kLeadsTo };
  enum State : uint8_t { kNew, kEntered, kDone };

  // Names. A type without one has offset 0.
  bool HasIdentifier(uint32_t name) const;
  bool HasNoneOrIdentifier(uint32_t name) const;
  bool HasSectionName(uint32_t name) const;

  // Types by themselves.
  long CheckType(uint32_t id) const;
  long CheckInt(uint32_t id) const;
  bool IsRightReference(uint32_t id) const;
  bool IsRightStruct(uint32_t id) const;
  bool IsRightEnum(uint32_t id) const;
  bool IsRightVariable(uint32_t id) const;
  bool IsRightSection(uint32_t id) const;

  // Whether types refer to what they may.
  long CheckReferences(uint32_t id) const;
  bool LeadsSomewhere(const btf_type& type) const;
  bool IsRightArray(uint32_t id) const;
  bool IsRightMember(uint32_t id, uint32_t index) const;
  bool IsRightPrototype(uint32_t id) const;
  bool IsRightFunction(uint32_t id) const;
  bool HasRightVariables(uint32_t id) const;
  bool IsRightTag(uint32_t id) const;
  bool IsRegularInt(uint32_t id) const;
  bool HasSize(uint32_t id) const;

  bool HasLoop(Edge edge) const;
  // The types that `id` contains or leads to.
  std::vector<uint32_t> Next(uint32_t id, Edge edge) const;

  bool TagsComeFirst(uint32_t id) const;

  uint32_t KindOf(uint32_t id) const { return btf_.KindOf(id); }

  const Btf& btf_;
};

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_BTF_CHECK_H_
