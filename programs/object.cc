// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/programs/object.h"

#include "absl/strings/str_cat.h"
#include "bpfmap/programs/local_backend.h"
#include "bpfmap/programs/read_file.h"

namespace bpfmap {

absl::StatusOr<Object> Object::Open(const std::string& path, World* world,
                                    std::unique_ptr<ObjectBackend> backend) {
  std::vector<uint8_t> bytes;
  if (!ReadFile(path, &bytes)) {
    return absl::NotFoundError(absl::StrCat(path, ": there is no such file"));
  }
  if (backend == nullptr) backend = std::make_unique<LocalBackend>();
  auto state = std::make_shared<ObjectState>(world, std::move(backend));
  std::string name = path.substr(path.rfind('/') + 1);
  name = name.substr(0, name.find('.'));
  const absl::Status status = state->file()->Read(name, std::move(bytes));
  if (!status.ok()) {
    return absl::Status(status.code(),
                        absl::StrCat(path, ": ", status.message()));
  }
  state->Start();
  return Object(std::move(state));
}

}  // namespace bpfmap
