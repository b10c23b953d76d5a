// SPDX-License-Identifier: Apache-2.0
//
// load_objects: loads BPF objects with libbpf and prints how that ended, a line
// for each: its name, "loads" or the error, and how many programs it has or
// what libbpf says of the error. Tabs are between them.
//
//   load_objects FILE...
//
// A file is a BPF object, or a program that has some in it, as skeletons do:
// each ELF image for the BPF processor is taken. It knows nothing of this
// repository: as root it uses the kernel, and with
// //syscall:libbpfmap_preload.so preloaded it needs no rights.

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <elf.h>
#include <linux/bpf.h>

#include <cerrno>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace {

std::string first_warning;

int KeepFirstWarning(libbpf_print_level level, const char* format,
                     va_list arguments) {
  if (level != LIBBPF_WARN || !first_warning.empty()) return 0;
  char text[1024];
  std::vsnprintf(text, sizeof text, format, arguments);
  first_warning = text;
  first_warning = first_warning.substr(0, first_warning.find('\n'));
  return 0;
}

// The size of the ELF image that `bytes` starts with: section headers are last
// in what clang and bpftool write. 0: it is no image of a BPF object.
std::size_t ObjectSize(std::string_view bytes) {
  Elf64_Ehdr header;
  if (bytes.size() < sizeof header) return 0;
  std::memcpy(&header, bytes.data(), sizeof header);
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
      header.e_machine != EM_BPF || header.e_type != ET_REL) {
    return 0;
  }
  const std::size_t size =
      header.e_shoff + std::size_t{header.e_shnum} * header.e_shentsize;
  return size <= bytes.size() ? size : 0;
}

std::vector<std::string_view> ObjectsIn(std::string_view file) {
  std::vector<std::string_view> objects;
  std::size_t at = 0;
  while ((at = file.find(std::string_view(ELFMAG, SELFMAG), at)) !=
         std::string_view::npos) {
    const std::size_t size = ObjectSize(file.substr(at));
    if (size != 0) objects.push_back(file.substr(at, size));
    at += size != 0 ? size : SELFMAG;
  }
  return objects;
}

// Gives sizes to maps that have none in the object: a tool gives them before it
// loads, from its command line.
void CompleteMaps(bpf_object* object) {
  constexpr uint32_t kEntries = 64, kStackSize = 127 * 8;
  bpf_map* map;
  bpf_object__for_each_map(map, object) {
    const bpf_map_type type = bpf_map__type(map);
    if (type != BPF_MAP_TYPE_HASH && type != BPF_MAP_TYPE_STACK_TRACE) continue;
    if (bpf_map__max_entries(map) == 0) bpf_map__set_max_entries(map, kEntries);
    if (bpf_map__value_size(map) == 0) bpf_map__set_value_size(map, kStackSize);
  }
}

// 0 or -errno. *programs is how many the object has that are loaded.
int Load(const char* name, std::string_view image, int* programs) {
  // An image inside a file is not aligned; libelf wants that it is.
  const std::vector<char> copy(image.begin(), image.end());
  LIBBPF_OPTS(bpf_object_open_opts, options);
  options.object_name = name;
  bpf_object* const object =
      bpf_object__open_mem(copy.data(), copy.size(), &options);
  if (object == nullptr) return -errno;
  CompleteMaps(object);
  const int error = bpf_object__load(object);
  bpf_program* program;
  bpf_object__for_each_program(program, object) {
    if (bpf_program__fd(program) >= 0) ++*programs;
  }
  bpf_object__close(object);
  return error;
}

void LoadAndPrint(const char* name, std::string_view image) {
  first_warning.clear();
  int programs = 0;
  const int error = Load(name, image, &programs);
  if (error == 0) {
    std::printf("%s\tloads\t%d programs\n", name, programs);
  } else {
    std::printf("%s\t%s\t%s\n", name, std::strerror(-error),
                first_warning.c_str());
  }
}

}  // namespace

int main(int argc, char** argv) {
  libbpf_set_print(KeepFirstWarning);
  for (int i = 1; i < argc; ++i) {
    const char* const slash = std::strrchr(argv[i], '/');
    std::ifstream in(argv[i], std::ios::binary);
    const std::string file{std::istreambuf_iterator<char>(in), {}};
    const std::vector<std::string_view> objects = ObjectsIn(file);
    if (objects.empty()) std::fprintf(stderr, "%s: no BPF object\n", argv[i]);
    for (const std::string_view object : objects) {
      LoadAndPrint(slash == nullptr ? argv[i] : slash + 1, object);
    }
  }
  return 0;
}
