// SPDX-License-Identifier: Apache-2.0
//
// Places in values by the names of members, as C writes them: "args[1]",
// "regs.di", "user_ip4".
//
// Members of structs and unions without a name are found as if they were of the
// struct around them.

#ifndef BPFMAP_PROGRAMS_BTF_VALUE_H_
#define BPFMAP_PROGRAMS_BTF_VALUE_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "bpfmap/programs/btf_types.h"

namespace bpfmap {

struct BtfPlace {
  uint32_t type = 0;    // BTF, resolved
  uint32_t offset = 0;  // bytes
  uint32_t bit = 0;     // of a bit-field, from `offset` on
  uint32_t bits = 0;    // 0: it is no bit-field
};

// Sets *place to that of `path` in a value of `type`. Returns "" or a sentence,
// which names the members that there are.
std::string FindPlace(const BtfTypes& types, uint32_t type,
                      std::string_view path, BtfPlace* place);

// The bytes that a value must have to hold a place.
uint64_t EndOf(const BtfTypes& types, const BtfPlace& place);

// Writes `number` to a place; as many of its lower bits as there is room for.
// REQUIRES: the place is in `bytes`: EndOf().
void PutNumber(const BtfTypes& types, const BtfPlace& place, uint64_t number,
               std::span<uint8_t> bytes);
// Reads a number; signed ones are extended. Of what is no number, the first 8
// bytes or fewer. REQUIRES: as above.
uint64_t GetNumber(const BtfTypes& types, const BtfPlace& place,
                   std::span<const uint8_t> bytes);

}  // namespace bpfmap

#endif  // BPFMAP_PROGRAMS_BTF_VALUE_H_
