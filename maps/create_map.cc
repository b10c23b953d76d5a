#include "bpfmap/maps/create_map.h"

#include <string>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "bpfmap/maps/def_check.h"
#include "bpfmap/maps/internal/rules/inner_maps.h"
#include "bpfmap/maps/internal/rules/map_types.h"
#include "bpfmap/maps/status.h"
#include "bpfmap/profiles/cloud.h"

namespace bpfmap {
namespace {

absl::Status Refusal(const MapDef& def, Errno error, absl::string_view reason) {
  std::string more;
  if (IsMapOfMaps(def.type)) {
    more = absl::StrCat(", inner_map_fd ", def.inner_map_fd);
  } else if (IsCustom(def.type)) {
    more = absl::StrCat(", type ", static_cast<uint32_t>(def.type));
  }
  return ToStatus(
      error, absl::StrCat(DescribeMap(def), ": create with key_size ",
                          def.key_size, ", value_size ", def.value_size,
                          ", max_entries ", def.max_entries, ", map_flags 0x",
                          absl::Hex(def.map_flags), more, ": ", reason));
}

}  // namespace

absl::StatusOr<std::shared_ptr<LocalMap>> CreateMap(const MapDef& def) {
  DefCheck check = CheckCommon(def);
  if (!check) check = {Errno::kInval, "type must be one of those in MapType"};
  std::shared_ptr<LocalMap> created;
  VisitMapType<Cloud>(def.type, [&]<typename Map>(std::type_identity<Map>) {
    auto map = std::make_shared<Map>(def);
    check.error = map->Init();
    if constexpr (requires { map->reason(); }) {
      check.reason = map->reason();
    } else {
      check.reason = Map::Check(def).reason;
    }
    created = std::move(map);
  });
  if (check.error == Errno::kNoMem && *check.reason == '\0') {
    return ToStatus(check.error,
                    absl::StrCat(DescribeMap(def), ": create: no memory for ",
                                 MemoryNeeded<Cloud>(def), " bytes"));
  }
  if (check) return Refusal(def, check.error, check.reason);
  return created;
}

}  // namespace bpfmap
