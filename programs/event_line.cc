// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/programs/event_line.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <utility>

#include "bpfmap/programs/attachment.h"

namespace bpfmap {
namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// A word of a line: "name=value", or a name alone.
struct Word {
  std::string name;
  std::string value;
  bool has_value = false;
  bool is_quoted = false;
  bool is_list = false;
  std::vector<std::string> list;
};

class Words {
 public:
  explicit Words(std::string_view line) : rest_(line) {}

  // False at the end, or after an error.
  bool Next(Word* word) {
    const std::size_t start = rest_.find_first_not_of(" \t\r\n");
    if (start == std::string_view::npos || rest_[start] == '#') return false;
    rest_.remove_prefix(start);
    *word = {};
    const std::size_t end = rest_.find_first_of("= \t\r\n");
    word->name = rest_.substr(0, end);
    rest_.remove_prefix(std::min(end, rest_.size()));
    if (rest_.empty() || rest_.front() != '=') return true;
    rest_.remove_prefix(1);
    word->has_value = true;
    if (!rest_.empty() && rest_.front() == '[') return List(word);
    if (!rest_.empty() && rest_.front() == '"') return Quoted(word);
    const std::size_t after = rest_.find_first_of(" \t\r\n");
    word->value = rest_.substr(0, after);
    rest_.remove_prefix(std::min(after, rest_.size()));
    return true;
  }
  const std::string& error() const { return error_; }

 private:
  // ["a","b"]
  bool List(Word* word) {
    word->is_list = true;
    do {
      rest_.remove_prefix(1);
      if (!rest_.empty() && rest_.front() == ']') break;
      word->value.clear();
      if (rest_.empty() || rest_.front() != '"' || !Quoted(word)) {
        error_ = "the list of " + word->name + " is not one of quoted texts";
        return false;
      }
      word->list.push_back(word->value);
    } while (!rest_.empty() && rest_.front() == ',');
    if (rest_.empty() || rest_.front() != ']') {
      error_ = "the list of " + word->name + " does not end";
      return false;
    }
    rest_.remove_prefix(1);
    return true;
  }

  bool Quoted(Word* word) {
    word->is_quoted = true;
    std::size_t i = 1;
    for (; i < rest_.size() && rest_[i] != '"'; ++i) {
      char c = rest_[i];
      if (c == '\\' && i + 1 < rest_.size()) {
        c = rest_[++i];
        if (c == 'n') c = '\n';
        if (c == 't') c = '\t';
        if (c == 'x' && i + 2 < rest_.size() && HexDigit(rest_[i + 1]) >= 0 &&
            HexDigit(rest_[i + 2]) >= 0) {
          c = static_cast<char>(HexDigit(rest_[i + 1]) * 16 +
                                HexDigit(rest_[i + 2]));
          i += 2;
        }
      }
      word->value.push_back(c);
    }
    if (i == rest_.size()) {
      error_ = "the quote of " + word->name + " does not end";
      return false;
    }
    rest_.remove_prefix(i + 1);
    return true;
  }

  std::string_view rest_;
  std::string error_;
};

template <typename T>
bool ReadNumber(const Word& word, T* number) {
  std::string_view text = word.value;
  if (word.is_quoted || text.empty()) return false;
  const bool is_negative = text.front() == '-';
  if (is_negative) text.remove_prefix(1);
  int base = 10;
  if (text.substr(0, 2) == "0x") {
    base = 16;
    text.remove_prefix(2);
  }
  uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value, base);
  if (read.ec != std::errc() || read.ptr != end) return false;
  *number = static_cast<T>(is_negative ? 0 - value : value);
  return true;
}

// "12.000000250": nanoseconds.
bool ReadSeconds(const std::string& text, uint64_t* nanoseconds) {
  const std::size_t dot = text.find('.');
  std::string digits = text.substr(0, dot);
  std::string part = dot == std::string::npos ? "" : text.substr(dot + 1);
  if (part.size() > 9) return false;
  part.resize(9, '0');
  Word word;
  word.value = digits + part;
  return !digits.empty() && ReadNumber(word, nanoseconds);
}

ContextValue ValueOf(const Word& word) {
  uint64_t number = 0;
  if (ReadNumber(word, &number)) return number;
  return std::string_view(word.value);
}

bool ReadHex(const std::string& text, std::vector<uint8_t>* bytes) {
  if (text.size() % 2 != 0) return false;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = HexDigit(text[i]), low = HexDigit(text[i + 1]);
    if (high < 0 || low < 0) return false;
    bytes->push_back(static_cast<uint8_t>(high * 16 + low));
  }
  return true;
}

template <typename T>
bool SetNumber(const Word& word, std::optional<T>* number) {
  T value = 0;
  if (!ReadNumber(word, &value)) return false;
  *number = value;
  return true;
}

// An object or a list: *placed gets it.
bool IsPlaced(const Word& word, const std::string& name,
              std::vector<EventLine::Placed>* placed) {
  const bool is_object =
      !word.is_quoted && !word.value.empty() && word.value.front() == '@';
  if (!is_object && !word.is_list) return false;
  placed->push_back({name, is_object ? word.value.substr(1) : "", word.list});
  return true;
}

// A word before the hook.
bool SetWorld(const Word& word, EventLine* line) {
  const std::string& name = word.name;
  if (name == "pid") return SetNumber(word, &line->pid);
  if (name == "tid") return SetNumber(word, &line->tid);
  if (name == "uid") return SetNumber(word, &line->uid);
  if (name == "gid") return SetNumber(word, &line->gid);
  if (name == "cpu") return SetNumber(word, &line->cpu);
  if (name == "cgroup") return SetNumber(word, &line->cgroup);
  if (name == "comm") {
    line->comm = word.value;
    return true;
  }
  if (name == "time") {
    uint64_t time = 0;
    if (!ReadSeconds(word.value, &time)) return false;
    line->time_ns = time;
    return true;
  }
  if (name.rfind("task.", 0) != 0) return false;
  if (IsPlaced(word, name.substr(5), &line->placed_task)) return true;
  line->task.push_back({name.substr(5), ValueOf(word)});
  return true;
}

// A word after the hook.
bool SetContext(const Word& word, EventLine* line) {
  const std::string& name = word.name;
  if (!word.has_value) {
    line->words.push_back(name);
  } else if (IsPlaced(word, name, &line->placed)) {
    return true;
  } else if (name == "ret" &&
             HookName(line->hook).rfind("tracepoint/", 0) != 0) {
    line->context.Return(ValueOf(word));
  } else if (name == "packet") {
    line->packet.emplace();
    return ReadHex(word.value, &*line->packet);
  } else if (name.size() == 4 && name.rfind("arg", 0) == 0 &&
             HexDigit(name[3]) >= 0 && HexDigit(name[3]) < 10) {
    line->context.Arg(HexDigit(name[3]), ValueOf(word));
  } else {
    line->context.Set(name, ValueOf(word));
  }
  return true;
}

}  // namespace

std::string EventLine::Parse(std::string_view text) {
  *this = {};
  Words words(text);
  Word word;
  while (words.Next(&word)) {
    if (hook.empty() && !word.has_value) {
      hook = word.name;
    } else if (!(hook.empty() ? SetWorld(word, this)
                              : SetContext(word, this))) {
      return "not understood: " + word.name + "=" + word.value;
    }
  }
  return words.error();
}

}  // namespace bpfmap
