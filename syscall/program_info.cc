// SPDX-License-Identifier: Apache-2.0
//
// BPF_OBJ_GET_INFO_BY_FD of a program.

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "bpfmap/programs/program.h"
#include "bpfmap/syscall/commands.h"
#include "bpfmap/syscall/info_copy.h"
#include "bpfmap/syscall/program_object.h"
#include "bpfmap/syscall/user_memory.h"

namespace bpfmap {
namespace {

// struct bpf_prog_info of Linux 6.18.
struct ProgramInfo {
  uint32_t type;
  uint32_t id;
  uint8_t tag[8];
  uint32_t jited_prog_len;
  uint32_t xlated_prog_len;
  uint64_t jited_prog_insns;
  uint64_t xlated_prog_insns;
  uint64_t load_time;
  uint32_t created_by_uid;
  uint32_t nr_map_ids;
  uint64_t map_ids;
  char name[BPF_OBJ_NAME_LEN];
  uint32_t ifindex;
  uint32_t gpl_compatible;  // the lowest bit
  uint64_t netns_dev;
  uint64_t netns_ino;
  uint32_t nr_jited_ksyms;
  uint32_t nr_jited_func_lens;
  uint64_t jited_ksyms;
  uint64_t jited_func_lens;
  uint32_t btf_id;
  uint32_t func_info_rec_size;
  uint64_t func_info;
  uint32_t nr_func_info;
  uint32_t nr_line_info;
  uint64_t line_info;
  uint64_t jited_line_info;
  uint32_t nr_jited_line_info;
  uint32_t line_info_rec_size;
  uint32_t jited_line_info_rec_size;
  uint32_t nr_prog_tags;
  uint64_t prog_tags;
  uint64_t run_time_ns;
  uint64_t run_cnt;
  uint64_t recursion_misses;
  uint32_t verified_insns;
  uint32_t attach_btf_obj_id;
  uint32_t attach_btf_id;
  uint32_t unused;
};
static_assert(sizeof(ProgramInfo) == 232);

// Copies as much of an array of bytes as the caller has room for.
bool CopyArray(UserAddress to, uint32_t room, const void* from,
               std::size_t size) {
  const std::size_t copied = std::min<std::size_t>(room, size);
  return copied == 0 || CopyToUser(to, from, copied);
}

void FillFacts(const ProgramObject& object, ProgramInfo* info) {
  const Program& program = object.program();
  const ProgramObject::Facts& facts = object.facts();
  info->type = static_cast<uint32_t>(program.type());
  info->id = object.id();
  std::memcpy(info->tag, object.tag().data(), sizeof info->tag);
  info->load_time = facts.loaded_at;
  info->created_by_uid = facts.uid;
  std::memset(info->name, 0, sizeof info->name);
  program.name().copy(info->name, sizeof info->name - 1);
  info->gpl_compatible = program.gpl_compatible() ? 1 : 0;
  info->btf_id = facts.btf != nullptr ? facts.btf->id() : 0;
  info->attach_btf_id = facts.attach_btf_id;
  info->run_time_ns = object.run_time();
  info->run_cnt = object.runs();
  // Programs that nothing attaches do not recur.
  info->recursion_misses = 0;
  // Linux counts the steps of its verifier, which comes to an instruction once
  // for each path that leads there. There is no verifier here: the number of
  // instructions, which is that of a program without branches.
  info->verified_insns = static_cast<uint32_t>(program.instructions().size());
  info->func_info_rec_size = 8;
  info->line_info_rec_size = 16;
  info->jited_line_info_rec_size = 8;
}

// Arrays: their lengths are replaced, whatever room there is.
bool FillArrays(const ProgramObject& object, ProgramInfo* info) {
  std::vector<uint32_t> ids;
  for (const auto& map : object.maps()) ids.push_back(map->id());
  const std::vector<Instruction> shown = object.ShownInstructions();
  const std::size_t bytes = shown.size() * sizeof(Instruction);
  const InfoRecords& functions = object.facts().functions;
  const InfoRecords& lines = object.facts().lines;
  const bool copied =
      CopyArray(info->map_ids, 4 * std::min(info->nr_map_ids, 1u << 20),
                ids.data(), ids.size() * 4) &&
      CopyArray(info->xlated_prog_insns, info->xlated_prog_len, shown.data(),
                bytes) &&
      CopyArray(info->func_info, 8 * std::min(info->nr_func_info, 1u << 20),
                functions.bytes.data(), functions.bytes.size()) &&
      CopyArray(info->line_info, 16 * std::min(info->nr_line_info, 1u << 20),
                lines.bytes.data(), lines.bytes.size()) &&
      CopyArray(info->prog_tags, 8 * std::min(info->nr_prog_tags, 1u),
                object.tag().data(), object.tag().size());
  info->nr_map_ids = static_cast<uint32_t>(ids.size());
  info->xlated_prog_len = static_cast<uint32_t>(bytes);
  info->nr_func_info = functions.count();
  info->nr_line_info = lines.count();
  info->nr_prog_tags = 1;
  return copied;
}

}  // namespace

// Nothing is compiled here, so there is nothing to show of that.
long ProgInfo(const Attributes& attributes, const ProgramObject& program) {
  ProgramInfo info = {};
  std::size_t length;
  const long error = CopyInfoFromUser(attributes, &info, &length);
  if (error != 0) return error;
  FillFacts(program, &info);
  if (!FillArrays(program, &info)) return -EFAULT;
  info.jited_prog_len = 0;
  info.nr_jited_ksyms = 0;
  info.nr_jited_func_lens = 0;
  info.nr_jited_line_info = 0;
  info.ifindex = 0;
  info.netns_dev = 0;
  info.netns_ino = 0;
  info.attach_btf_obj_id = 0;
  return CopyInfoToUser(attributes, info, length);
}

}  // namespace bpfmap
