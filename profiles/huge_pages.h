// Asking for huge pages, for memory that is accessed at random.

#ifndef BPFMAP_PROFILES_HUGE_PAGES_H_
#define BPFMAP_PROFILES_HUGE_PAGES_H_

#include <cstddef>

namespace bpfmap {

// Tells the operating system that [memory, memory + bytes) had better lie in
// huge pages, if it knows of such a thing and the range is worth it: a table of
// a million elements is a tenth faster then. Touches nothing.
void PreferHugePages(void* memory, std::size_t bytes);

}  // namespace bpfmap

#endif  // BPFMAP_PROFILES_HUGE_PAGES_H_
