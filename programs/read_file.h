// SPDX-License-Identifier: Apache-2.0
//
// ReadFile: the bytes of a file. Thread-safe.

#ifndef BPFMAP_PROGRAMS_READ_FILE_H_
#define BPFMAP_PROGRAMS_READ_FILE_H_

#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace bpfmap {

// Returns false if it cannot be read.
inline bool ReadFile(const std::string& path, std::vector<uint8_t>* bytes) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return false;
  bytes->assign((std::istreambuf_iterator<char>(file)),
                std::istreambuf_iterator<char>());
  return true;
}

}  // namespace bpfmap

#endif  // BPFMAP_PROGRAMS_READ_FILE_H_
