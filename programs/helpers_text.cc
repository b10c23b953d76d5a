// SPDX-License-Identifier: Apache-2.0
//
// Helpers that read memory of others, and that make or read text.

#include <algorithm>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "bpfmap/programs/format.h"
#include "bpfmap/programs/helper.h"
#include "bpfmap/programs/machine.h"
#include "bpfmap/programs/world.h"

namespace bpfmap {
namespace {

constexpr int kRange = 34;  // ERANGE

enum class Space { kKernel, kUser };

// Copies memory of the program itself, which is memory of the kernel on Linux,
// or of the World.
Errno Read(HelperCall& call, const Region* region, Space space,
           uint64_t address, void* to, std::size_t size) {
  if (size == 0) return Errno::kOk;
  if (space == Space::kKernel) {
    const void* const own = call.machine().OwnMemory(region, address, size);
    if (own != nullptr) {
      std::memmove(to, own, size);
      return Errno::kOk;
    }
    return call.world().ReadKernel(address, to, size);
  }
  return call.world().ReadUser(address, to, size);
}

// bpf_probe_read_*(): a copy, or zeros and EFAULT.
uint64_t ProbeRead(HelperCall& call, Space space) {
  const std::size_t size = call.word(2);
  if (size == 0) return 0;
  void* const to = call.pointer(1);
  const Errno error =
      Read(call, call.region(3), space, call.number(3), to, size);
  if (error != Errno::kOk) std::memset(to, 0, size);
  return Minus(error);
}

// The same for a string: returns its length with the 0 at its end.
uint64_t ProbeReadString(HelperCall& call, Space space) {
  const std::size_t size = call.word(2);
  char* const to = call.pointer<char>(1);
  if (size == 0) return 0;
  for (std::size_t i = 0; i < size; ++i) {
    const Errno error =
        Read(call, call.region(3), space, call.number(3) + i, to + i, 1);
    if (error != Errno::kOk) {
      std::memset(to, 0, size);
      return Minus(error);
    }
    if (to[i] == 0) return i + 1;
  }
  to[size - 1] = 0;
  return size;
}

uint64_t ProbeReadKernel(HelperCall& call) {
  return ProbeRead(call, Space::kKernel);
}
uint64_t ProbeReadUser(HelperCall& call) {
  return ProbeRead(call, Space::kUser);
}
uint64_t ProbeReadKernelStr(HelperCall& call) {
  return ProbeReadString(call, Space::kKernel);
}
uint64_t ProbeReadUserStr(HelperCall& call) {
  return ProbeReadString(call, Space::kUser);
}

// Where the two address spaces are one: what the kernel has, or the user.
uint64_t ProbeReadAny(HelperCall& call) {
  const uint64_t result = ProbeRead(call, Space::kKernel);
  return result == 0 ? 0 : ProbeRead(call, Space::kUser);
}
uint64_t ProbeReadAnyStr(HelperCall& call) {
  const uint64_t result = ProbeReadString(call, Space::kKernel);
  return static_cast<int64_t>(result) > 0 ? result
                                          : ProbeReadString(call, Space::kUser);
}

uint64_t CopyFromUser(HelperCall& call) {
  return ProbeRead(call, Space::kUser);
}

uint64_t ProbeWriteUser(HelperCall& call) {
  return Minus(
      call.world().WriteUser(call.number(1), call.pointer(2), call.word(3)));
}

ReadString StringReader(HelperCall& call) {
  return [&call](uint64_t address, std::size_t most, StringSpace space,
                 std::string* text) {
    const auto read = [&](Space from, char* to) {
      return Read(call, nullptr, from, address + text->size(), to, 1) ==
             Errno::kOk;
    };
    text->clear();
    for (char c = 0; text->size() < most; *text += c) {
      const bool is_read =
          (space != StringSpace::kUser && read(Space::kKernel, &c)) ||
          (space != StringSpace::kKernel && read(Space::kUser, &c));
      if (!is_read) return false;
      if (c == 0 && most != 1) break;
    }
    return true;
  };
}

constexpr std::size_t kPrintRoom = 1024;  // of a line

// The format of a bpf_trace_printk(): `size` bytes, of which the last is 0.
uint64_t Print(HelperCall& call, const char* format, std::size_t size,
               std::span<const uint64_t> arguments) {
  if (size == 0 || std::memchr(format, 0, size) == nullptr) {
    return Minus(Errno::kInval);
  }
  std::string line;
  std::size_t length;
  const Errno error = FormatText(format, arguments, StringReader(call),
                                 kPrintRoom, &line, &length);
  if (error != Errno::kOk) return Minus(error);
  call.world().Print(line);
  return length;
}

uint64_t TracePrintk(HelperCall& call) {
  // Arguments that were not set are not read: the format does not ask for them.
  uint64_t arguments[3];
  std::size_t count = 0;
  for (; count < 3; ++count) {
    if (call.machine().checked() &&
        call.region(static_cast<int>(count) + 3) == nullptr) {
      break;
    }
    arguments[count] = call.number(static_cast<int>(count) + 3);
  }
  return Print(call, call.pointer<const char>(1), call.word(2),
               {arguments, count});
}

// The arguments of argument `i`: `size` bytes, 8 each.
bool ReadArguments(HelperCall& call, int i, uint32_t size,
                   std::vector<uint64_t>* arguments) {
  if (size % 8 != 0 || size > 12 * 8) return false;
  arguments->resize(size / 8);
  if (size != 0) std::memcpy(arguments->data(), call.pointer(i), size);
  return true;
}

uint64_t TraceVprintk(HelperCall& call) {
  std::vector<uint64_t> arguments;
  if (!ReadArguments(call, 3, call.word(4), &arguments)) {
    return Minus(Errno::kInval);
  }
  return Print(call, call.pointer<const char>(1), call.word(2), arguments);
}

// Returns the length of the whole text and its 0, whatever fitted.
uint64_t Snprintf(HelperCall& call) {
  std::vector<uint64_t> arguments;
  if (!ReadArguments(call, 4, call.word(5), &arguments)) {
    return Minus(Errno::kInval);
  }
  const std::size_t size = call.word(2);
  std::string text;
  std::size_t length;
  const Errno error = FormatText(call.pointer<const char>(3), arguments,
                                 StringReader(call), size, &text, &length);
  if (error != Errno::kOk) return Minus(error);
  if (size != 0) std::memcpy(call.pointer(1), text.c_str(), text.size() + 1);
  return length + 1;
}

uint64_t SeqResult(int result) {
  return static_cast<uint64_t>(static_cast<int64_t>(result));
}

uint64_t SeqPrintf(HelperCall& call) {
  const char* const format = call.pointer<const char>(2);
  const std::size_t size = call.word(3);
  std::vector<uint64_t> arguments;
  if (!ReadArguments(call, 4, call.word(5), &arguments) || size == 0 ||
      std::memchr(format, 0, size) == nullptr) {
    return Minus(Errno::kInval);
  }
  // Where the file is full is for the World to say.
  constexpr std::size_t kRoom = std::numeric_limits<std::size_t>::max();
  std::string text;
  std::size_t length;
  const Errno error =
      FormatText(format, arguments, StringReader(call), kRoom, &text, &length);
  if (error != Errno::kOk) return Minus(error);
  return SeqResult(call.world().SeqWrite(text));
}

uint64_t SeqWrite(HelperCall& call) {
  return SeqResult(
      call.world().SeqWrite({call.pointer<const char>(2), call.word(3)}));
}

// bpf_strtol() and bpf_strtoul(): the number at the start of the text, and how
// many bytes it takes.
struct Parsed {
  bool negative = false;
  bool overflow = false;
  uint64_t value = 0;
  uint64_t length = 0;  // 0: there is no number
};

int DigitOf(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'z') return c - 'a' + 10;
  if (c >= 'A' && c <= 'Z') return c - 'A' + 10;
  return 99;
}

Parsed Parse(const char* text, std::size_t size, unsigned base) {
  Parsed parsed;
  // As Linux, which copies this much to look at (BPF_STRTOX_BASE and 64).
  const std::size_t end = std::min<std::size_t>(size, 63);
  std::size_t at = 0;
  while (at < end &&
         (text[at] == ' ' || (text[at] >= '\t' && text[at] <= '\r'))) {
    ++at;
  }
  if (at < end && text[at] == '-') {
    parsed.negative = true;
    ++at;
  }
  const bool prefixed = at + 2 < end && text[at] == '0' &&
                        (text[at + 1] == 'x' || text[at + 1] == 'X') &&
                        DigitOf(text[at + 2]) < 16;
  if (base == 0) base = prefixed ? 16 : at < end && text[at] == '0' ? 8 : 10;
  // Where the base is given, the prefix needs no digit after it.
  const bool has_prefix = at + 1 < end && text[at] == '0' &&
                          (text[at + 1] == 'x' || text[at + 1] == 'X');
  if (base == 16 && has_prefix) at += 2;
  const std::size_t start = at;
  for (; at < end && DigitOf(text[at]) < static_cast<int>(base); ++at) {
    const uint64_t digit = static_cast<uint64_t>(DigitOf(text[at]));
    const uint64_t limit = std::numeric_limits<uint64_t>::max();
    if (parsed.value > (limit - digit) / base) parsed.overflow = true;
    parsed.value = parsed.value * base + digit;
  }
  if (at != start) parsed.length = at;
  return parsed;
}

// Whether the flags are a base that there is; sets *base.
bool BaseOf(uint64_t flags, unsigned* base) {
  *base = static_cast<unsigned>(flags & 0x1f);
  return (flags & ~uint64_t{0x1f}) == 0 &&
         (*base == 0 || *base == 8 || *base == 10 || *base == 16);
}

uint64_t Strtol(HelperCall& call) {
  unsigned base;
  if (call.number(2) == 0 || !BaseOf(call.number(3), &base)) {
    return Minus(Errno::kInval);
  }
  const Parsed parsed =
      Parse(call.pointer<const char>(1), call.number(2), base);
  if (parsed.length == 0) return Minus(Errno::kInval);
  constexpr uint64_t kMost = std::numeric_limits<int64_t>::max();
  if (parsed.overflow || parsed.value > kMost + (parsed.negative ? 1 : 0)) {
    return Minus(kRange);
  }
  const uint64_t value = parsed.negative ? 0 - parsed.value : parsed.value;
  std::memcpy(call.pointer(4), &value, sizeof value);
  return parsed.length;
}

uint64_t Strtoul(HelperCall& call) {
  unsigned base;
  if (call.number(2) == 0 || !BaseOf(call.number(3), &base)) {
    return Minus(Errno::kInval);
  }
  const Parsed parsed =
      Parse(call.pointer<const char>(1), call.number(2), base);
  if (parsed.length == 0) return Minus(Errno::kInval);
  if (parsed.overflow) return Minus(kRange);
  if (parsed.negative) return Minus(Errno::kInval);
  std::memcpy(call.pointer(4), &parsed.value, sizeof parsed.value);
  return parsed.length;
}

// As strncmp(3): the difference of the first bytes that differ.
uint64_t Strncmp(HelperCall& call) {
  const uint8_t* const a = call.pointer<const uint8_t>(1);
  const uint8_t* const b = call.pointer<const uint8_t>(3);
  for (uint32_t i = 0; i < call.word(2); ++i) {
    if (a[i] != b[i]) {
      return static_cast<uint64_t>(a[i] < b[i] ? int64_t{-1} : int64_t{1});
    }
    if (a[i] == 0) break;
  }
  return 0;
}

constexpr int kNameTooLong = 36;

// A text that does not fit is not written.
uint64_t DPath(HelperCall& call) {
  std::string path;
  const Errno error = call.world().Path(call.number(1), &path);
  if (error != Errno::kOk) return Minus(error);
  const std::size_t size = path.size() + 1;
  if (size > call.word(3)) return Minus(kNameTooLong);
  std::memcpy(call.pointer(2), path.c_str(), size);
  return size;
}

// Reads of an address that may be of either space are for tracing only.
constexpr ProgramTypes kTracers =
    kTracingTypes | ProgramTypes(ProgramType::kSyscall);

#define BPFMAP_PROBE(number, function, types)                        \
  {                                                                  \
    number, HelperKind::kSimulated, true,                            \
        {Arg::kOutMemory, Arg::kSize, Arg::kNumber}, function, types \
  }

constexpr Helper kHelpers[] = {
    BPFMAP_PROBE(4, ProbeReadAny, kTracers),
    BPFMAP_PROBE(45, ProbeReadAnyStr, kTracers),
    BPFMAP_PROBE(112, ProbeReadUser, ProgramTypes::All()),
    BPFMAP_PROBE(113, ProbeReadKernel, ProgramTypes::All()),
    BPFMAP_PROBE(114, ProbeReadUserStr, ProgramTypes::All()),
    BPFMAP_PROBE(115, ProbeReadKernelStr, ProgramTypes::All()),
    {147,
     HelperKind::kSimulated,
     false,
     {Arg::kNumber, Arg::kOutMemory, Arg::kSize},
     DPath,
     ProgramTypes{ProgramType::kTracing, ProgramType::kLsm,
                  ProgramType::kSyscall}},
    {36,
     HelperKind::kSimulated,
     true,
     {Arg::kNumber, Arg::kMemory, Arg::kSize},
     ProbeWriteUser},
    {148,
     HelperKind::kSimulated,
     false,
     {Arg::kOutMemory, Arg::kSize, Arg::kNumber},
     CopyFromUser},
    {6, HelperKind::kSimulated, true, {Arg::kMemory, Arg::kSize}, TracePrintk},
    {126,
     HelperKind::kSimulated,
     true,
     {Arg::kNumber, Arg::kMemory, Arg::kSize, Arg::kMemoryOrNull, Arg::kSize},
     SeqPrintf,
     ProgramTypes{ProgramType::kTracing}},
    {127,
     HelperKind::kSimulated,
     true,
     {Arg::kNumber, Arg::kMemoryOrNull, Arg::kSize},
     SeqWrite,
     ProgramTypes{ProgramType::kTracing}},
    {177,
     HelperKind::kSimulated,
     true,
     {Arg::kMemory, Arg::kSize, Arg::kMemoryOrNull, Arg::kSize},
     TraceVprintk},
    {165,
     HelperKind::kReal,
     true,
     {Arg::kOutMemory, Arg::kSize, Arg::kString, Arg::kMemoryOrNull,
      Arg::kSize},
     Snprintf},
    {105,
     HelperKind::kReal,
     false,
     {Arg::kMemory, Arg::kSize, Arg::kNumber, Arg::kOutLong},
     Strtol},
    {106,
     HelperKind::kReal,
     false,
     {Arg::kMemory, Arg::kSize, Arg::kNumber, Arg::kOutLong},
     Strtoul},
    {182,
     HelperKind::kReal,
     false,
     {Arg::kMemory, Arg::kSize, Arg::kString},
     Strncmp},
};

}  // namespace

std::span<const Helper> internal::TextHelpers() { return kHelpers; }

}  // namespace bpfmap
