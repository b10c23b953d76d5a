// SPDX-License-Identifier: Apache-2.0
//
// load_objects: loads BPF objects with libbpf and prints how that ended, a line
// for each:
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

#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace {

std::string log_text;

int KeepLog(libbpf_print_level, const char* format, va_list arguments) {
  char line[4096];
  std::vsnprintf(line, sizeof line, format, arguments);
  log_text += line;
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

// 0 or -errno.
int Load(const std::string& name, std::string_view image, int* programs) {
  // An image inside a file is not aligned; libelf wants that it is.
  const std::vector<char> copy(image.begin(), image.end());
  LIBBPF_OPTS(bpf_object_open_opts, options);
  options.object_name = name.c_str();
  bpf_object* const object =
      bpf_object__open_mem(copy.data(), copy.size(), &options);
  if (object == nullptr) return -errno;
  const int error = bpf_object__load(object);
  bpf_program* program;
  bpf_object__for_each_program(program, object) {
    if (bpf_program__fd(program) >= 0) ++*programs;
  }
  bpf_object__close(object);
  return error;
}

// The first line of the log that tells of an error.
std::string FirstReason() {
  const std::size_t from = log_text.find("libbpf: ");
  if (from == std::string::npos) return "";
  return log_text.substr(from, log_text.find('\n', from) - from);
}

}  // namespace

int main(int argc, char** argv) {
  libbpf_set_print([](libbpf_print_level level, const char* format,
                      va_list arguments) {
    return level == LIBBPF_WARN ? KeepLog(level, format, arguments) : 0;
  });
  const bool verbose = argc > 1 && std::string_view(argv[1]) == "-v";
  for (int i = verbose ? 2 : 1; i < argc; ++i) {
    const std::string_view path = argv[i];
    const std::string name(path.substr(path.rfind('/') + 1));
    std::ifstream in(argv[i], std::ios::binary);
    const std::string file{std::istreambuf_iterator<char>(in), {}};
    for (const std::string_view image : ObjectsIn(file)) {
      log_text.clear();
      int programs = 0;
      const int error = Load(name, image, &programs);
      if (error == 0) {
        std::printf("%s: loads, %d programs\n", name.c_str(), programs);
      } else {
        std::printf("%s: %s\n", name.c_str(), std::strerror(-error));
        if (verbose) std::printf("%s\n", log_text.c_str());
        std::printf("  %s\n", FirstReason().c_str());
      }
      std::fflush(stdout);
    }
  }
  return 0;
}
