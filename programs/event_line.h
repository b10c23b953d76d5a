// SPDX-License-Identifier: Apache-2.0
//
// EventLine: what happens at a hook, as a line of text: for recordings.
//
//   time=12.000000250 pid=7 tracepoint/syscalls/sys_enter_openat args[2]=0x41
//
// Words before the hook say when, and what runs then:
//   time=12.5                seconds since the start of the machine
//   cpu=3
//   pid=7 tid=7 uid=0 gid=0  the process, its thread (by default the process),
//   comm="cc1" cgroup=1      the user
//   task.real_parent.tgid=5  a member of the task_struct; members that are
//                            pointers lead to structs of their own
// Words after it are the fields of its context (run_context.h):
//   args[1]="/etc/passwd" prev_pid=7
//   arg0=1 arg1="a.o"        arguments
//   ret=-2                   the result; of a tracepoint, its field `ret`
//   packet=ffff...           a packet, in hex
// Numbers are decimal or 0x and hex; other values are texts, in quotes if there
// is a space in them or if they start like a number, with \n, \t, \\, \" and \x
// and two digits.
//   args[1]=["ls","-l"]      an array of pointers to texts, with a null after
//   it arg0=@disk               the object of this name
//
// An object of the kernel is there from its line on:
//   object disk gendisk major=8 part0.bd_partno=1
//
// A value: copy it freely.

#ifndef BPFMAP_PROGRAMS_EVENT_LINE_H_
#define BPFMAP_PROGRAMS_EVENT_LINE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bpfmap/programs/run_context.h"

namespace bpfmap {

struct EventLine {
  // A value whose address is known when it happens: of an object, or of texts.
  struct Placed {
    std::string name;  // "args[1]", "arg0"
    std::string object;
    std::vector<std::string> texts;  // where there is no object
  };

  std::optional<uint64_t> time_ns;
  std::optional<int> cpu;
  std::optional<uint32_t> pid, tid, uid, gid;
  std::optional<uint64_t> cgroup;
  std::optional<std::string> comm;
  std::vector<Context::Field> task;  // without "task."
  std::vector<Placed> placed_task;
  std::string hook;  // "": the line is empty, or a comment
  Context context;
  std::optional<std::vector<uint8_t>> packet;
  std::vector<Placed> placed;      // of the context, or of an object
  std::vector<std::string> words;  // after the hook, without '='

  // Reads a line. Returns "", or a sentence.
  std::string Parse(std::string_view line);
};

}  // namespace bpfmap

#endif  // BPFMAP_PROGRAMS_EVENT_LINE_H_
