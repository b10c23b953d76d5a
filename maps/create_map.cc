#include "maps/create_map.h"

#include <type_traits>

#include "absl/strings/str_cat.h"
#include "maps/def_check.h"
#include "maps/map_types.h"
#include "maps/status.h"
#include "profiles/cloud.h"

namespace bpfmap {

absl::StatusOr<std::shared_ptr<LocalMap>> CreateMap(const MapDef& def) {
  if (const DefCheck check = CheckDef<Cloud>(def)) {
    return ToStatus(
        check.error,
        absl::StrCat(DescribeMap(def), ": create with key_size ", def.key_size,
                     ", value_size ", def.value_size, ", max_entries ",
                     def.max_entries, ", map_flags 0x",
                     absl::Hex(def.map_flags), ": ", check.reason));
  }
  std::shared_ptr<LocalMap> created;
  Errno error = Errno::kInval;
  VisitMapType<Cloud>(def.type, [&]<typename Map>(std::type_identity<Map>) {
    auto map = std::make_shared<Map>(def);
    error = map->Init();
    created = std::move(map);
  });
  if (error == Errno::kNoMem) {
    return ToStatus(error, absl::StrCat(DescribeMap(def),
                                        ": create: no memory "
                                        "for ",
                                        MemoryNeeded<Cloud>(def), " bytes"));
  }
  if (error != Errno::kOk) {
    return ToStatus(error,
                    absl::StrCat(DescribeMap(def), ": create: inner_map_fd ",
                                 def.inner_map_fd,
                                 " must be open, and no map of maps or array "
                                 "of programs"));
  }
  return created;
}

}  // namespace bpfmap
