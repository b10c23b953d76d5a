// SPDX-License-Identifier: Apache-2.0
//
// Each operation ends with the jump to the next one ("threaded code", Bell
// 1973), which processors predict better than one jump for all. It takes the
// address of a label, an extension that gcc and clang share.

#include "bpfmap/programs/engine.h"

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>

#include "bpfmap/maps/arena_pages.h"
#include "bpfmap/programs/coverage.h"
#include "bpfmap/programs/helper.h"
#include "bpfmap/programs/instruction.h"
#include "bpfmap/programs/memory.h"

namespace bpfmap {
namespace {

// Memory of maps is shared with other threads, so an aligned access is one
// access. Others may be torn, as on Linux.
template <typename T>
T LoadMemory(uint64_t address) {
  const void* const from =
      reinterpret_cast<const void*>(static_cast<uintptr_t>(address));
  if (address % sizeof(T) == 0) {
    return __atomic_load_n(static_cast<const T*>(from), __ATOMIC_RELAXED);
  }
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

template <typename T>
void StoreMemory(uint64_t address, T value) {
  void* const to = reinterpret_cast<void*>(static_cast<uintptr_t>(address));
  if (address % sizeof(T) == 0) {
    __atomic_store_n(static_cast<T*>(to), value, __ATOMIC_RELAXED);
    return;
  }
  std::memcpy(to, &value, sizeof value);
}

template <typename T>
T* At(uint64_t address) {
  return reinterpret_cast<T*>(static_cast<uintptr_t>(address));
}

// Whether [offset, offset + size) is within [0, limit).
inline bool Fits(uint32_t limit, uint64_t offset, uint32_t size) {
  return offset < limit && limit - offset >= size;
}

template <typename T>
T SignedDivide(T a, T b) {
  if (b == 0) return 0;
  if (b == -1)
    return static_cast<T>(0 - static_cast<std::make_unsigned_t<T>>(a));
  return a / b;
}

template <typename T>
T SignedModulo(T a, T b) {
  if (b == 0) return a;
  if (b == -1) return 0;
  return a % b;
}

template <typename T>
T Swap(T value) {
  if constexpr (sizeof(T) == 2) return __builtin_bswap16(value);
  if constexpr (sizeof(T) == 4) return __builtin_bswap32(value);
  if constexpr (sizeof(T) == 8) return __builtin_bswap64(value);
}

template <typename T>
T Little(T value) {
  return std::endian::native == std::endian::little ? value : Swap(value);
}

template <typename T>
T Big(T value) {
  return std::endian::native == std::endian::big ? value : Swap(value);
}

// Other threads may read the count.
inline void Add(int64_t number, uint64_t* count) {
  const uint64_t old = __atomic_load_n(count, __ATOMIC_RELAXED);
  __atomic_store_n(count, old + static_cast<uint64_t>(number),
                   __ATOMIC_RELAXED);
}

constexpr uint64_t kMayGotoTurns = 8 << 20;  // as Linux (BPF_MAX_LOOPS)

}  // namespace

bool Engine::Run(Machine* machine, int depth, const Operation* start) {
  if (machine->observer_ != nullptr) {
    return Loop<true, Watch::kSteps>(machine, depth, start);
  }
  if (machine->counting_) {
    return machine->checked()
               ? Loop<true, Watch::kBlocks>(machine, depth, start)
               : Loop<false, Watch::kBlocks>(machine, depth, start);
  }
  return machine->checked()
             ? Loop<true, Watch::kNothing>(machine, depth, start)
             : Loop<false, Watch::kNothing>(machine, depth, start);
}

// Types, operators and statements take no parentheses.
// NOLINTBEGIN(bugprone-macro-parentheses)

#define DISPATCH()                                    \
  do {                                                \
    if constexpr (kWatch == Watch::kSteps) {          \
      m.at_ = op;                                     \
      m.depth_ = static_cast<int>(frame - m.frames_); \
      m.TellObserver();                               \
    }                                                 \
    goto* kLabels[static_cast<unsigned>(op->code)];   \
  } while (false)
#define NEXT()  \
  do {          \
    ++op;       \
    DISPATCH(); \
  } while (false)

// A register that is read must have been set.
#define NEED(r)                                \
  do {                                         \
    if constexpr (kChecked) {                  \
      if (region[r] == nullptr) [[unlikely]] { \
        unset = r;                             \
        goto read_of_unset;                    \
      }                                        \
    }                                          \
  } while (false)
#define SET_NUMBER(r)                                  \
  do {                                                 \
    if constexpr (kChecked) region[r] = kNumberRegion; \
  } while (false)

// Counts where a block of instructions began or ended: see coverage.h.
#define COUNT(what, at)                        \
  do {                                         \
    if constexpr (kWatch != Watch::kNothing) { \
      if (counts != nullptr) [[likely]] {      \
        Add(1, &counts[(at)-operations].what); \
      }                                        \
    }                                          \
  } while (false)

// The frame has another program now.
#define COUNT_IN_FRAME()                         \
  do {                                           \
    if constexpr (kWatch != Watch::kNothing) {   \
      counts = frame->counts;                    \
      operations = frame->program->operations(); \
    }                                            \
  } while (false)

// Goes on at `op + op->offset`. Instructions are counted here, as many as were
// run since `block`.
#define TAKE_JUMP()                                       \
  do {                                                    \
    m.executed_ += static_cast<uint64_t>(op - block) + 1; \
    if (m.executed_ > m.limit_) [[unlikely]]              \
      goto too_many;                                      \
    COUNT(ended, op);                                     \
    op += op->offset;                                     \
    block = op;                                           \
    DISPATCH();                                           \
  } while (false)

#define OPERATION(name) L_##name:

// name64K and so on: `expression` of a and b.
#define ARITHMETIC_FORM(label, type, source, expression) \
  OPERATION(label) {                                     \
    NEED(op->dst);                                       \
    const type b = static_cast<type>(source);            \
    const type a = static_cast<type>(reg[op->dst]);      \
    reg[op->dst] = static_cast<type>(expression);        \
    SET_NUMBER(op->dst);                                 \
    NEXT();                                              \
  }
#define ARITHMETIC_R(label, type, expression)       \
  OPERATION(label) {                                \
    NEED(op->dst);                                  \
    NEED(op->src);                                  \
    const type b = static_cast<type>(reg[op->src]); \
    const type a = static_cast<type>(reg[op->dst]); \
    reg[op->dst] = static_cast<type>(expression);   \
    SET_NUMBER(op->dst);                            \
    NEXT();                                         \
  }
#define ARITHMETIC32(name, expression)                      \
  ARITHMETIC_FORM(name##32K, uint32_t, op->imm, expression) \
  ARITHMETIC_R(name##32R, uint32_t, expression)
#define ARITHMETIC(name, expression)                        \
  ARITHMETIC_FORM(name##64K, uint64_t, op->imm, expression) \
  ARITHMETIC_R(name##64R, uint64_t, expression)             \
  ARITHMETIC32(name, expression)
// The same of signed numbers; the result of 32 bits fills the rest with zeros.
#define ARITHMETIC_SIGNED(name, function)                                     \
  ARITHMETIC_FORM(name##64K, uint64_t, op->imm,                               \
                  function(static_cast<int64_t>(a), static_cast<int64_t>(b))) \
  ARITHMETIC_R(name##64R, uint64_t,                                           \
               function(static_cast<int64_t>(a), static_cast<int64_t>(b)))    \
  ARITHMETIC_FORM(name##32K, uint32_t, op->imm,                               \
                  static_cast<uint32_t>(function(static_cast<int32_t>(a),     \
                                                 static_cast<int32_t>(b))))   \
  ARITHMETIC_R(name##32R, uint32_t,                                           \
               static_cast<uint32_t>(function(static_cast<int32_t>(a),        \
                                              static_cast<int32_t>(b))))

#define COMPARISON_K(label, type, sign)                                    \
  OPERATION(label) {                                                       \
    NEED(op->dst);                                                         \
    if (static_cast<type>(reg[op->dst]) sign static_cast<type>(op->imm)) { \
      TAKE_JUMP();                                                         \
    }                                                                      \
    NEXT();                                                                \
  }
#define COMPARISON_R(label, type, sign)             \
  OPERATION(label) {                                \
    NEED(op->dst);                                  \
    NEED(op->src);                                  \
    if (static_cast<type>(reg[op->dst])             \
            sign static_cast<type>(reg[op->src])) { \
      TAKE_JUMP();                                  \
    }                                               \
    NEXT();                                         \
  }
#define COMPARISON(name, type64, type32, sign) \
  COMPARISON_K(name##64K, type64, sign)        \
  COMPARISON_R(name##64R, type64, sign)        \
  COMPARISON_K(name##32K, type32, sign)        \
  COMPARISON_R(name##32R, type32, sign)

#define FROM_SOURCE(label, expression) \
  OPERATION(label) {                   \
    NEED(op->src);                     \
    const uint64_t a = reg[op->src];   \
    reg[op->dst] = (expression);       \
    SET_NUMBER(op->dst);               \
    NEXT();                            \
  }
#define OF_DESTINATION(label, expression) \
  OPERATION(label) {                      \
    NEED(op->dst);                        \
    const uint64_t a = reg[op->dst];      \
    reg[op->dst] = (expression);          \
    SET_NUMBER(op->dst);                  \
    NEXT();                               \
  }

// Sets `value` to what is at `address` of `region`, and `loaded` to its region.
#define CHECKED_LOAD(type, where)                                            \
  const Region* loaded = kNumberRegion;                                      \
  uint64_t value;                                                            \
  do {                                                                       \
    const Region* const from = region[where];                                \
    if (from == nullptr) [[unlikely]] {                                      \
      unset = where;                                                         \
      goto read_of_unset;                                                    \
    }                                                                        \
    const uint64_t offset = address - from->base;                            \
    if (Fits(from->readable, offset, sizeof(type))) [[likely]] {             \
      value = LoadMemory<type>(address);                                     \
    } else if (from == stack && Fits(kStackSize, offset, sizeof(type)) &&    \
               offset % sizeof(type) == 0 &&                                 \
               (~(frame->written[offset / 64] >> (offset % 64)) &            \
                Bits(sizeof(type))) == 0) {                                  \
      value = LoadMemory<type>(address);                                     \
      if constexpr (sizeof(type) == 8) loaded = frame->slot[offset / 8];     \
    } else {                                                                 \
      m.at_ = op;                                                            \
      if (!m.Load(from, address, sizeof(type), &value, &loaded)) goto fault; \
    }                                                                        \
  } while (false)

#define LOAD(label, type, as)                                              \
  OPERATION(label) {                                                       \
    const uint64_t address =                                               \
        reg[op->src] + static_cast<uint64_t>(int64_t{op->offset});         \
    if constexpr (kChecked) {                                              \
      CHECKED_LOAD(type, op->src);                                         \
      reg[op->dst] =                                                       \
          sizeof(type) == 8 ? value : static_cast<uint64_t>(as(value));    \
      region[op->dst] = loaded;                                            \
    } else {                                                               \
      reg[op->dst] = static_cast<uint64_t>(as(LoadMemory<type>(address))); \
    }                                                                      \
    NEXT();                                                                \
  }
#define SIGN8(x) \
  int64_t { static_cast<int8_t>(x) }
#define SIGN16(x) \
  int64_t { static_cast<int16_t>(x) }
#define SIGN32(x) \
  int64_t { static_cast<int32_t>(x) }

#define CHECKED_STORE(type, number, stored)                               \
  do {                                                                    \
    const Region* const to = region[op->dst];                             \
    if (to == nullptr) [[unlikely]] {                                     \
      unset = op->dst;                                                    \
      goto read_of_unset;                                                 \
    }                                                                     \
    const uint64_t offset = address - to->base;                           \
    if (Fits(to->writable, offset, sizeof(type))) [[likely]] {            \
      StoreMemory<type>(address, static_cast<type>(number));              \
    } else if (to == stack && Fits(kStackSize, offset, sizeof(type)) &&   \
               offset % sizeof(type) == 0) {                              \
      StoreMemory<type>(address, static_cast<type>(number));              \
      frame->written[offset / 64] |= Bits(sizeof(type)) << (offset % 64); \
      frame->slot[offset / 8] = stored;                                   \
    } else {                                                              \
      m.at_ = op;                                                         \
      if (!m.Store(to, address, sizeof(type), number, stored)) {          \
        goto fault;                                                       \
      }                                                                   \
    }                                                                     \
  } while (false)

#define STORE_K(label, type)                                       \
  OPERATION(label) {                                               \
    const uint64_t address =                                       \
        reg[op->dst] + static_cast<uint64_t>(int64_t{op->offset}); \
    const uint64_t number = static_cast<uint64_t>(op->imm);        \
    if constexpr (kChecked) {                                      \
      CHECKED_STORE(type, number, kNumberRegion);                  \
    } else {                                                       \
      StoreMemory<type>(address, static_cast<type>(number));       \
    }                                                              \
    NEXT();                                                        \
  }
#define STORE_R(label, type)                                              \
  OPERATION(label) {                                                      \
    NEED(op->src);                                                        \
    const uint64_t address =                                              \
        reg[op->dst] + static_cast<uint64_t>(int64_t{op->offset});        \
    if constexpr (kChecked) {                                             \
      CHECKED_STORE(type, reg[op->src],                                   \
                    sizeof(type) == 8 ? region[op->src] : kNumberRegion); \
    } else {                                                              \
      StoreMemory<type>(address, static_cast<type>(reg[op->src]));        \
    }                                                                     \
    NEXT();                                                               \
  }

// Checks the address of an atomic operation.
#define ATOMIC_ADDRESS(type)                                     \
  NEED(op->src);                                                 \
  NEED(op->dst);                                                 \
  const uint64_t address =                                       \
      reg[op->dst] + static_cast<uint64_t>(int64_t{op->offset}); \
  if constexpr (kChecked) {                                      \
    m.at_ = op;                                                  \
    if (!m.MayChange(region[op->dst], address, sizeof(type))) {  \
      goto fault;                                                \
    }                                                            \
  }
#define ATOMIC_FORM(label, type, function, keeps, order)                     \
  OPERATION(label) {                                                         \
    ATOMIC_ADDRESS(type)                                                     \
    const type old =                                                         \
        function(At<type>(address), static_cast<type>(reg[op->src]), order); \
    if constexpr (keeps) {                                                   \
      reg[op->src] = old;                                                    \
      SET_NUMBER(op->src);                                                   \
    }                                                                        \
    NEXT();                                                                  \
  }
#define ATOMIC(name, function)                                               \
  ATOMIC_FORM(Atomic##name##32, uint32_t, function, false, __ATOMIC_RELAXED) \
  ATOMIC_FORM(Atomic##name##64, uint64_t, function, false, __ATOMIC_RELAXED) \
  ATOMIC_FORM(Fetch##name##32, uint32_t, function, true, __ATOMIC_SEQ_CST)   \
  ATOMIC_FORM(Fetch##name##64, uint64_t, function, true, __ATOMIC_SEQ_CST)
#define COMPARE_EXCHANGE(label, type)                                   \
  OPERATION(label) {                                                    \
    NEED(0);                                                            \
    ATOMIC_ADDRESS(type)                                                \
    type expected = static_cast<type>(reg[0]);                          \
    __atomic_compare_exchange_n(At<type>(address), &expected,           \
                                static_cast<type>(reg[op->src]), false, \
                                __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);    \
    reg[0] = expected;                                                  \
    SET_NUMBER(0);                                                      \
    NEXT();                                                             \
  }
#define LOAD_ACQUIRE(label, type)                                         \
  OPERATION(label) {                                                      \
    const uint64_t address =                                              \
        reg[op->src] + static_cast<uint64_t>(int64_t{op->offset});        \
    if constexpr (kChecked) {                                             \
      m.at_ = op;                                                         \
      NEED(op->src);                                                      \
      if (!m.MayLoadAtomically(region[op->src], address, sizeof(type))) { \
        goto fault;                                                       \
      }                                                                   \
      region[op->dst] = kNumberRegion;                                    \
    }                                                                     \
    reg[op->dst] = __atomic_load_n(At<type>(address), __ATOMIC_ACQUIRE);  \
    NEXT();                                                               \
  }
#define STORE_RELEASE(label, type)                                         \
  OPERATION(label) {                                                       \
    NEED(op->src);                                                         \
    NEED(op->dst);                                                         \
    const uint64_t address =                                               \
        reg[op->dst] + static_cast<uint64_t>(int64_t{op->offset});         \
    if constexpr (kChecked) {                                              \
      m.at_ = op;                                                          \
      if (!m.MayStoreAtomically(region[op->dst], address, sizeof(type))) { \
        goto fault;                                                        \
      }                                                                    \
    }                                                                      \
    __atomic_store_n(At<type>(address), static_cast<type>(reg[op->src]),   \
                     __ATOMIC_RELEASE);                                    \
    NEXT();                                                                \
  }

// Loads of classic BPF from the packet: outside of it the program ends with 0.
#define PACKET_LOAD(label, size, need, from)                        \
  OPERATION(label) {                                                \
    need;                                                           \
    m.at_ = op;                                                     \
    uint64_t value;                                                 \
    if (!m.LoadPacket(static_cast<uint32_t>(from), size, &value)) { \
      if (m.faulted_) goto fault;                                   \
      reg[0] = 0;                                                   \
      SET_NUMBER(0);                                                \
      goto L_Exit;                                                  \
    }                                                               \
    reg[0] = value;                                                 \
    SET_NUMBER(0);                                                  \
    if constexpr (kChecked) {                                       \
      for (int r = 1; r <= 5; ++r) region[r] = nullptr;             \
    }                                                               \
    NEXT();                                                         \
  }

// NOLINTEND(bugprone-macro-parentheses)

template <bool kChecked, Engine::Watch kWatch>
bool Engine::Loop(Machine* machine, int first, const Operation* op) {
  __extension__ static const void* const kLabels[] = {
#define BPFMAP_LABEL(name) &&L_##name,
      BPFMAP_OPERATIONS(BPFMAP_LABEL)
#undef BPFMAP_LABEL
  };
  const Region* const kNumberRegion = Region::Number();
  constexpr auto Bits = [](unsigned bytes) {
    return (uint64_t{1} << bytes) - 1;
  };
  Machine& m = *machine;
  Machine::Frame* frame = &m.frames_[first];
  uint64_t* reg = frame->reg;
  const Region** region = frame->region;
  const Region* stack = &m.stack_regions_[first];
  const Operation* block = op;  // the first instruction not counted yet
  int unset = 0;
  const Helper* helper = nullptr;
  uint64_t may_goto = 0;
  [[maybe_unused]] BlockCount* counts = nullptr;
  [[maybe_unused]] const Operation* operations = nullptr;

  COUNT_IN_FRAME();
  COUNT(began, op);
  DISPATCH();

  ARITHMETIC(Mul, a * b)
  ARITHMETIC(Or, a | b)
  ARITHMETIC(And, a & b)
  ARITHMETIC(Lsh, a << (b & (sizeof(a) * 8 - 1)))
  ARITHMETIC(Rsh, a >> (b & (sizeof(a) * 8 - 1)))
  ARITHMETIC(Xor, a ^ b)
  ARITHMETIC(Div, b == 0 ? 0 : a / b)
  ARITHMETIC(Mod, b == 0 ? a : a % b)
  ARITHMETIC_SIGNED(SDiv, SignedDivide)
  ARITHMETIC_SIGNED(SMod, SignedModulo)
  ARITHMETIC_FORM(Arsh64K, uint64_t, op->imm,
                  static_cast<int64_t>(a) >> (b & 63))
  ARITHMETIC_R(Arsh64R, uint64_t, static_cast<int64_t>(a) >> (b & 63))
  ARITHMETIC_FORM(Arsh32K, uint32_t, op->imm,
                  static_cast<uint32_t>(static_cast<int32_t>(a) >> (b & 31)))
  ARITHMETIC_R(Arsh32R, uint32_t,
               static_cast<uint32_t>(static_cast<int32_t>(a) >> (b & 31)))
  ARITHMETIC32(Add, a + b)
  ARITHMETIC32(Sub, a - b)

  // A pointer plus or minus a number points into what it did before.
  OPERATION(Add64K) {
    NEED(op->dst);
    reg[op->dst] += static_cast<uint64_t>(op->imm);
    NEXT();
  }
  OPERATION(Sub64K) {
    NEED(op->dst);
    reg[op->dst] -= static_cast<uint64_t>(op->imm);
    NEXT();
  }
  OPERATION(Add64R) {
    NEED(op->dst);
    NEED(op->src);
    reg[op->dst] += reg[op->src];
    if constexpr (kChecked) {
      const Region* const other = region[op->src];
      if (other != kNumberRegion) {
        region[op->dst] =
            region[op->dst] == kNumberRegion ? other : kNumberRegion;
      }
    }
    NEXT();
  }
  OPERATION(Sub64R) {
    NEED(op->dst);
    NEED(op->src);
    reg[op->dst] -= reg[op->src];
    if constexpr (kChecked) {
      if (region[op->src] != kNumberRegion) region[op->dst] = kNumberRegion;
    }
    NEXT();
  }

  OPERATION(Mov64K) {
    reg[op->dst] = static_cast<uint64_t>(op->imm);
    SET_NUMBER(op->dst);
    NEXT();
  }
  OPERATION(Mov32K) {
    reg[op->dst] = static_cast<uint32_t>(op->imm);
    SET_NUMBER(op->dst);
    NEXT();
  }
  OPERATION(Mov64R) {
    NEED(op->src);
    reg[op->dst] = reg[op->src];
    if constexpr (kChecked) region[op->dst] = region[op->src];
    NEXT();
  }
  FROM_SOURCE(Mov32R, static_cast<uint32_t>(a))
  FROM_SOURCE(Mov64From8, static_cast<uint64_t>(SIGN8(a)))
  FROM_SOURCE(Mov64From16, static_cast<uint64_t>(SIGN16(a)))
  FROM_SOURCE(Mov64From32, static_cast<uint64_t>(SIGN32(a)))
  FROM_SOURCE(Mov32From8, static_cast<uint32_t>(SIGN8(a)))
  FROM_SOURCE(Mov32From16, static_cast<uint32_t>(SIGN16(a)))
  OF_DESTINATION(Neg64, 0 - a)
  OF_DESTINATION(Neg32, 0 - static_cast<uint32_t>(a))
  OF_DESTINATION(Le16, Little(static_cast<uint16_t>(a)))
  OF_DESTINATION(Le32, Little(static_cast<uint32_t>(a)))
  OF_DESTINATION(Le64, Little(a))
  OF_DESTINATION(Be16, Big(static_cast<uint16_t>(a)))
  OF_DESTINATION(Be32, Big(static_cast<uint32_t>(a)))
  OF_DESTINATION(Be64, Big(a))
  OF_DESTINATION(Swap16, Swap(static_cast<uint16_t>(a)))
  OF_DESTINATION(Swap32, Swap(static_cast<uint32_t>(a)))
  OF_DESTINATION(Swap64, Swap(a))
  OPERATION(CastToKernel) {
    NEED(op->src);
    const Program& program = *frame->program;
    reg[op->dst] = program.arena()->ToLocal(reg[op->src]);
    if constexpr (kChecked) {
      region[op->dst] = program.ArenaRegion(reg[op->dst]);
    }
    NEXT();
  }
  OPERATION(CastToUser) {
    NEED(op->src);
    reg[op->dst] = frame->program->arena()->ToUser(reg[op->src]);
    SET_NUMBER(op->dst);
    NEXT();
  }

  COMPARISON(Jeq, uint64_t, uint32_t, ==)
  COMPARISON(Jgt, uint64_t, uint32_t, >)
  COMPARISON(Jge, uint64_t, uint32_t, >=)
  COMPARISON(Jset, uint64_t, uint32_t, &)
  COMPARISON(Jne, uint64_t, uint32_t, !=)
  COMPARISON(Jsgt, int64_t, int32_t, >)
  COMPARISON(Jsge, int64_t, int32_t, >=)
  COMPARISON(Jlt, uint64_t, uint32_t, <)
  COMPARISON(Jle, uint64_t, uint32_t, <=)
  COMPARISON(Jslt, int64_t, int32_t, <)
  COMPARISON(Jsle, int64_t, int32_t, <=)
  OPERATION(Goto) { TAKE_JUMP(); }
  OPERATION(MayGoto) {
    if (++may_goto > kMayGotoTurns) {
      TAKE_JUMP();
    }
    m.AllowTurn();
    NEXT();
  }

  LOAD(Load8, uint8_t, )
  LOAD(Load16, uint16_t, )
  LOAD(Load32, uint32_t, )
  LOAD(Load64, uint64_t, )
  LOAD(LoadS8, uint8_t, SIGN8)
  LOAD(LoadS16, uint16_t, SIGN16)
  LOAD(LoadS32, uint32_t, SIGN32)
  STORE_K(StoreK8, uint8_t)
  STORE_K(StoreK16, uint16_t)
  STORE_K(StoreK32, uint32_t)
  STORE_K(StoreK64, uint64_t)
  STORE_R(StoreR8, uint8_t)
  STORE_R(StoreR16, uint16_t)
  STORE_R(StoreR32, uint32_t)
  STORE_R(StoreR64, uint64_t)
  PACKET_LOAD(PacketAbs8, 1, , op->imm)
  PACKET_LOAD(PacketAbs16, 2, , op->imm)
  PACKET_LOAD(PacketAbs32, 4, , op->imm)
  PACKET_LOAD(PacketInd8, 1, NEED(op->src),
              reg[op->src] + static_cast<uint64_t>(op->imm))
  PACKET_LOAD(PacketInd16, 2, NEED(op->src),
              reg[op->src] + static_cast<uint64_t>(op->imm))
  PACKET_LOAD(PacketInd32, 4, NEED(op->src),
              reg[op->src] + static_cast<uint64_t>(op->imm))

  ATOMIC(Add, __atomic_fetch_add)
  ATOMIC(Or, __atomic_fetch_or)
  ATOMIC(And, __atomic_fetch_and)
  ATOMIC(Xor, __atomic_fetch_xor)
  ATOMIC_FORM(Exchange32, uint32_t, __atomic_exchange_n, true, __ATOMIC_SEQ_CST)
  ATOMIC_FORM(Exchange64, uint64_t, __atomic_exchange_n, true, __ATOMIC_SEQ_CST)
  COMPARE_EXCHANGE(CompareExchange32, uint32_t)
  COMPARE_EXCHANGE(CompareExchange64, uint64_t)
  LOAD_ACQUIRE(LoadAcquire8, uint8_t)
  LOAD_ACQUIRE(LoadAcquire16, uint16_t)
  LOAD_ACQUIRE(LoadAcquire32, uint32_t)
  LOAD_ACQUIRE(LoadAcquire64, uint64_t)
  STORE_RELEASE(StoreRelease8, uint8_t)
  STORE_RELEASE(StoreRelease16, uint16_t)
  STORE_RELEASE(StoreRelease32, uint32_t)
  STORE_RELEASE(StoreRelease64, uint64_t)

  OPERATION(LoadImm) {
    reg[op->dst] = static_cast<uint64_t>(op->imm);
    SET_NUMBER(op->dst);
    op += 2;
    DISPATCH();
  }
  OPERATION(LoadRegion) {
    reg[op->dst] = static_cast<uint64_t>(op->imm);
    if constexpr (kChecked) {
      region[op->dst] = frame->program->region(op->offset);
    }
    op += 2;
    DISPATCH();
  }

  OPERATION(CallHelper) {
    m.at_ = op;
    m.depth_ = static_cast<int>(frame - m.frames_);
    helper = FindHelper(static_cast<uint32_t>(op->imm));
    if constexpr (kChecked) {
      if (helper != nullptr && !m.CheckArguments(*helper, frame)) goto fault;
    }
    m.executed_ += static_cast<uint64_t>(op - block) + 1;
    if (m.executed_ > m.limit_) [[unlikely]]
      goto too_many;
    block = op + 1;
    HelperCall call(&m, reg, kChecked ? region : nullptr);
    // Straight into the register: an address of a result would cost runs that
    // have no such helpers a way through memory.
    if (!m.has_own_helpers_ || !m.world_.CallOwn(static_cast<uint32_t>(op->imm),
                                                 call, &reg[0])) [[likely]] {
      if (helper == nullptr) goto L_UnknownCall;
      reg[0] = helper->function(call);
    }
    if (m.faulted_) goto fault;
    if constexpr (kChecked) {
      region[0] = call.result();
      for (int r = 1; r <= 5; ++r) region[r] = nullptr;
    }
    NEXT();
  }
  OPERATION(UnknownCall) {
    m.at_ = op;
    m.depth_ = static_cast<int>(frame - m.frames_);
    if (m.has_own_helpers_) {
      HelperCall call(&m, reg, kChecked ? region : nullptr);
      uint64_t result;
      if (m.CallOwnFunction(call, &result)) {
        if (m.faulted_) goto fault;
        reg[0] = result;
        if constexpr (kChecked) {
          region[0] = call.result();
          for (int r = 1; r <= 5; ++r) region[r] = nullptr;
        }
        NEXT();
      }
    }
    m.FaultUnknownCall();
    goto fault;
  }
  OPERATION(TailCall) {
    m.at_ = op;
    m.depth_ = static_cast<int>(frame - m.frames_);
    m.executed_ += static_cast<uint64_t>(op - block) + 1;
    if (m.executed_ > m.limit_) [[unlikely]]
      goto too_many;
    block = op + 1;
    const Program* const next = m.FindTailCall(frame);
    if (m.faulted_) goto fault;
    if (next == nullptr) {
      reg[0] = Minus(Errno::kInval);
      if constexpr (kChecked) {
        // Nothing is returned: after a tail call that found no program r0 is
        // as dead as the arguments.
        for (int r = 0; r <= 5; ++r) region[r] = nullptr;
        region[0] = kNumberRegion;
      }
      NEXT();
    }
    COUNT(ended, op);
    if constexpr (kWatch != Watch::kNothing) frame->counts = m.CountsOf(*next);
    COUNT_IN_FRAME();
    op = block = next->operations();
    COUNT(began, op);
    DISPATCH();
  }
  OPERATION(CallLocal) {
    const int depth = static_cast<int>(frame - m.frames_) + 1;
    m.at_ = op;
    m.executed_ += static_cast<uint64_t>(op - block) + 1;
    if (m.executed_ > m.limit_) [[unlikely]]
      goto too_many;
    if (depth - frame->first == kMaxFrames) [[unlikely]]
      goto too_deep;
    m.StartFrame(depth, frame->program, op, frame->first);
    Machine::Frame* const callee = frame + 1;
    if constexpr (kWatch != Watch::kNothing) callee->counts = frame->counts;
    COUNT(ended, op);
    std::memcpy(&callee->reg[1], &reg[1], 5 * sizeof reg[0]);
    if constexpr (kChecked) {
      // NOLINTNEXTLINE(bugprone-sizeof-expression): they are pointers.
      std::memcpy(&callee->region[1], &region[1], 5 * sizeof region[0]);
    }
    op += op->offset;
    block = op;
    frame = callee;
    reg = frame->reg;
    region = frame->region;
    stack = &m.stack_regions_[depth];
    m.depth_ = depth;
    DISPATCH();
  }
  OPERATION(Exit) {
    NEED(0);
    m.executed_ += static_cast<uint64_t>(op - block) + 1;
    if constexpr (kChecked) {
      if (region[0]->kind == RegionKind::kStack &&
          region[0]->frame == frame - m.frames_) {
        goto returns_stack;
      }
    }
    COUNT(ended, op);
    if (frame == &m.frames_[first]) {
      m.at_ = op;
      m.depth_ = first;
      return true;
    }
    Machine::Frame* const callee = frame--;
    op = callee->caller;
    frame->reg[0] = callee->reg[0];
    reg = frame->reg;
    region = frame->region;
    if constexpr (kChecked) {
      region[0] = callee->region[0];
      for (int r = 1; r <= 5; ++r) region[r] = nullptr;
    }
    m.depth_ = static_cast<int>(frame - m.frames_);
    stack = &m.stack_regions_[m.depth_];
    block = op + 1;
    COUNT_IN_FRAME();
    COUNT(began, block);
    NEXT();
  }
  OPERATION(Invalid) { goto fault; }

  [[maybe_unused]] read_of_unset : m.at_ = op;
  m.depth_ = static_cast<int>(frame - m.frames_);
  m.Fault("reads r" + std::to_string(unset) +
          (unset >= 1 && unset <= 5
               ? ", which was not set since the start or the last call"
               : ", which was not set"));
  goto fault;
  [[maybe_unused]] returns_stack : m.at_ = op;
  m.depth_ = static_cast<int>(frame - m.frames_);
  m.Fault("returns a pointer to its own stack");
  goto stopped;
  [[maybe_unused]] misaligned : m.at_ = op;
  m.depth_ = static_cast<int>(frame - m.frames_);
  m.Fault("is atomic, but its address is no multiple of its size");
  goto stopped;
too_many:
  m.at_ = op;
  m.depth_ = static_cast<int>(frame - m.frames_);
  m.Fault("runs more than " + std::to_string(m.input_->max_instructions) +
          " instructions: Linux refuses such loops");
  goto stopped;
too_deep:
  m.at_ = op;
  m.depth_ = static_cast<int>(frame - m.frames_);
  m.Fault("calls functions more than 8 frames deep");
  goto stopped;
fault:
  m.executed_ += static_cast<uint64_t>(op - block) + 1;
stopped:
  COUNT(ended, op);
  if constexpr (kWatch != Watch::kNothing) {
    // No block began where the jump leads.
    if (counts != nullptr && HasTarget(op->code)) {
      Add(-1, &counts[op - operations + op->offset].began);
    }
  }
  return false;
}

}  // namespace bpfmap
