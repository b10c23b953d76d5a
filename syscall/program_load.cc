// SPDX-License-Identifier: Apache-2.0
//
// BPF_PROG_LOAD.

#include <pthread.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bpfmap/maps/map_def.h"
#include "bpfmap/programs/btf_types.h"
#include "bpfmap/programs/coverage.h"
#include "bpfmap/programs/decode.h"
#include "bpfmap/programs/disassemble.h"
#include "bpfmap/programs/helper_names.h"
#include "bpfmap/programs/helper_types.h"
#include "bpfmap/programs/instruction.h"
#include "bpfmap/programs/line_info.h"
#include "bpfmap/programs/program.h"
#include "bpfmap/programs/program_type.h"
#include "bpfmap/programs/reached_calls.h"
#include "bpfmap/programs/world.h"
#include "bpfmap/syscall/bpf_fd_table.h"
#include "bpfmap/syscall/caller.h"
#include "bpfmap/syscall/commands.h"
#include "bpfmap/syscall/kernel_types.h"
#include "bpfmap/syscall/load_log.h"
#include "bpfmap/syscall/program_attach.h"
#include "bpfmap/syscall/program_object.h"
#include "bpfmap/syscall/user_memory.h"

namespace bpfmap {
namespace {

constexpr uint32_t kKnownFlags = 0xff;  // BPF_F_STRICT_ALIGNMENT and so on
constexpr uint32_t kTokenFlag = 1 << 16;
constexpr std::size_t kLicenseLength = 128;

bool IsGplCompatible(std::string_view license) {
  static constexpr std::string_view kLicenses[] = {
      "GPL",          "GPL v2",       "GPL and additional rights",
      "Dual BSD/GPL", "Dual MIT/GPL", "Dual MPL/GPL"};
  return std::find(std::begin(kLicenses), std::end(kLicenses), license) !=
         std::end(kLicenses);
}

// *name is what is before the first 0.
//   EINVAL  no 0, or other characters than letters, digits, '_' and '.'
long CopyName(const char (&text)[BPF_OBJ_NAME_LEN], std::string* name) {
  const std::size_t length = strnlen(text, sizeof text);
  if (length == sizeof text) return -EINVAL;
  name->assign(text, length);
  const bool is_name = std::all_of(name->begin(), name->end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '_' || c == '.';
  });
  return is_name ? 0 : -EINVAL;
}

// A child of fork() has the counts of its parent, which writes them itself.
void ForgetCoverageInChildren() {
  static const int registered =
      pthread_atfork(nullptr, nullptr, [] { ProcessCoverage()->Forget(); });
  static_cast<void>(registered);
}

// One load. Methods return 0 or -errno.
class Loader {
 public:
  explicit Loader(const Attributes& attributes)
      : attributes_(attributes), log_(attributes) {}

  // A new descriptor, or -errno.
  long Load() {
    long error = CheckAttributes();
    if (error == 0) error = CopyProgram();
    if (error != 0) return error;
    if (!log_.valid()) return -EINVAL;
    error = Verify();
    if (error == 0) {
      log_.Add("processed " + std::to_string(instructions_.size()) +
               " insns, none of them verified\n");
    }
    const long log_error = log_.Finish();
    if (log_error != 0) return log_error;
    if (error != 0) return error;
    facts_.flags = attributes_->prog_flags;
    const auto object = std::make_shared<ProgramObject>(std::move(facts_));
    for (const auto& map : object->facts().maps) {
      if (!map->MayHold(object->kind())) return -EINVAL;
    }
    return BpfFdTable::Global().Open(object);
  }

 private:
  long CheckAttributes();
  long CopyProgram();
  // As much as there is here of what Linux calls so.
  long Verify();
  long CopyFdArray();
  void NameKernelCalls();
  long CheckMaps();
  long CheckCalls();
  long CheckTarget();
  long FindBtf();
  long CopyFunctions();
  long CopyLines();
  long CopyRecords(UserAddress from, uint32_t count, uint32_t size,
                   uint32_t known, std::size_t size_at, InfoRecords* records);
  std::shared_ptr<LocalMap> UseMap(int32_t fd);
  std::string PlaceOf(uint32_t at) const;

  const Attributes& attributes_;
  LoadLog log_;
  ProgramDef def_;
  ProgramObject::Facts facts_;
  std::vector<Instruction> instructions_;
  long map_error_ = 0;  // why there is no such map
};

long Loader::CheckAttributes() {
  const uint32_t flags = attributes_->prog_flags;
  if ((flags & ~(kKnownFlags | kTokenFlag)) != 0) return -EINVAL;
  if ((flags & kTokenFlag) != 0) {  // there are no tokens
    OpenFile file;
    const auto fd = static_cast<int>(attributes_.WordAt(kProgTokenFdAt));
    return BpfFdTable::Global().Find(fd, &file) == -EBADF ? -EBADF : -EINVAL;
  }
  if (attributes_->insn_cnt == 0 || attributes_->insn_cnt > kMaxInstructions) {
    return -E2BIG;
  }
  def_.type = static_cast<ProgramType>(attributes_->prog_type);
  facts_.expected_attach_type =
      AttachTypeOf(def_.type, attributes_->expected_attach_type);
  facts_.attach_btf_id = attributes_->attach_btf_id;
  bool has_target = false;
  if (attributes_->attach_prog_fd != 0) {
    OpenFile file;
    BpfFdTable::Global().Find(static_cast<int>(attributes_->attach_prog_fd),
                              &file);
    // BTF of user space is not what a program is attached to.
    if (file.btf != nullptr) return -EOPNOTSUPP;
    if (file.program == nullptr) return -EINVAL;
    has_target = true;
  }
  return CheckAttach(def_.type, facts_.expected_attach_type,
                     facts_.attach_btf_id, has_target);
}

long Loader::CopyProgram() {
  instructions_.resize(attributes_->insn_cnt);
  if (!CopyFromUser(instructions_.data(), attributes_->insns,
                    instructions_.size() * sizeof(Instruction))) {
    return -EFAULT;
  }
  char license[kLicenseLength];
  const long length =
      CopyStringFromUser(license, attributes_->license, sizeof license);
  if (length == -EFAULT) return -EFAULT;
  def_.gpl_compatible =
      length >= 0 &&
      IsGplCompatible({license, static_cast<std::size_t>(length)});
  if (attributes_.LongAt(kSignatureAt) != 0) return -EOPNOTSUPP;
  const uint32_t device = attributes_->prog_ifindex;
  if (device != 0) {  // which loopback, the only one, does not support
    constexpr ProgramTypes kOffloaded{ProgramType::kXdp,
                                      ProgramType::kSchedCls};
    return kOffloaded.Has(def_.type) && device == 1 ? -EOPNOTSUPP : -EINVAL;
  }
  if (attributes_->prog_type == 0 || attributes_->prog_type >= kProgramTypes) {
    return -EINVAL;
  }
  struct timespec now;
  clock_gettime(CLOCK_BOOTTIME, &now);
  facts_.loaded_at = static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 +
                     static_cast<uint64_t>(now.tv_nsec);
  Caller* const caller = Caller::Other();
  facts_.uid = caller != nullptr ? caller->CurrentTask().uid : getuid();
  return CopyName(attributes_->prog_name, &def_.name);
}

long Loader::Verify() {
  long error = CopyFdArray();
  if (error == 0) error = FindBtf();
  if (error == 0) error = CopyLines();
  if (error == 0) {
    error = CheckSleepable(def_.type, facts_.expected_attach_type,
                           attributes_->prog_flags);
    if (error != 0) log_.Add("programs of this type may not sleep, or must\n");
  }
  if (error != 0) return error;
  def_.instructions = instructions_;
  def_.map_of_fd = [this](int32_t fd) { return UseMap(fd); };
  def_.map_of_index = [this](int32_t index) -> std::shared_ptr<LocalMap> {
    int32_t fd;
    const UserAddress at =
        attributes_->fd_array +
        static_cast<UserAddress>(static_cast<int64_t>(index) * 4);
    if (attributes_->fd_array == 0) {
      map_error_ = -EPROTO;
      return nullptr;
    }
    if (!CopyFromUser(&fd, at, sizeof fd)) {
      map_error_ = -EFAULT;
      return nullptr;
    }
    return UseMap(fd);
  };
  NameKernelCalls();
  def_.coverage = nullptr;  // it may be refused below
  std::shared_ptr<const Program> program;
  const LoadError refusal = Program::Load(def_, &program);
  if (refusal.failed()) {
    log_.Add(PlaceOf(refusal.instruction) + ": " + refusal.reason + "\n");
    if (refusal.error == Errno::kBadF && map_error_ != 0) return map_error_;
    return Result(refusal.error);
  }
  error = CheckMaps();
  if (error == 0) error = CopyFunctions();
  if (error == 0) error = CheckCalls();
  if (error == 0) error = CheckTarget();
  if (error != 0) return error;
  def_.coverage = ProcessCoverage();
  if (!def_.functions.empty() || def_.coverage != nullptr) {
    // Once more, with names that Linux looks for after the instructions.
    Program::Load(def_, &program);
  }
  if (def_.coverage != nullptr) ForgetCoverageInChildren();
  facts_.program = std::move(program);
  return 0;
}

// All that is in the array belongs to the program, if its length is said.
long Loader::CopyFdArray() {
  const uint32_t count = attributes_.WordAt(kFdArrayCountAt);
  for (uint32_t i = 0; i < count; ++i) {
    int32_t fd;
    if (!CopyFromUser(&fd, attributes_->fd_array + uint64_t{i} * 4,
                      sizeof fd)) {
      return -EFAULT;
    }
    OpenFile file;
    const long error = BpfFdTable::Global().Find(fd, &file);
    if (error == 0 && (file.map != nullptr || file.btf != nullptr)) {
      if (file.map != nullptr) UseMap(fd);
      continue;
    }
    log_.Add("descriptor " + std::to_string(fd) + " is no map and no BTF\n");
    return error != 0 ? error : -EINVAL;
  }
  return 0;
}

std::shared_ptr<LocalMap> Loader::UseMap(int32_t fd) {
  OpenFile file;
  map_error_ = BpfFdTable::Global().FindMap(static_cast<uint32_t>(fd), &file);
  if (map_error_ != 0) return nullptr;
  std::shared_ptr<MapObject> object = file.map->shared_from_this();
  if (object->map().arena_pages() != nullptr) object->FindArena();
  LocalMap* const map = &object->map();
  std::vector<std::shared_ptr<MapObject>>& maps = facts_.maps;
  if (std::find(maps.begin(), maps.end(), object) == maps.end()) {
    maps.push_back(object);
  }
  // A pointer to the map keeps the whole object alive.
  return std::shared_ptr<LocalMap>(std::move(object), map);
}

long Loader::FindBtf() {
  if (attributes_->func_info_cnt == 0 && attributes_->line_info_cnt == 0) {
    return 0;
  }
  OpenFile file;
  const long error = BpfFdTable::Global().Find(
      static_cast<int>(attributes_->prog_btf_fd), &file);
  if (error == 0 && file.btf != nullptr) {
    facts_.btf = file.btf;
    return 0;
  }
  log_.Add("prog_btf_fd is no BTF\n");
  return error != 0 ? error : -EINVAL;
}

// Keeps what is known of each record: its first `known` bytes.
//   EINVAL  records cannot be of this size
//   E2BIG  there is more, which is not 0; the known size was stored
long Loader::CopyRecords(UserAddress from, uint32_t count, uint32_t size,
                         uint32_t known, std::size_t size_at,
                         InfoRecords* records) {
  constexpr uint32_t kLargest = 252;
  if (size < known || size > kLargest || size % 4 != 0) return -EINVAL;
  records->size = known;
  records->bytes.resize(std::size_t{count} * known);
  for (uint32_t i = 0; i < count; ++i) {
    const UserAddress record = from + uint64_t{i} * size;
    const long tail = CheckZeroInUser(record + known, size - known);
    if (tail == -E2BIG) {
      return attributes_.Store(size_at, known) ? -E2BIG : -EFAULT;
    }
    if (tail != 0 ||
        !CopyFromUser(&records->bytes[std::size_t{i} * known], record, known)) {
      return -EFAULT;
    }
  }
  return 0;
}

uint32_t WordOf(const InfoRecords& records, uint32_t record, uint32_t at) {
  uint32_t word;
  std::memcpy(&word, &records.bytes[std::size_t{record} * records.size + at],
              sizeof word);
  return word;
}

std::span<const uint8_t> BytesOf(const Btf& btf) {
  return {reinterpret_cast<const uint8_t*>(btf.data().data()),
          btf.data().size()};
}

// struct bpf_line_info.
long Loader::CopyLines() {
  const uint32_t count = attributes_->line_info_cnt;
  if (count == 0) return 0;
  // There is one for an instruction at most.
  if (count > instructions_.size()) return -EINVAL;
  InfoRecords& lines = facts_.lines;
  const long error =
      CopyRecords(attributes_->line_info, count,
                  attributes_->line_info_rec_size, 16, kLineInfoSizeAt, &lines);
  if (error != 0) return error;
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t at = WordOf(lines, i, 0);
    if (at >= instructions_.size() ||
        (i != 0 && at <= WordOf(lines, i - 1, 0)) ||
        instructions_[at].code == 0) {
      log_.Add("line_info " + std::to_string(i) +
               " is of an instruction that it cannot be of\n");
      return -EINVAL;
    }
  }
  def_.lines = SourceLines(BytesOf(*facts_.btf), lines.bytes, lines.size);
  return 0;
}

// struct bpf_func_info.
long Loader::CopyFunctions() {
  const uint32_t count = attributes_->func_info_cnt;
  if (count == 0) return 0;
  const std::vector<uint32_t> starts = FunctionStarts(instructions_);
  if (count != starts.size()) {
    log_.Add("func_info is of " + std::to_string(count) +
             " functions, and the program has " +
             std::to_string(starts.size()) + "\n");
    return -EINVAL;
  }
  InfoRecords& functions = facts_.functions;
  const long error = CopyRecords(attributes_->func_info, count,
                                 attributes_->func_info_rec_size, 8,
                                 kFuncInfoSizeAt, &functions);
  if (error != 0) return error;
  for (uint32_t i = 0; i < count; ++i) {
    if (WordOf(functions, i, 0) != starts[i] ||
        facts_.btf->KindOf(WordOf(functions, i, 4)) != BTF_KIND_FUNC) {
      log_.Add("func_info " + std::to_string(i) + " is of no function\n");
      return -EINVAL;
    }
  }
  def_.functions =
      FunctionNames(BytesOf(*facts_.btf), functions.bytes, functions.size);
  return 0;
}

// Functions of the kernel are called by the numbers of its own types. Those of
// modules are not known here.
void Loader::NameKernelCalls() {
  for (uint32_t at = 0; at < instructions_.size(); ++at) {
    const Instruction& i = instructions_[at];
    const bool is_kernel_call =
        i.code == (kClassJmp | kCall) && i.src() == kCallKernel;
    if (!is_kernel_call || i.offset != 0 || i.imm <= 0) continue;
    const BtfTypes* const types = KernelTypes();
    const auto type = static_cast<uint32_t>(i.imm);
    if (types == nullptr || type >= types->count() ||
        types->KindOf(type) != BtfKind::kFunction) {
      continue;
    }
    def_.kernel_calls.push_back({at, std::string(types->NameOf(type))});
  }
}

// Programs that trace may be where a timer cannot be started.
long Loader::CheckMaps() {
  constexpr ProgramTypes kTraces{
      ProgramType::kKprobe, ProgramType::kTracepoint, ProgramType::kPerfEvent,
      ProgramType::kRawTracepoint, ProgramType::kRawTracepointWritable};
  if (!kTraces.Has(def_.type)) return 0;
  for (const auto& map : facts_.maps) {
    if (map->def().timer_offset == kNoTimer) continue;
    log_.Add("programs that trace cannot use bpf_timer\n");
    return -EINVAL;
  }
  return 0;
}

// Calls that the verifier comes to are of helpers that there are, and that
// programs of this type may call: so libraries ask which there are. Where a
// relocation failed, libbpf leaves a call of a helper that does not exist,
// after a branch that a constant decides.
long Loader::CheckCalls() {
  for (const uint32_t at : ReachedCalls(instructions_)) {
    const uint32_t helper = static_cast<uint32_t>(instructions_[at].imm);
    if (HelperTypes(helper).Has(def_.type)) continue;
    const char* const name = HelperName(helper);
    const std::string call =
        (name != nullptr ? "bpf_" + std::string(name) : "unknown") + "#" +
        std::to_string(instructions_[at].imm) + "\n";
    log_.Add(PlaceOf(at) + ":\n" +
             (name != nullptr ? "program of this type cannot use helper "
                              : "invalid func ") +
             call);
    return -EINVAL;
  }
  return 0;
}

// Programs that are for something of the kernel say what.
long Loader::CheckTarget() {
  if (facts_.attach_btf_id != 0) return 0;
  if (def_.type == ProgramType::kStructOps) return Result(Errno::kNotSupp);
  if (def_.type != ProgramType::kTracing) return 0;
  log_.Add("a program that traces must say what: attach_btf_id is 0\n");
  return -EINVAL;
}

// "firewall.bpf.c:41 (instruction 17: r2 = ...)", as Program::Place().
std::string Loader::PlaceOf(uint32_t at) const {
  std::string number = "instruction " + std::to_string(at);
  if (at >= instructions_.size()) return number;
  const std::string text = Disassemble(instructions_, at);
  const auto after = std::upper_bound(
      def_.lines.begin(), def_.lines.end(), at,
      [](uint32_t i, const SourceLine& line) { return i < line.instruction; });
  if (after == def_.lines.begin()) return number + " (" + text + ")";
  const SourceLine& line = *(after - 1);
  return line.file.substr(line.file.rfind('/') + 1) + ":" +
         std::to_string(line.line) + " (" + number + ": " + text + ")";
}

}  // namespace

long ProgLoad(const Attributes& attributes) {
  if (!attributes.TailIsZero(kProgLoadAttrSize)) return -EINVAL;
  return Loader(attributes).Load();
}

}  // namespace bpfmap
