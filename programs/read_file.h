// SPDX-License-Identifier: Apache-2.0
//
// ReadFile: the bytes of a file. Thread-safe.

#ifndef BPFMAP_PROGRAMS_READ_FILE_H_
#define BPFMAP_PROGRAMS_READ_FILE_H_

#include <cstdint>
#include <fstream>
#include <ios>
#include <string>
#include <vector>

namespace bpfmap {

// Returns false if it cannot be read.
inline bool ReadFile(const std::string& path, std::vector<uint8_t>* bytes) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return false;
  // Not by iterators of its buffer, which throw where the path is a folder.
  std::vector<char> part(65536);
  bytes->clear();
  do {
    file.read(part.data(), static_cast<std::streamsize>(part.size()));
    bytes->insert(bytes->end(), part.begin(), part.begin() + file.gcount());
  } while (file);
  return !file.bad();
}

}  // namespace bpfmap

#endif  // BPFMAP_PROGRAMS_READ_FILE_H_
