// SPDX-License-Identifier: Apache-2.0
//
// Sha256: a digest, of which the first bytes are the tag of a program.
//
// Source: FIPS 180-4. Thread-safe: a function.

#ifndef BPFMAP_SYSCALL_SHA256_H_
#define BPFMAP_SYSCALL_SHA256_H_

#include <array>
#include <cstdint>
#include <span>

namespace bpfmap {

std::array<uint8_t, 32> Sha256(std::span<const uint8_t> message);

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_SHA256_H_
