// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/programs/format.h"

#include <cctype>
#include <cinttypes>
#include <cstdio>
#include <cstring>

namespace bpfmap {
namespace {

constexpr std::size_t kLongestString = 512;

// One conversion: "%-08llx" and the like.
class Formatter {
 public:
  Formatter(const char* format, std::span<const uint64_t> arguments,
            const ReadString& read, std::string* text)
      : at_(format), arguments_(arguments), read_(read), text_(*text) {}

  Errno Run() {
    text_.clear();
    for (; *at_ != 0; ++at_) {
      const unsigned char byte = static_cast<unsigned char>(*at_);
      if (byte >= 0x80 || (!std::isprint(byte) && !std::isspace(byte))) {
        return Errno::kInval;
      }
      if (*at_ != '%') {
        text_ += *at_;
      } else if (*++at_ == '%') {
        text_ += '%';
      } else if (!Convert()) {
        return Errno::kInval;
      }
    }
    return Errno::kOk;
  }

 private:
  bool Convert() {
    std::string flags;
    while (*at_ != 0 && std::strchr("0 +-", *at_) != nullptr) flags += *at_++;
    while (std::isdigit(static_cast<unsigned char>(*at_))) flags += *at_++;
    if (next_ == arguments_.size()) return false;
    const uint64_t argument = arguments_[next_++];
    if (*at_ == 'p') return Pointer(argument);
    if (*at_ == 's') {
      text_ += read_(argument, kLongestString);
      return true;
    }
    if (*at_ == 'c') {
      text_ += static_cast<char>(argument);
      return true;
    }
    int longs = 0;
    for (; *at_ == 'l' && longs < 2; ++longs) ++at_;
    return Number(flags, argument, longs != 0);
  }

  bool Number(const std::string& flags, uint64_t argument, bool wide) {
    const char kind = *at_;
    if (kind == 0 || std::strchr("diuxX", kind) == nullptr) return false;
    if (!wide) {
      const uint32_t word = static_cast<uint32_t>(argument);
      argument =
          kind == 'd' || kind == 'i'
              ? static_cast<uint64_t>(int64_t{static_cast<int32_t>(word)})
              : word;
    }
    char text[300];
    // A width of more than this is cut.
    const std::string form = "%" + flags.substr(0, 6) + "ll" + kind;
    std::snprintf(text, sizeof text, form.c_str(),
                  static_cast<unsigned long long>(argument));
    text_ += text;
    return true;
  }

  bool Pointer(uint64_t argument) {
    char text[64];
    const char kind = at_[1];
    if ((kind == 'k' || kind == 'u') && at_[2] == 's') {
      at_ += 2;
      text_ += read_(argument, kLongestString);
      return true;
    }
    if ((kind == 'i' || kind == 'I') && (at_[2] == '4' || at_[2] == '6')) {
      const bool is_4 = at_[2] == '4';
      at_ += 2;
      return Address(argument, is_4, kind == 'I');
    }
    if (std::isalnum(static_cast<unsigned char>(kind))) {
      if (std::strchr("KxsSB", kind) == nullptr) return false;
      ++at_;
    }
    // Linux hides addresses behind a hash; here they are what they are.
    std::snprintf(text, sizeof text, kind == 'x' ? "%" PRIx64 : "%016" PRIx64,
                  argument);
    text_ += text;
    return true;
  }

  bool Address(uint64_t argument, bool is_4, bool dotted) {
    uint8_t address[16] = {};
    ReadBytes(argument, address, is_4 ? 4 : 16);
    char text[64];
    if (is_4) {
      std::snprintf(text, sizeof text,
                    dotted ? "%u.%u.%u.%u" : "%03u.%03u.%03u.%03u", address[0],
                    address[1], address[2], address[3]);
      text_ += text;
      return true;
    }
    for (int i = 0; i < 16; i += 2) {
      std::snprintf(text, sizeof text, "%s%02x%02x",
                    dotted && i != 0 ? ":" : "", address[i], address[i + 1]);
      text_ += text;
    }
    return true;
  }

  void ReadBytes(uint64_t argument, uint8_t* to, std::size_t size) {
    // A string may end early: an address is read byte by byte.
    for (std::size_t i = 0; i < size; ++i) {
      const std::string byte = read_(argument + i, 1);
      to[i] = byte.empty() ? 0 : static_cast<uint8_t>(byte[0]);
    }
  }

  const char* at_;
  const std::span<const uint64_t> arguments_;
  std::size_t next_ = 0;
  const ReadString& read_;
  std::string& text_;
};

}  // namespace

Errno FormatText(const char* format, std::span<const uint64_t> arguments,
                 const ReadString& read, std::string* text) {
  return Formatter(format, arguments, read, text).Run();
}

}  // namespace bpfmap
