// SPDX-License-Identifier: Apache-2.0
//
// Misuse: what the classes for tests do when a test asks for what cannot be: a
// map that the object does not have, a type that is not the map's.
//
// It is a sentence. By default it goes to standard error and the process ends;
// with testing.h it is a failure of the test, which goes on, and the call
// returns zeros.
//
// Thread-safe, but for SetMisuseHandler(), which is called before threads
// start.

#ifndef BPFMAP_PROGRAMS_MISUSE_H_
#define BPFMAP_PROGRAMS_MISUSE_H_

#include <string>

namespace bpfmap {

using MisuseHandler = void (*)(const std::string& sentence);

void SetMisuseHandler(MisuseHandler handler);

// Calls the handler.
void Misuse(const std::string& sentence);

}  // namespace bpfmap

#endif  // BPFMAP_PROGRAMS_MISUSE_H_
