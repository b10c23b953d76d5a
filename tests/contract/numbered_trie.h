// SPDX-License-Identifier: Apache-2.0

// NumberedTrie: an LPM trie whose keys are numbers, for tests that know no
// other keys.
//
// Where the tests give and take the 4 bytes of a number n, the trie has the
// prefix 10.0.0.n/32. All bits set stand for a prefix that is too long. Only
// keys are translated; what a command answers is the trie's answer.

#ifndef BPFMAP_TESTS_CONTRACT_NUMBERED_TRIE_H_
#define BPFMAP_TESTS_CONTRACT_NUMBERED_TRIE_H_

#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/map_def.h"
#include "tests/support/backend.h"

namespace bpfmap {

// Bytes of the prefix of a number.
inline constexpr uint32_t kNumberedTrieKeySize = 8;

// Creates a trie of `def` on `backend`; with keys of kNumberedTrieKeySize they
// are numbers from then on, with others the trie may only be destroyed.
Errno CreateNumberedTrie(const Backend& backend, const MapDef& def,
                         TestMap* map);

}  // namespace bpfmap

#endif  // BPFMAP_TESTS_CONTRACT_NUMBERED_TRIE_H_
