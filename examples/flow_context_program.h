// SPDX-License-Identifier: Apache-2.0

// The BPF side of flow_context: follows requests through the processes of a
// service mesh, as the tracer of such a mesh does it.
//
// A request comes in (OnReadEnter, OnReadExit), is handed on to other services
// under the same trace id (OnPropagate), leaves lines in logs (OnLog), and is
// answered (OnSend). Each step puts an event into a ring. Facts that one step
// knows and another one needs are kept in maps:
//
//   map              type          entries  key -> value
//   flow_contexts    HASH           10,000  flow -> context of its request
//   thread_contexts  HASH              100  thread -> context it works for
//   read_args        HASH            1,000  thread -> arguments of its read()
//   io_states        LRU_HASH       20,000  flow -> bytes so far
//   invocations      LRU_HASH       10,000  trace and process -> start time
//   pid_filter       HASH               64  process that is traced -> 1
//   clients          HASH              100  thread -> who asked
//   current_trace    PERCPU_ARRAY        1  trace that this CPU works for
//   events           RINGBUF    25,600 KiB  to user space
//
// The LRU maps hold what may be lost: a connection that is never closed, and an
// answer that is never sent, leave in the end.

#ifndef BPFMAP_EXAMPLES_FLOW_CONTEXT_PROGRAM_H_
#define BPFMAP_EXAMPLES_FLOW_CONTEXT_PROGRAM_H_

#include <array>
#include <cstdint>
#include <cstring>

#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/program_map.h"
#include "bpfmap/maps/ring_def.h"
#include "bpfmap/maps/ring_producer.h"
#include "examples/pcap.h"

namespace bpfmap::examples {

struct Context {
  uint64_t trace;  // the same in all processes that work for one request
  uint64_t span;   // who handed it to this one; 0 if nobody did
};

struct ReadArgs {
  Flow flow;
  const char* buffer;  // filled when read() returns
};

struct IoState {
  uint64_t bytes_in;
  uint64_t bytes_out;
};

struct Invocation {
  uint64_t trace;
  uint32_t process;
  uint32_t padding;
};

using Address = std::array<uint8_t, 4>;

enum class Step : uint32_t { kReceived, kPropagated, kLogged, kSent };
inline constexpr int kSteps = 4;

struct Event {
  Step step = {};
  uint32_t process = 0;
  uint64_t trace = 0;
  uint64_t span = 0;
  uint64_t bytes = 0;        // of the connection, so far
  uint64_t duration_ns = 0;  // kSent: since kReceived
  Address client = {};       // kSent: whose request this was
  uint32_t padding = 0;
};

template <typename K, typename V>
MapDef TracerDef(MapType type, uint32_t max_entries) {
  return {.type = type,
          .key_size = sizeof(K),
          .value_size = sizeof(V),
          .max_entries = max_entries};
}
// RoundUpRingSize() is what libbpf does to a size that is no power of two.
inline MapDef EventsDef() {
  return {.type = MapType::kRingBuf,
          .max_entries = RoundUpRingSize(25'600 * 1024)};
}

struct FlowContextMaps {
  ProgramMap<Flow, Context> flow_contexts;
  ProgramMap<uint32_t, Context> thread_contexts;
  ProgramMap<uint32_t, ReadArgs> read_args;
  ProgramMap<Flow, IoState> io_states;
  ProgramMap<Invocation, uint64_t> invocations;
  ProgramMap<uint32_t, uint8_t> pid_filter;
  ProgramMap<uint32_t, Address> clients;
  ProgramMap<uint32_t, uint64_t> current_trace;
  RingProducer& events;
};

// The calling thread, as the kernel knows it.
struct Task {
  uint32_t process;  // bpf_get_current_pid_tgid() >> 32
  uint32_t thread;   // (u32)bpf_get_current_pid_tgid()
  uint64_t now_ns;   // bpf_ktime_get_ns()
};

inline bool IsTraced(const FlowContextMaps& maps, const Task& task) {
  return maps.pid_filter.Lookup(task.process) != nullptr;
}

// The element of `flow`, which is made where it is missing. A connection has
// one reader and one writer, so plain adds do.
inline IoState* IoStateOf(const FlowContextMaps& maps, const Flow& flow) {
  return maps.io_states.GetOrInsert(flow, {});
}

// bpf_ringbuf_reserve() and bpf_ringbuf_submit(). A ring that is full costs an
// event, and nothing else: RingBuffer counts those.
inline void Emit(RingProducer& events, const Event& event) {
  void* const record = events.Reserve(sizeof event);
  if (record == nullptr) return;
  std::memcpy(record, &event, sizeof event);
  events.Submit(record);
}

// SEC("tracepoint/syscalls/sys_enter_read")
inline void OnReadEnter(const FlowContextMaps& maps, const Task& task,
                        const Flow& flow, const char* buffer) {
  if (!IsTraced(maps, task)) return;
  (void)maps.read_args.Update(task.thread, {.flow = flow, .buffer = buffer});
}

// SEC("tracepoint/syscalls/sys_exit_read"): a request of `size` bytes begins
// with the trace and span that it belongs to, 8 bytes each; 0 if it is the
// first of a new trace.
inline void OnReadExit(const FlowContextMaps& maps, const Task& task,
                       uint32_t size) {
  const ReadArgs* const args = maps.read_args.Lookup(task.thread);
  if (args == nullptr) return;
  const ReadArgs read = *args;
  (void)maps.read_args.Delete(task.thread);
  if (size < sizeof(Context)) return;

  Context context;  // bpf_probe_read_user(&context, ..., read.buffer)
  std::memcpy(&context, read.buffer, sizeof context);
  if (context.trace == 0) context.trace = task.now_ns;  // or any new number
  (void)maps.flow_contexts.Update(read.flow, context);
  (void)maps.thread_contexts.Update(task.thread, context);
  (void)maps.clients.Update(task.thread, std::to_array(read.flow.source));
  (void)maps.invocations.Update({context.trace, task.process, 0}, task.now_ns);
  if (uint64_t* const trace = maps.current_trace.Lookup(0)) {
    *trace = context.trace;
  }

  IoState* const state = IoStateOf(maps, read.flow);
  if (state == nullptr) return;
  state->bytes_in += size;
  Emit(maps.events, {.step = Step::kReceived,
                     .process = task.process,
                     .trace = context.trace,
                     .span = context.span,
                     .bytes = state->bytes_in});
}

// SEC("uprobe/..."): the thread opens a connection to another service. Returns
// what the request has to begin with, which the tracer writes into it.
inline Context OnPropagate(const FlowContextMaps& maps, const Task& task,
                           const Flow& flow) {
  if (!IsTraced(maps, task)) return {};
  const Context* const own = maps.thread_contexts.Lookup(task.thread);
  if (own == nullptr) return {};
  const Context handed_on = {.trace = own->trace, .span = task.process};
  (void)maps.flow_contexts.Update(flow, handed_on);
  Emit(maps.events, {.step = Step::kPropagated,
                     .process = task.process,
                     .trace = handed_on.trace,
                     .span = handed_on.span});
  return handed_on;
}

// SEC("uprobe/..."): a line for a log. The library that is probed knows of no
// flow, and so takes what this CPU works for.
inline void OnLog(const FlowContextMaps& maps, const Task& task) {
  if (!IsTraced(maps, task)) return;
  const uint64_t* const trace = maps.current_trace.Lookup(0);
  if (trace == nullptr || *trace == 0) return;
  Emit(maps.events,
       {.step = Step::kLogged, .process = task.process, .trace = *trace});
}

// SEC("tracepoint/syscalls/sys_enter_write"): the answer to a request.
inline void OnSend(const FlowContextMaps& maps, const Task& task,
                   const Flow& flow, uint32_t size) {
  if (!IsTraced(maps, task)) return;
  const Context* const found = maps.flow_contexts.Lookup(flow);
  IoState* const state = IoStateOf(maps, flow);
  if (found == nullptr || state == nullptr) return;
  state->bytes_out += size;
  Event event = {.step = Step::kSent,
                 .process = task.process,
                 .trace = found->trace,
                 .span = found->span,
                 .bytes = state->bytes_out};
  const Invocation invocation = {found->trace, task.process, 0};
  if (const uint64_t* const start = maps.invocations.Lookup(invocation)) {
    event.duration_ns = task.now_ns - *start;
  }
  if (const Address* const client = maps.clients.Lookup(task.thread)) {
    event.client = *client;
  }
  Emit(maps.events, event);

  (void)maps.flow_contexts.Delete(flow);
  (void)maps.thread_contexts.Delete(task.thread);
  (void)maps.clients.Delete(task.thread);
  (void)maps.invocations.Delete(invocation);
  if (uint64_t* const trace = maps.current_trace.Lookup(0)) *trace = 0;
}

}  // namespace bpfmap::examples

#endif  // BPFMAP_EXAMPLES_FLOW_CONTEXT_PROGRAM_H_
