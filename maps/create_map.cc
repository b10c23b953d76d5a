#include "maps/create_map.h"

#include <cstdint>
#include <string>
#include <type_traits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "maps/def_check.h"
#include "maps/map_types.h"
#include "maps/status.h"
#include "profiles/cloud.h"

namespace bpfmap {
namespace {

absl::Status Refusal(const MapDef& def, Errno error, absl::string_view reason) {
  return ToStatus(
      error, absl::StrCat(DescribeMap(def), ": create with key_size ",
                          def.key_size, ", value_size ", def.value_size,
                          ", max_entries ", def.max_entries, ", map_flags 0x",
                          absl::Hex(def.map_flags), ": ", reason));
}

}  // namespace

absl::StatusOr<std::shared_ptr<LocalMap>> CreateMap(const MapDef& def) {
  // Whether a custom type exists comes before its sizes: Init() asks for both.
  const DefCheck check =
      IsCustom(def.type) ? CheckCommon(def) : CheckDef<Cloud>(def);
  if (check) return Refusal(def, check.error, check.reason);
  std::shared_ptr<LocalMap> created;
  Errno error = Errno::kInval;
  std::string reason;
  VisitMapType<Cloud>(def.type, [&]<typename Map>(std::type_identity<Map>) {
    auto map = std::make_shared<Map>(def);
    error = map->Init();
    if constexpr (requires { map->reason(); }) reason = map->reason();
    created = std::move(map);
  });
  if (error != Errno::kOk && IsCustom(def.type)) {
    return Refusal(
        def, error,
        absl::StrCat("type ", static_cast<uint32_t>(def.type), ": ", reason));
  }
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
