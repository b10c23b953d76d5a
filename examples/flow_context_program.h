// The BPF side of flow_context: follows requests through the processes of a
// service mesh, as the tracer of such a mesh does it.
//
// A request comes in (OnReadEnter, OnReadExit), is handed on to other services
// under the same trace id (OnPropagate), leaves lines in logs (OnLog), and is
// answered (OnSend). Each step puts an event into a ring. What one step knows
// and another one needs is kept in maps:
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

#include <cstdint>
#include <cstring>

#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/ring_buffer.h"
#include "bpfmap/maps/ring_def.h"
#include "bpfmap/profiles/cloud.h"
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

enum class Step : uint32_t { kReceived, kPropagated, kLogged, kSent };
inline constexpr int kSteps = 4;

struct Event {
  Step step = {};
  uint32_t process = 0;
  uint64_t trace = 0;
  uint64_t span = 0;
  uint64_t bytes = 0;        // of the connection, so far
  uint64_t duration_ns = 0;  // kSent: since kReceived
  uint8_t client[4] = {};    // kSent: whose request this was
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
  LocalMap& flow_contexts;
  LocalMap& thread_contexts;
  LocalMap& read_args;
  LocalMap& io_states;
  LocalMap& invocations;
  LocalMap& pid_filter;
  LocalMap& clients;
  LocalMap& current_trace;
  RingBuffer<Cloud>& events;
};

// What the kernel knows of the thread that calls.
struct Task {
  uint32_t process;  // bpf_get_current_pid_tgid() >> 32
  uint32_t thread;   // (u32)bpf_get_current_pid_tgid()
  uint64_t now_ns;   // bpf_ktime_get_ns()
};

// bpf_map_lookup_elem(), with the type that the value has.
template <typename V>
V* Find(LocalMap& map, const void* key) {
  return static_cast<V*>(map.LookupElem(key));
}

inline bool IsTraced(const FlowContextMaps& maps, const Task& task) {
  return maps.pid_filter.LookupElem(&task.process) != nullptr;
}

// The element of `flow`, which is made where it is missing. A connection has
// one reader and one writer, so plain adds do.
inline IoState* IoStateOf(LocalMap& io_states, const Flow& flow) {
  if (auto* state = Find<IoState>(io_states, &flow)) return state;
  const IoState none = {};
  (void)io_states.UpdateElem(&flow, &none, kNoExist);
  return Find<IoState>(io_states, &flow);
}

// bpf_ringbuf_reserve() and bpf_ringbuf_submit(). A ring that is full costs an
// event, and nothing else: RingBuffer counts those.
inline void Emit(RingBuffer<Cloud>& events, const Event& event) {
  void* const record = events.Reserve(sizeof event);
  if (record == nullptr) return;
  std::memcpy(record, &event, sizeof event);
  events.Submit(record);
}

// SEC("tracepoint/syscalls/sys_enter_read")
inline void OnReadEnter(const FlowContextMaps& maps, const Task& task,
                        const Flow& flow, const char* buffer) {
  if (!IsTraced(maps, task)) return;
  const ReadArgs args = {.flow = flow, .buffer = buffer};
  (void)maps.read_args.UpdateElem(&task.thread, &args, kAny);
}

// SEC("tracepoint/syscalls/sys_exit_read"): a request of `size` bytes begins
// with the trace and span that it belongs to, 8 bytes each; 0 if it is the
// first of a new trace.
inline void OnReadExit(const FlowContextMaps& maps, const Task& task,
                       uint32_t size) {
  const auto* args = Find<ReadArgs>(maps.read_args, &task.thread);
  if (args == nullptr) return;
  const ReadArgs read = *args;
  (void)maps.read_args.DeleteElem(&task.thread);
  if (size < sizeof(Context)) return;

  Context context;  // bpf_probe_read_user(&context, ..., read.buffer)
  std::memcpy(&context, read.buffer, sizeof context);
  if (context.trace == 0) context.trace = task.now_ns;  // or any new number
  (void)maps.flow_contexts.UpdateElem(&read.flow, &context, kAny);
  (void)maps.thread_contexts.UpdateElem(&task.thread, &context, kAny);
  (void)maps.clients.UpdateElem(&task.thread, read.flow.source, kAny);
  const Invocation invocation = {context.trace, task.process, 0};
  (void)maps.invocations.UpdateElem(&invocation, &task.now_ns, kAny);
  const uint32_t zero = 0;
  if (auto* trace = Find<uint64_t>(maps.current_trace, &zero)) {
    *trace = context.trace;
  }

  IoState* const state = IoStateOf(maps.io_states, read.flow);
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
  const auto* own = Find<Context>(maps.thread_contexts, &task.thread);
  if (own == nullptr) return {};
  const Context handed_on = {.trace = own->trace, .span = task.process};
  (void)maps.flow_contexts.UpdateElem(&flow, &handed_on, kAny);
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
  const uint32_t zero = 0;
  const auto* trace = Find<uint64_t>(maps.current_trace, &zero);
  if (trace == nullptr || *trace == 0) return;
  Emit(maps.events,
       {.step = Step::kLogged, .process = task.process, .trace = *trace});
}

// SEC("tracepoint/syscalls/sys_enter_write"): the answer to a request.
inline void OnSend(const FlowContextMaps& maps, const Task& task,
                   const Flow& flow, uint32_t size) {
  if (!IsTraced(maps, task)) return;
  const auto* found = Find<Context>(maps.flow_contexts, &flow);
  IoState* const state = IoStateOf(maps.io_states, flow);
  if (found == nullptr || state == nullptr) return;
  state->bytes_out += size;
  Event event = {.step = Step::kSent,
                 .process = task.process,
                 .trace = found->trace,
                 .span = found->span,
                 .bytes = state->bytes_out};
  const Invocation invocation = {found->trace, task.process, 0};
  if (const auto* start = Find<uint64_t>(maps.invocations, &invocation)) {
    event.duration_ns = task.now_ns - *start;
  }
  if (const void* client = maps.clients.LookupElem(&task.thread)) {
    std::memcpy(event.client, client, sizeof event.client);
  }
  Emit(maps.events, event);

  (void)maps.flow_contexts.DeleteElem(&flow);
  (void)maps.thread_contexts.DeleteElem(&task.thread);
  (void)maps.clients.DeleteElem(&task.thread);
  (void)maps.invocations.DeleteElem(&invocation);
  const uint32_t zero = 0;
  if (auto* trace = Find<uint64_t>(maps.current_trace, &zero)) *trace = 0;
}

}  // namespace bpfmap::examples

#endif  // BPFMAP_EXAMPLES_FLOW_CONTEXT_PROGRAM_H_
