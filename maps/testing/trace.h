// SPDX-License-Identifier: Apache-2.0

// Trace: a map that records who called what, and prints it if the test fails.
//
//   Trace traced(map);
//   RunProgram(traced);
//   EXPECT_THAT(counts, HasEntry(7, 3));
//
// When a trace is destroyed in a test that has failed by then, it writes what
// was called to stderr, in the order in which the calls returned:
//
//   calls of HASH map "counts":
//     thread 0, cpu 0: LookupElem(7) = null
//     thread 0, cpu 0: UpdateElem(7, 1, BPF_NOEXIST) = OK
//     thread 1, cpu 2: LookupElem(7) = 1
//
// Threads are numbered in the order of their first calls; the CPU is the one
// that per-CPU maps take the thread to be on (profiles/cpu.h). Keys and values
// are shown as in a snapshot (snapshot.h), after the call: a value that others
// write to at that time may be shown as any of its values.
//
// Thread-safe as far as the map is. Keeps the last kMaxCalls calls.

#ifndef BPFMAP_MAPS_TESTING_TRACE_H_
#define BPFMAP_MAPS_TESTING_TRACE_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <iostream>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/internal/atomic_bytes.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/status.h"
#include "bpfmap/maps/testing/element_format.h"
#include "bpfmap/maps/testing/map_decorator.h"
#include "bpfmap/maps/testing/snapshot.h"
#include "bpfmap/profiles/cpu.h"
#include "gtest/gtest.h"

namespace bpfmap {

class Trace final : public MapDecorator {
 public:
  static constexpr std::size_t kMaxCalls = 1000;

  explicit Trace(const DecoratedMap& map)
      : MapDecorator(map), def_(this->map().def()), format_(def_) {}

  ~Trace() {
    if (::testing::Test::HasFailure()) std::cerr << ToString() << std::endl;
  }

  // The calls, one a line.
  std::string ToString() const;

  // The calls without their threads: "UpdateElem(7, 1) = OK". The oldest is the
  // first.
  std::vector<std::string> calls() const;

  // Forgets the calls so far.
  void Clear() {
    std::lock_guard lock(mutex_);
    calls_.clear();
    forgotten_ = 0;
  }

 private:
  struct Call {
    int thread;
    int cpu;
    std::string text;
  };

  void After(const MapCall& call, const MapAnswer& answer) override {
    std::string text = Describe(call, answer);
    const int cpu = CurrentCpu();
    std::lock_guard lock(mutex_);
    const int thread = threads_
                           .try_emplace(std::this_thread::get_id(),
                                        static_cast<int>(threads_.size()))
                           .first->second;
    calls_.push_back({thread, cpu, std::move(text)});
    if (calls_.size() > kMaxCalls) {
      calls_.pop_front();
      ++forgotten_;
    }
  }

  std::string Describe(const MapCall& call, const MapAnswer& answer) const;
  std::string DescribeValue(const void* value, bool is_user_view) const;

  const MapDef def_;
  const internal::ElementFormat format_;
  mutable std::mutex mutex_;
  std::deque<Call> calls_;
  std::size_t forgotten_ = 0;
  std::map<std::thread::id, int> threads_;
};

namespace internal {

// ", BPF_NOEXIST", with a comma before it; "" without flags.
inline std::string FlagsToText(const MapCall& call) {
  const bool is_element = call.operation == "update" ||
                          call.operation == "push" ||
                          call.operation == "lookup";
  uint64_t rest = call.flags;
  std::vector<std::string> names;
  const auto take = [&](uint64_t flag, const char* name) {
    if (!is_element || (rest & flag) == 0) return;
    names.push_back(name);
    rest &= ~flag;
  };
  take(ToNumber(kNoExist), "BPF_NOEXIST");
  take(ToNumber(kExist), "BPF_EXIST");
  take(ToNumber(kLock), "BPF_F_LOCK");
  if (rest != 0) names.push_back(absl::StrCat("flags 0x", absl::Hex(rest)));
  return absl::StrJoin(names, " | ");
}

}  // namespace internal

inline std::string Trace::ToString() const {
  std::lock_guard lock(mutex_);
  std::string text = absl::StrCat("calls of ", DescribeMap(def_), ":");
  if (calls_.empty()) text += " none";
  if (forgotten_ != 0) absl::StrAppend(&text, "\n  ", forgotten_, " before");
  for (const Call& call : calls_) {
    absl::StrAppend(&text, "\n  thread ", call.thread, ", cpu ", call.cpu, ": ",
                    call.text);
  }
  return text;
}

inline std::vector<std::string> Trace::calls() const {
  std::lock_guard lock(mutex_);
  std::vector<std::string> texts;
  for (const Call& call : calls_) texts.push_back(call.text);
  return texts;
}

inline std::string Trace::DescribeValue(const void* value,
                                        bool is_user_view) const {
  std::string bytes(
      is_user_view ? internal::UserValueSize(def_) : def_.value_size, '\0');
  // A pointer into the map shows what others may be writing. The caller's own
  // buffer need not be aligned.
  if (reinterpret_cast<uintptr_t>(value) % 8 == 0) {
    internal::LoadBytes(bytes.data(), static_cast<const std::byte*>(value),
                        bytes.size());
  } else {
    std::memcpy(bytes.data(), value, bytes.size());
  }
  return is_user_view ? format_.Value(bytes) : format_.Part(bytes);
}

inline std::string Trace::Describe(const MapCall& call,
                                   const MapAnswer& answer) const {
  std::vector<std::string> arguments;
  if (call.key != nullptr) {
    arguments.push_back(format_.Key(
        {static_cast<const char*>(call.key), std::size_t{def_.key_size}}));
  }
  if (call.value != nullptr) {
    arguments.push_back(DescribeValue(call.value, answer.is_user_view));
  }
  const std::string flags = internal::FlagsToText(call);
  if (!flags.empty()) arguments.push_back(flags);

  std::string result = ErrnoName(answer.error);
  if (answer.error == Errno::kOk) {
    if (call.operation == "reserve") {
      result = answer.value == nullptr ? "null" : "a record";
    } else if (answer.value != nullptr) {
      result = DescribeValue(answer.value, answer.is_user_view);
    } else if (call.method == "LookupElem" ||
               call.method == "LookupPerCpuElem") {
      result = "null";
    }
  }
  return absl::StrCat(call.method, "(", absl::StrJoin(arguments, ", "),
                      ") = ", result);
}

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_TESTING_TRACE_H_
