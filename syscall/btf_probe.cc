// SPDX-License-Identifier: Apache-2.0
//
// btf_probe: loads BTF that is right or wrong in one place, and prints a line
// for each: what it is, and 0 or minus an errno.
//
// Run as root on Linux 6.18 it writes btf_probe.out.

#include <linux/bpf.h>
#include <linux/btf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

namespace {

using Words = std::vector<uint32_t>;

// Kinds that older headers lack.
constexpr uint32_t kDeclTag = 17;
constexpr uint32_t kTypeTag = 18;
constexpr uint32_t kEnum64 = 19;
constexpr uint32_t kFlag = 1U << 31;

// The names that types have, by what is wrong with them.
constexpr char kStrings[] =
    "\0good\0with.dot\0.dot\0with space\0"
    "1digit\0bad-\0_under\0.rodata\0$odd\0";
uint32_t NameAt(const std::string& name) {
  const std::string all(kStrings, sizeof kStrings);
  const std::size_t at = all.find('\0' + name + '\0');
  return static_cast<uint32_t>(at + 1);
}
const uint32_t kGood = NameAt("good");

long Load(const Words& types) {
  btf_header header = {};
  header.magic = BTF_MAGIC;
  header.version = BTF_VERSION;
  header.hdr_len = sizeof header;
  header.type_len = static_cast<uint32_t>(types.size() * 4);
  header.str_off = header.type_len;
  header.str_len = sizeof kStrings;
  std::string data(reinterpret_cast<const char*>(&header), sizeof header);
  data.append(reinterpret_cast<const char*>(types.data()), header.type_len);
  data.append(kStrings, sizeof kStrings);
  bpf_attr attr;
  std::memset(&attr, 0, sizeof attr);
  attr.btf = reinterpret_cast<uintptr_t>(data.data());
  attr.btf_size = static_cast<uint32_t>(data.size());
  const long fd = syscall(SYS_bpf, BPF_BTF_LOAD, &attr, sizeof attr);
  if (fd < 0) return -errno;
  close(static_cast<int>(fd));
  return 0;
}

Words Type(uint32_t kind, uint32_t name, uint32_t size_or_type,
           const Words& extra = {}, uint32_t vlen = 0) {
  Words type = {name, kind << 24 | vlen, size_or_type};
  type.insert(type.end(), extra.begin(), extra.end());
  return type;
}
Words Flagged(Words type) {
  type[1] |= kFlag;
  return type;
}

// Types 1 and 2 of all: an int of 4 bytes, and a function prototype.
void Say(const std::string& what, const std::vector<Words>& rest) {
  Words all = Type(BTF_KIND_INT, kGood, 4, {BTF_INT_SIGNED << 24 | 32});
  const Words prototype = Type(BTF_KIND_FUNC_PROTO, 0, 1);
  all.insert(all.end(), prototype.begin(), prototype.end());
  for (const Words& type : rest)
    all.insert(all.end(), type.begin(), type.end());
  std::printf("%s: %ld\n", what.c_str(), Load(all));
}
void Say(const std::string& what, const Words& third) {
  Say(what, std::vector<Words>{third});
}

constexpr uint32_t kInt32 = 32;

// One right type of each kind, with this name; its name may be wrong.
Words OfKind(uint32_t kind, uint32_t name) {
  switch (kind) {
    case BTF_KIND_INT:
      return Type(kind, name, 4, {kInt32});
    case BTF_KIND_ARRAY:
      return Type(kind, name, 0, {1, 1, 4});
    case BTF_KIND_STRUCT:
    case BTF_KIND_UNION:
      return Type(kind, name, 4, {kGood, 1, 0}, 1);
    case BTF_KIND_ENUM:
      return Type(kind, name, 4, {kGood, 1}, 1);
    case kEnum64:
      return Type(kind, name, 8, {kGood, 1, 0}, 1);
    case BTF_KIND_FWD:
      return Type(kind, name, 0);
    case BTF_KIND_FUNC:
      return Type(kind, name, 2, {}, BTF_FUNC_GLOBAL);
    case BTF_KIND_FUNC_PROTO:
      return Type(kind, name, 1, {kGood, 1}, 1);
    case BTF_KIND_VAR:
      return Type(kind, name, 1, {BTF_VAR_STATIC});
    case BTF_KIND_FLOAT:
      return Type(kind, name, 4);
    case kDeclTag:
      return Type(kind, name, 4, {~0U});
    default:
      return Type(kind, name, 1);
  }
}

void NamesAndFlags() {
  for (uint32_t kind = 1; kind <= 19; ++kind) {
    const std::string of = "kind " + std::to_string(kind) + ", ";
    const bool is_section = kind == BTF_KIND_DATASEC;
    const auto say = [&](const std::string& what, const Words& type) {
      // Some kinds refer to 4, a struct, or 5, a variable.
      const Words other = OfKind(BTF_KIND_STRUCT, kGood);
      const Words variable = OfKind(BTF_KIND_VAR, kGood);
      Say(of + what, {type, other, variable});
    };
    const auto named = [&](uint32_t name) {
      return is_section ? Type(kind, name, 4, {5, 0, 4}, 1)
                        : OfKind(kind, name);
    };
    say("no name", named(0));
    for (const char* name : {"good", "with.dot", ".dot", "with space", "1digit",
                             "bad-", "_under", ".rodata", "$odd"}) {
      say(name, named(NameAt(name)));
    }
    const bool has_none =
        kind == BTF_KIND_PTR || kind == BTF_KIND_ARRAY ||
        kind == BTF_KIND_FUNC_PROTO ||
        (kind >= BTF_KIND_VOLATILE && kind <= BTF_KIND_RESTRICT);
    const Words right = named(has_none ? 0 : kGood);
    say("right", right);
    say("flag", Flagged(right));
    Words more = right;
    more[1] += 5;
    say("longer than it is", more);
  }
}

void Members() {
  const auto of = [](uint32_t size, const Words& members) {
    return Type(BTF_KIND_STRUCT, kGood, size, members,
                static_cast<uint32_t>(members.size() / 3));
  };
  Say("member, no name", of(4, {0, 1, 0}));
  Say("member, dot", of(4, {NameAt("with.dot"), 1, 0}));
  Say("member, space", of(4, {NameAt("with space"), 1, 0}));
  Say("member, void", of(4, {kGood, 0, 0}));
  Say("member, no such type", of(4, {kGood, 99, 0}));
  Say("member, a prototype", of(4, {kGood, 2, 0}));
  Say("member, at its end", of(4, {kGood, 1, 32}));
  Say("member, past its end", of(4, {kGood, 1, 40}));
  Say("member, too long", of(2, {kGood, 1, 0}));
  Say("member, half inside", of(6, {kGood, 1, 32}));
  Say("member, not aligned to a byte", of(8, {kGood, 1, 4}));
  Say("members, in order", of(8, {kGood, 1, 0, kGood, 1, 32}));
  Say("members, out of order", of(8, {kGood, 1, 32, kGood, 1, 0}));
  Say("members, on each other", of(8, {kGood, 1, 0, kGood, 1, 0}));
  Say("members, none", of(8, {}));
  Say("bit field", Flagged(of(4, {kGood, 1, 3U << 24})));
  Say("bit field, wider than its type", Flagged(of(8, {kGood, 1, 33U << 24})));
  Say("bit field, too long", Flagged(of(4, {kGood, 1, 8U << 24 | 28})));
  Say("enumerator, no name", Type(BTF_KIND_ENUM, kGood, 4, {0, 1}, 1));
  Say("enumerator, dot",
      Type(BTF_KIND_ENUM, kGood, 4, {NameAt("with.dot"), 1}, 1));
  Say("enumerator, space",
      Type(BTF_KIND_ENUM, kGood, 4, {NameAt("with space"), 1}, 1));
  for (uint32_t size : {0, 1, 2, 3, 4, 8, 16}) {
    Say("enum of " + std::to_string(size),
        Type(BTF_KIND_ENUM, kGood, size, {kGood, 1}, 1));
    Say("float of " + std::to_string(size), Type(BTF_KIND_FLOAT, kGood, size));
  }
}

void Numbers() {
  const auto of = [](uint32_t size, uint32_t word) {
    return Type(BTF_KIND_INT, kGood, size, {word});
  };
  for (uint32_t encoding = 0; encoding < 16; ++encoding) {
    Say("int, encoding " + std::to_string(encoding),
        of(4, encoding << 24 | 32));
  }
  for (uint32_t size : {0, 1, 3, 4, 8, 16, 32}) {
    Say("int of " + std::to_string(size), of(size, size * 8));
  }
  Say("int, no bits", of(4, 0));
  Say("int, some bits", of(4, 7));
  Say("int, more bits", of(4, 33));
  Say("int, offset", of(4, 8 << 16 | 8));
  Say("int, offset and more bits", of(4, 8 << 16 | 32));
  Say("int, other bits", of(4, 1 << 28 | 32));
}

void References() {
  Say("pointer to void", Type(BTF_KIND_PTR, 0, 0));
  Say("pointer to no type", Type(BTF_KIND_PTR, 0, 99));
  Say("pointer to itself", Type(BTF_KIND_PTR, 0, 3));
  Say("typedef of itself", Type(BTF_KIND_TYPEDEF, kGood, 3));
  Say("typedef of void", Type(BTF_KIND_TYPEDEF, kGood, 0));
  Say("typedef of a prototype", Type(BTF_KIND_TYPEDEF, kGood, 2));
  Say("const of a typedef of it",
      {Type(BTF_KIND_CONST, 0, 4), Type(BTF_KIND_TYPEDEF, kGood, 3)});
  Say("struct in itself", Type(BTF_KIND_STRUCT, kGood, 4, {kGood, 3, 0}, 1));
  Say("struct with a pointer to itself",
      {Type(BTF_KIND_STRUCT, kGood, 8, {kGood, 4, 0}, 1),
       Type(BTF_KIND_PTR, 0, 3)});
  Say("structs in each other",
      {Type(BTF_KIND_STRUCT, kGood, 4, {kGood, 4, 0}, 1),
       Type(BTF_KIND_STRUCT, kGood, 4, {kGood, 3, 0}, 1)});
  Say("array of itself", Type(BTF_KIND_ARRAY, 0, 0, {3, 1, 2}));
  Say("array of void", Type(BTF_KIND_ARRAY, 0, 0, {0, 1, 2}));
  Say("array of prototypes", Type(BTF_KIND_ARRAY, 0, 0, {2, 1, 2}));
  Say("array, index of void", Type(BTF_KIND_ARRAY, 0, 0, {1, 0, 2}));
  Say("array, index of a prototype", Type(BTF_KIND_ARRAY, 0, 0, {1, 2, 2}));
  Say("array, size", Type(BTF_KIND_ARRAY, 0, 4, {1, 1, 2}));
  Say("variable of void", Type(BTF_KIND_VAR, kGood, 0, {0}));
  Say("variable of a prototype", Type(BTF_KIND_VAR, kGood, 2, {0}));
  for (uint32_t linkage = 0; linkage < 4; ++linkage) {
    Say("variable, linkage " + std::to_string(linkage),
        Type(BTF_KIND_VAR, kGood, 1, {linkage}));
    Say("function, linkage " + std::to_string(linkage),
        Type(BTF_KIND_FUNC, kGood, 2, {}, linkage));
  }
  Say("function of an int", Type(BTF_KIND_FUNC, kGood, 1));
  Say("function of void", Type(BTF_KIND_FUNC, kGood, 0));
  const auto prototype = [](uint32_t returns, const Words& arguments) {
    return Type(BTF_KIND_FUNC_PROTO, 0, returns, arguments,
                static_cast<uint32_t>(arguments.size() / 2));
  };
  Say("returns void", prototype(0, {}));
  Say("returns a prototype", prototype(2, {}));
  Say("argument without a name", prototype(1, {0, 1}));
  Say("argument, name with a dot", prototype(1, {NameAt("with.dot"), 1}));
  Say("argument, name with a space", prototype(1, {NameAt("with space"), 1}));
  Say("argument of void", prototype(1, {kGood, 0, kGood, 1}));
  Say("more arguments", prototype(1, {kGood, 1, 0, 0}));
  Say("more arguments, with a name", prototype(1, {kGood, 1, kGood, 0}));
  Say("argument of a prototype", prototype(1, {kGood, 2}));
  const auto section = [](uint32_t size, const Words& variables) {
    return std::vector<Words>{
        Type(BTF_KIND_VAR, kGood, 1, {1}),
        Type(BTF_KIND_DATASEC, NameAt(".rodata"), size, variables,
             static_cast<uint32_t>(variables.size() / 3))};
  };
  Say("section", section(4, {3, 0, 4}));
  Say("section, empty", section(4, {}));
  Say("section of nothing", section(0, {}));
  Say("section of an int", section(4, {1, 0, 4}));
  Say("section of void", section(4, {0, 0, 4}));
  Say("section, no size of a variable", section(4, {3, 0, 0}));
  Say("section, variable too short", section(4, {3, 0, 2}));
  Say("section, variable longer", section(8, {3, 0, 8}));
  Say("section, variable past the end", section(4, {3, 4, 4}));
  Say("section, out of order", section(8, {3, 4, 4, 3, 0, 4}));
  Say("section, on each other", section(8, {3, 0, 4, 3, 2, 4}));
  const auto tag = [](uint32_t of, uint32_t component) {
    return std::vector<Words>{Type(kDeclTag, kGood, of, {component}),
                              Type(BTF_KIND_STRUCT, kGood, 4, {kGood, 1, 0}, 1),
                              Type(BTF_KIND_FUNC, kGood, 6),
                              Type(BTF_KIND_FUNC_PROTO, 0, 1, {kGood, 1}, 1),
                              Type(BTF_KIND_VAR, kGood, 1, {1}),
                              Type(BTF_KIND_TYPEDEF, kGood, 1)};
  };
  for (uint32_t of = 0; of < 9; ++of) {
    for (uint32_t component : {~1U, ~0U, 0U, 1U}) {
      Say("tag of type " + std::to_string(of) + ", component " +
              std::to_string(static_cast<int>(component)),
          tag(of, component));
    }
  }
  Say("pointer to a tagged const",
      {Type(BTF_KIND_PTR, 0, 4), Type(kTypeTag, kGood, 5),
       Type(BTF_KIND_CONST, 0, 1)});
  Say("pointer to a const of a tag",
      {Type(BTF_KIND_PTR, 0, 4), Type(BTF_KIND_CONST, 0, 5),
       Type(kTypeTag, kGood, 1)});
  Say("tag of a tag", {Type(kTypeTag, kGood, 4), Type(kTypeTag, kGood, 1)});
}

}  // namespace

int main() {
  Say("nothing else", std::vector<Words>{});
  NamesAndFlags();
  Members();
  Numbers();
  References();
  return 0;
}
