// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/maps/create_map.h"

#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "bpfmap/maps/def_error.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/internal/rules/def_validation.h"
#include "bpfmap/maps/internal/rules/inner_maps.h"
#include "bpfmap/maps/internal/rules/map_types.h"
#include "bpfmap/maps/status.h"
#include "bpfmap/profiles/cloud.h"

namespace bpfmap {

absl::StatusOr<std::shared_ptr<LocalMap>> CreateMap(const MapDef& def) {
  internal::Creation creation = {Errno::kInval,
                                 "type must be one of those in MapType", 0};
  const DefError common = CheckCommon(def);
  if (common.failed()) creation = {common.error, common.reason, 0};
  std::shared_ptr<LocalMap> created;
  VisitMapType<Cloud>(def.type, [&]<typename Map>(std::type_identity<Map>) {
    auto map = std::make_shared<Map>(def);
    creation = internal::InitMap(def, map.get());
    created = std::move(map);
  });
  if (creation.error != Errno::kOk) {
    return internal::CreationStatus(def, creation);
  }
  return created;
}

namespace internal {

absl::Status CreationStatus(const MapDef& def, const Creation& creation) {
  if (creation.error == Errno::kNoMem && *creation.reason == '\0') {
    return ToStatus(creation.error,
                    absl::StrCat(DescribeMap(def), ": create: no memory for ",
                                 creation.memory_needed, " bytes"));
  }
  std::string more;
  if (IsMapOfMaps(def.type)) {
    more = absl::StrCat(", inner_map_fd ", def.inner_map_fd);
  } else if (IsCustom(def.type)) {
    more = absl::StrCat(", type ", static_cast<uint32_t>(def.type));
  }
  return ToStatus(
      creation.error,
      absl::StrCat(DescribeMap(def), ": create with key_size ", def.key_size,
                   ", value_size ", def.value_size, ", max_entries ",
                   def.max_entries, ", map_flags 0x",
                   absl::Hex(ToNumber(def.map_flags)), more, ": ",
                   creation.reason));
}

}  // namespace internal
}  // namespace bpfmap
