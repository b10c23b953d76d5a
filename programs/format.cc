// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/programs/format.h"

#include <algorithm>
#include <cctype>
#include <cinttypes>
#include <cstdio>
#include <cstring>

namespace bpfmap {
namespace {

constexpr std::size_t kBufferSize = 512;

bool IsAnyOf(char c, const char* set) {
  return c != 0 && std::strchr(set, c) != nullptr;
}
bool IsAlnum(char c) { return std::isalnum(static_cast<unsigned char>(c)); }
// %s and %p end before anything but a letter or a digit.
bool EndsConversion(char c) {
  return c == 0 || std::isspace(static_cast<unsigned char>(c)) ||
         std::ispunct(static_cast<unsigned char>(c));
}

// Steps over flags and a width.
const char* AfterWidth(const char* at) {
  while (IsAnyOf(*at, "0 +-")) ++at;
  while (std::isdigit(static_cast<unsigned char>(*at))) ++at;
  return at;
}

std::size_t AlignUp4(std::size_t at) { return (at + 3) & ~std::size_t{3}; }

// "0x1f": an address that no function is at.
std::string NoSymbol(uint64_t address) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%" PRIx64, address);
  return text;
}

// The arguments one after another: numbers of 4 and 8 bytes at multiples of 4,
// strings with their 0.
class Arguments {
 public:
  Errno PutNumber(uint64_t number, std::size_t size) {
    const std::size_t at = AlignUp4(size_);
    if (at + size > kBufferSize) return Errno::kNoSpc;
    const uint32_t word = static_cast<uint32_t>(number);
    std::memcpy(&bytes_[at],
                size == 4 ? static_cast<const void*>(&word)
                          : static_cast<const void*>(&number),
                size);
    size_ = at + size;
    return Errno::kOk;
  }
  Errno PutByte(char byte) {
    if (size_ + 1 > kBufferSize) return Errno::kNoSpc;
    bytes_[size_++] = byte;
    return Errno::kOk;
  }
  // A string that is too long is cut.
  Errno PutString(const std::string& text) {
    if (room() == 0) return Errno::kNoSpc;
    const std::size_t length = std::min(text.size(), room() - 1);
    std::memcpy(&bytes_[size_], text.data(), length);
    bytes_[size_ + length] = 0;
    size_ += length + 1;
    return Errno::kOk;
  }
  std::size_t room() const { return kBufferSize - size_; }

  uint64_t TakeNumber(std::size_t size) {
    uint64_t number = 0;
    at_ = AlignUp4(at_);
    uint32_t word = 0;
    if (at_ + size <= kBufferSize) {
      std::memcpy(
          size == 4 ? static_cast<void*>(&word) : static_cast<void*>(&number),
          &bytes_[at_], size);
    }
    at_ += size;
    return size == 4 ? word : number;
  }
  char TakeByte() { return at_ < kBufferSize ? bytes_[at_++] : '\0'; }
  std::string TakeString() {
    if (at_ >= kBufferSize) return "";
    const std::size_t length = strnlen(&bytes_[at_], kBufferSize - at_);
    std::string text(&bytes_[at_], length);
    at_ += length + 1;
    return text;
  }

 private:
  char bytes_[kBufferSize] = {};
  std::size_t size_ = 0;
  std::size_t at_ = 0;
};

// Checks a format, and puts the arguments into the buffer.
class Preparation {
 public:
  Preparation(const char* format, std::span<const uint64_t> arguments,
              const ReadString& read, Arguments* prepared)
      : at_(format), left_(arguments), read_(read), prepared_(*prepared) {}

  Errno Run() {
    for (; *at_ != 0; ++at_) {
      const unsigned char byte = static_cast<unsigned char>(*at_);
      if (byte >= 0x80 || (!std::isprint(byte) && !std::isspace(byte))) {
        return Errno::kInval;
      }
      if (*at_ != '%') continue;
      if (at_[1] == '%') {
        ++at_;
        continue;
      }
      if (left_.empty()) return Errno::kInval;
      at_ = AfterWidth(at_ + 1);
      const Errno error = Convert(left_[0]);
      if (error != Errno::kOk) return error;
      left_ = left_.subspan(1);
    }
    return Errno::kOk;
  }

 private:
  // Leaves at_ at the last letter of the conversion.
  Errno Convert(uint64_t argument) {
    switch (*at_) {
      case 'p':
        return Pointer(argument);
      case 's':
        return String(argument, StringSpace::kAny);
      case 'c':
        return prepared_.PutByte(static_cast<char>(argument));
      default:
        break;
    }
    std::size_t size = 4;
    for (int i = 0; i < 2 && *at_ == 'l'; ++i, ++at_) size = 8;
    if (!IsAnyOf(*at_, "diuxX")) return Errno::kInval;
    return prepared_.PutNumber(argument, size);
  }

  Errno String(uint64_t address, StringSpace space) {
    if (!EndsConversion(at_[1])) return Errno::kInval;
    if (prepared_.room() == 0) return Errno::kNoSpc;
    std::string text;
    if (!read_(address, prepared_.room() - 1, space, &text)) text.clear();
    return prepared_.PutString(text);
  }

  Errno Pointer(uint64_t argument) {
    const char kind = at_[1];
    if (IsAnyOf(kind, "ku") && at_[2] == 's') {
      at_ += 2;
      return String(argument,
                    kind == 'k' ? StringSpace::kKernel : StringSpace::kUser);
    }
    if (EndsConversion(kind) || IsAnyOf(kind, "KxsS")) {
      if (kind != 0 && !EndsConversion(kind)) ++at_;
      return prepared_.PutNumber(argument, 8);
    }
    if (kind == 'B') {
      ++at_;
      return prepared_.PutString(NoSymbol(argument));
    }
    if (!IsAnyOf(kind, "iI") || !IsAnyOf(at_[2], "46")) return Errno::kInval;
    at_ += 2;
    return Address(argument, *at_ == '4', kind == 'I');
  }

  Errno Address(uint64_t argument, bool is_4, bool punctuated) {
    uint8_t address[16] = {};
    if (!ReadBytes(argument, address, is_4 ? 4 : 16)) {
      std::memset(address, 0, sizeof address);
    }
    if (prepared_.room() < (is_4 ? 4 : 16)) return Errno::kNoSpc;
    char text[64];
    if (is_4) {
      std::snprintf(text, sizeof text,
                    punctuated ? "%u.%u.%u.%u" : "%03u.%03u.%03u.%03u",
                    address[0], address[1], address[2], address[3]);
      return prepared_.PutString(text);
    }
    std::string groups;
    for (int i = 0; i < 16; i += 2) {
      std::snprintf(text, sizeof text, "%s%02x%02x",
                    punctuated && i != 0 ? ":" : "", address[i],
                    address[i + 1]);
      groups += text;
    }
    return prepared_.PutString(groups);
  }

  bool ReadBytes(uint64_t argument, uint8_t* to, std::size_t size) {
    // A string may end early: an address is read byte by byte.
    for (std::size_t i = 0; i < size; ++i) {
      std::string byte;
      if (!read_(argument + i, 1, StringSpace::kKernel, &byte)) return false;
      to[i] = byte.empty() ? 0 : static_cast<uint8_t>(byte[0]);
    }
    return true;
  }

  const char* at_;
  std::span<const uint64_t> left_;
  const ReadString& read_;
  Arguments& prepared_;
};

// Prints what was prepared.
class Printer {
 public:
  Printer(const char* format, Arguments* arguments, std::size_t room,
          std::string* text)
      : at_(format), arguments_(*arguments), room_(room), text_(*text) {}

  void Run() {
    text_.clear();
    while (*at_ != 0) {
      if (*at_ != '%') {
        text_ += *at_++;
      } else if (at_[1] == '%') {
        text_ += '%';
        at_ += 2;
      } else {
        Convert();
      }
    }
  }

 private:
  void Convert() {
    ++at_;
    const char* const flags = at_;
    while (IsAnyOf(*at_, "0 +-")) ++at_;
    flags_.assign(flags, at_);
    width_ = -1;
    for (; std::isdigit(static_cast<unsigned char>(*at_)); ++at_) {
      width_ = std::max(width_, 0) * 10 + (*at_ - '0');
    }
    std::size_t size = 4;
    for (; *at_ == 'l'; ++at_) size = 8;
    const char kind = *at_++;
    switch (kind) {
      case 'p':
        return Pointer();
      case 's':
        return Pad(arguments_.TakeString());
      case 'c':
        return Pad(std::string(1, arguments_.TakeByte()));
      default:
        return Number(kind, arguments_.TakeNumber(size), size);
    }
  }

  bool Has(char flag) const { return flags_.find(flag) != std::string::npos; }

  // The text, in a field of the width.
  void Pad(const std::string& text) {
    const std::size_t width = static_cast<std::size_t>(std::max(width_, 0));
    const std::string spaces(width > text.size() ? width - text.size() : 0,
                             ' ');
    text_ += Has('-') ? text + spaces : spaces + text;
  }

  void Number(char kind, uint64_t number, std::size_t size) {
    const bool is_signed = kind == 'd' || kind == 'i';
    if (is_signed && size == 4) {
      number = static_cast<uint64_t>(int64_t{static_cast<int32_t>(number)});
    }
    std::string sign;
    if (is_signed && static_cast<int64_t>(number) < 0) {
      sign = "-";
      number = 0 - number;
    } else if (is_signed && Has('+')) {
      sign = "+";
    } else if (is_signed && Has(' ')) {
      sign = " ";
    }
    char digits[24];
    std::snprintf(digits, sizeof digits,
                  kind == 'x'   ? "%" PRIx64
                  : kind == 'X' ? "%" PRIX64
                                : "%" PRIu64,
                  number);
    const std::size_t length = sign.size() + std::strlen(digits);
    const std::size_t width = static_cast<std::size_t>(std::max(width_, 0));
    if (Has('0') && !Has('-') && width > length) {
      sign += std::string(width - length, '0');
    }
    Pad(sign + digits);
  }

  void Pointer() {
    const char kind = *at_;
    if (IsAlnum(kind) && !IsAnyOf(kind, "SsxK")) {
      // A text already. Where the room is full it stays where it is.
      if (text_.size() < room_) text_ += arguments_.TakeString();
    } else {
      const uint64_t address = arguments_.TakeNumber(8);
      if (kind == 's' || kind == 'S') {
        Pad(NoSymbol(address));
      } else {
        // Linux puts a hash for an address, unless it is null or an error;
        // here it is what it is.
        if (width_ < 0) {
          width_ = 16;
          flags_ += '0';
        }
        Number('x', address, 8);
      }
    }
    while (IsAlnum(*at_)) ++at_;
  }

  const char* at_;
  Arguments& arguments_;
  const std::size_t room_;
  std::string& text_;
  std::string flags_;  // of the conversion at hand
  int width_ = -1;     // the same; -1: none
};

}  // namespace

Errno FormatText(const char* format, std::span<const uint64_t> arguments,
                 const ReadString& read, std::size_t room, std::string* text,
                 std::size_t* length) {
  Arguments prepared;
  const Errno error = Preparation(format, arguments, read, &prepared).Run();
  if (error != Errno::kOk) return error;
  Printer(format, &prepared, room, text).Run();
  *length = text->size();
  text->resize(std::min(text->size(), room == 0 ? 0 : room - 1));
  return Errno::kOk;
}

}  // namespace bpfmap
