// SPDX-License-Identifier: Apache-2.0
//
// The memory that a running program may read and write: the rules that the fast
// paths of the engine leave out, and the sentences where an access is not
// allowed.

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <string>

#include "bpfmap/maps/arena_pages.h"
#include "bpfmap/programs/dynptr.h"
#include "bpfmap/programs/helper_names.h"
#include "bpfmap/programs/iterator.h"
#include "bpfmap/programs/machine.h"

namespace bpfmap {
namespace {

bool Within(uint64_t limit, uint64_t offset, uint64_t size) {
  return offset <= limit && size <= limit - offset;
}

uint64_t ReadBytes(uint64_t address, int size) {
  const void* const from =
      reinterpret_cast<const void*>(static_cast<uintptr_t>(address));
  switch (size) {
    case 1:
      return __atomic_load_n(static_cast<const uint8_t*>(from),
                             __ATOMIC_RELAXED);
    case 2: {
      uint16_t value;
      std::memcpy(&value, from, sizeof value);
      return value;
    }
    case 4: {
      uint32_t value;
      std::memcpy(&value, from, sizeof value);
      return value;
    }
  }
  uint64_t value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

void WriteBytes(uint64_t address, int size, uint64_t value) {
  void* const to = reinterpret_cast<void*>(static_cast<uintptr_t>(address));
  const uint8_t byte = static_cast<uint8_t>(value);
  const uint16_t half = static_cast<uint16_t>(value);
  const uint32_t word = static_cast<uint32_t>(value);
  switch (size) {
    case 1:
      std::memcpy(to, &byte, 1);
      return;
    case 2:
      std::memcpy(to, &half, 2);
      return;
    case 4:
      std::memcpy(to, &word, 4);
      return;
  }
  std::memcpy(to, &value, 8);
}

std::string Bytes(uint64_t count) {
  return std::to_string(count) + (count == 1 ? " byte" : " bytes");
}

std::string Hex(uint64_t number) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%" PRIx64, number);
  return text;
}

// "argument 2 of bpf_map_update_elem() ", or nothing for an instruction.
std::string Said(Accessor by) {
  if (by.helper == 0) return "";
  return "argument " + std::to_string(by.argument) + " of bpf_" +
         HelperName(by.helper) + "() ";
}

std::string MapName(const MapFacts& map) {
  const MapDef def = map.map->def();
  if (def.name[0] != 0) return std::string("map ") + def.name;
  return std::string("a map of type ") + MapTypeName(def.type);
}

// "the packet (64 bytes)": for accesses before its start or past its end.
std::string Described(const Region& region) {
  const std::string size = " (" + Bytes(region.size) + ")";
  switch (region.kind) {
    case RegionKind::kStack:
      return "the stack" + size;
    case RegionKind::kContext:
      return "the context" + size;
    case RegionKind::kPacket:
      return "the packet" + size;
    case RegionKind::kPacketMeta:
      return "the metadata of the packet" + size;
    case RegionKind::kMapValue:
      return "the value of " + MapName(region.map) + size;
    case RegionKind::kMapKey:
      return "the key of " + MapName(region.map) + size;
    case RegionKind::kRecord:
      return "the ring record" + size;
    case RegionKind::kIterator:
      return "the number of an iterator" + size;
    case RegionKind::kArena:
      return "the arena" + size;
    default:
      return "the memory" + size;
  }
}

// The end of "..., 4 past" for the packet is its own name.
std::string End(const Region& region) {
  if (region.kind == RegionKind::kPacket) return "data_end";
  if (region.kind == RegionKind::kPacketMeta) return "data";
  return "the end of " + Described(region);
}

// Whether these bytes of an arena are there.
bool IsThere(const Region& region, uint64_t address, uint64_t size) {
  ArenaPages& arena = *region.map.map->arena_pages();
  const uint64_t offset = address - arena.start();
  return Within(arena.size(), offset, size) && arena.AreThere(offset, size);
}

}  // namespace

// Says why [address, address + size) is not allowed; returns false.
// `verb`: "reads" or "writes".
bool Machine::Deny(const Region* region, uint64_t address, uint64_t size,
                   const char* verb, Accessor by) {
  const std::string what = Said(by) + verb + " " + Bytes(size);
  if (region == nullptr) {
    Fault(what + " through a register that was not set");
    return false;
  }
  switch (region->kind) {
    case RegionKind::kNumber:
      Fault(what + " at " + Hex(address) + ", a number that is no pointer");
      return false;
    case RegionKind::kNull:
      Fault(what + " through null: bpf_" + region->reason +
            "() of instruction " + std::to_string(region->instruction) +
            " returned null, which was not checked");
      return false;
    case RegionKind::kPacketEnd:
      Fault(what + " through data_end, which is there to compare with");
      return false;
    case RegionKind::kMap:
      Fault(what +
            " of the map itself, not of a value: " + MapName(region->map));
      return false;
    case RegionKind::kFunction:
      Fault(what + " of a function");
      return false;
    case RegionKind::kKernel:
      Fault(what + " of the kernel, which programs may not");
      return false;
    case RegionKind::kGone:
      Fault(what + " through a pointer from before " + region->reason);
      return false;
    default:
      break;
  }
  const uint64_t offset = address - region->base;
  if (static_cast<int64_t>(offset) < 0) {
    Fault(what + ", " + std::to_string(-static_cast<int64_t>(offset)) +
          " before " + Described(*region));
    return false;
  }
  if (!Within(region->size, offset, size)) {
    Fault(what + ", " + std::to_string(offset + size - region->size) +
          " past " + End(*region));
    return false;
  }
  if (region->kind == RegionKind::kArena) {
    Fault(what + (by.helper != 0
                      ? " of the arena, which helpers do not take"
                      : " of a page of the arena that is not there"));
    return false;
  }
  if (region->kind == RegionKind::kMapValue) {
    const MapFacts& map = region->map;
    if (map.OwnsAny(offset, size)) {
      const bool is_lock =
          map.timer_offset == kNoTimer ||
          (map.lock_offset != kNoSpinLock && offset < map.lock_offset + 4ULL &&
           offset + size > map.lock_offset);
      Fault(what + (is_lock ? " of the lock" : " of the timer") +
            " in the value of " + MapName(map));
      return false;
    }
    Fault(what + " of " + MapName(map) + ", which programs may not" +
          (verb[0] == 'r' ? " read (BPF_F_WRONLY_PROG)"
                          : " write (BPF_F_RDONLY_PROG)"));
    return false;
  }
  Fault(what + " of " + Described(*region) + ", which programs of type " +
        ProgramTypeName(type_) + " may not");
  return false;
}

bool Machine::IsInArena(const Region* region, uint64_t address, uint64_t size,
                        const char* verb) {
  const ArenaPages& arena = *region->map.map->arena_pages();
  return Within(arena.size(), address - arena.start(), size) ||
         Deny(region, address, size, verb, {});
}

bool Machine::MayRead(const Region* region, uint64_t address, uint64_t size,
                      Accessor by) {
  if (!checked() || size == 0) return true;
  if (region == nullptr) return Deny(region, address, size, "reads", by);
  const uint64_t offset = address - region->base;
  if (Within(region->readable, offset, size)) return true;
  if (region->kind == RegionKind::kArena && by.helper == 0 &&
      IsThere(*region, address, size)) {
    return true;
  }
  if (region->kind == RegionKind::kContext && by.helper != 0 &&
      ContextOf(type_).fields.empty() && Within(region->size, offset, size)) {
    return true;
  }
  if (region->kind == RegionKind::kMapValue &&
      Within(region->size, offset, size) &&
      !HasAny(region->map.flags, kWrOnlyProg) &&
      !region->map.OwnsAny(offset, size)) {
    return true;
  }
  if (region->kind != RegionKind::kStack || region->frame > depth_ ||
      !Within(kStackSize, offset, size)) {
    return Deny(region, address, size, "reads", by);
  }
  const Frame& frame = frames_[region->frame];
  if (input_->may_read_unwritten_stack) return true;
  for (uint64_t i = offset; i < offset + size; ++i) {
    if ((frame.written[i / 64] >> (i % 64) & 1) != 0) continue;
    Fault(Said(by) + "reads " + Bytes(size) +
          " of the stack, of which the byte at r10 - " +
          std::to_string(kStackSize - i) + " was never written");
    return false;
  }
  return true;
}

bool Machine::MayWrite(const Region* region, uint64_t address, uint64_t size,
                       Accessor by) {
  if (!checked() || size == 0) return true;
  if (region == nullptr) return Deny(region, address, size, "writes", by);
  const uint64_t offset = address - region->base;
  if (Within(region->writable, offset, size)) return true;
  if (region->kind == RegionKind::kArena && by.helper == 0 &&
      IsThere(*region, address, size)) {
    return true;
  }
  if (region->kind == RegionKind::kStack && region->frame <= depth_ &&
      Within(kStackSize, offset, size)) {
    return true;
  }
  if (region->kind == RegionKind::kContext && by.helper != 0 &&
      ContextOf(type_).writable && Within(region->size, offset, size)) {
    return true;
  }
  if (region->kind == RegionKind::kMapValue &&
      Within(region->size, offset, size) &&
      !HasAny(region->map.flags, kRdOnlyProg) &&
      !region->map.OwnsAny(offset, size)) {
    return true;
  }
  return Deny(region, address, size, "writes", by);
}

void Machine::Written(const Region* region, uint64_t address, uint64_t size) {
  if (!checked() || region == nullptr || region->kind != RegionKind::kStack) {
    return;
  }
  Frame& frame = frames_[region->frame];
  const uint64_t offset = address - region->base;
  for (uint64_t i = offset; i < offset + size; ++i) {
    frame.written[i / 64] |= uint64_t{1} << (i % 64);
    frame.slot[i / 8] = Region::Number();
  }
}

const void* Machine::OwnMemory(const Region* region, uint64_t address,
                               uint64_t size) const {
  const void* const own =
      reinterpret_cast<const void*>(static_cast<uintptr_t>(address));
  const auto is_in = [&](const void* start, uint64_t bytes) {
    return Within(bytes, address - reinterpret_cast<uintptr_t>(start), size);
  };
  if (region != nullptr && region->kind != RegionKind::kGone &&
      is_in(reinterpret_cast<const void*>(static_cast<uintptr_t>(region->base)),
            region->size)) {
    return own;
  }
  for (int i = 0; i <= depth_; ++i) {
    if (is_in(frames_[i].stack, kStackSize)) return own;
  }
  if (is_in(input_->context, input_->context_size)) return own;
  const PacketView* const packet = input_->packet;
  if (packet != nullptr &&
      is_in(packet->meta, packet->meta_size() + packet->size())) {
    return own;
  }
  // The values of arrays that the program has the addresses of.
  for (int i = 0; i <= depth_; ++i) {
    if (frames_[i].program->HasDirectValue(address, size)) return own;
  }
  return nullptr;
}

const Region* Machine::DynptrAt(const Region* region, uint64_t address) {
  if (region->kind == RegionKind::kDynptr) return region;
  const uint64_t offset = address - region->base;
  if (region->kind != RegionKind::kStack || region->frame > depth_ ||
      offset % 8 != 0 || !Within(kStackSize, offset, kDynptrSize)) {
    return nullptr;
  }
  const Frame& frame = frames_[region->frame];
  const Region* const dynptr = frame.slot[offset / 8];
  const uint64_t written = frame.written[offset / 64] >> (offset % 64) & 0xff;
  const bool whole = written == 0xff && frame.slot[offset / 8 + 1] == dynptr;
  return whole && dynptr->kind == RegionKind::kDynptr ? dynptr : nullptr;
}

void Machine::SetDynptr(const Region* region, uint64_t address,
                        const Region* dynptr) {
  if (!checked() || region->kind != RegionKind::kStack) return;
  Frame& frame = frames_[region->frame];
  const uint64_t offset = address - region->base;
  if (dynptr == nullptr) dynptr = Region::Number();
  frame.slot[offset / 8] = frame.slot[offset / 8 + 1] = dynptr;
}

const Region* Machine::IteratorAt(const Region* region, uint64_t address) {
  const uint64_t offset = address - region->base;
  if (region->kind != RegionKind::kStack || region->frame > depth_ ||
      offset % kIteratorSize != 0 ||
      !Within(kStackSize, offset, kIteratorSize)) {
    return nullptr;
  }
  const Frame& frame = frames_[region->frame];
  const uint64_t written = frame.written[offset / 64] >> (offset % 64) & 0xff;
  const Region* const iterator = frame.slot[offset / 8];
  return written == 0xff && iterator->kind == RegionKind::kIterator ? iterator
                                                                    : nullptr;
}

void Machine::SetIterator(const Region* region, uint64_t address,
                          const Region* iterator) {
  if (!checked() || region->kind != RegionKind::kStack) return;
  frames_[region->frame].slot[(address - region->base) / 8] =
      iterator != nullptr ? iterator : Region::Number();
}

// Linux answers a bad address with 0 here.
void Machine::LoadKernel(uint64_t address, std::size_t size, void* to) {
  const std::span<const uint8_t> object = input_->kernel_object;
  const uint64_t offset = address - reinterpret_cast<uintptr_t>(object.data());
  if (Within(object.size(), offset, size)) {
    std::memcpy(to, object.data() + offset, size);
  } else if (world_.ReadKernel(address, to, size) != Errno::kOk) {
    std::memset(to, 0, size);
  }
}

bool Machine::Load(const Region* region, uint64_t address, int size,
                   uint64_t* value, const Region** loaded) {
  const uint64_t offset = address - region->base;
  *loaded = Region::Number();
  if (region->kind == RegionKind::kContext) {
    return LoadContext(region, offset, size, value, loaded);
  }
  if (region->kind == RegionKind::kArena) {
    const uint64_t bytes = static_cast<uint64_t>(size);
    if (!IsInArena(region, address, bytes, "reads")) return false;
    *value = IsThere(*region, address, bytes) ? ReadBytes(address, size) : 0;
    return true;
  }
  if (region->kind == RegionKind::kKernel) {
    uint8_t bytes[8] = {};
    LoadKernel(address, static_cast<std::size_t>(size), bytes);
    *value = ReadBytes(reinterpret_cast<uintptr_t>(bytes), size);
    if (size == 8) *loaded = region;
    return true;
  }
  if (region->kind == RegionKind::kStack &&
      offset % static_cast<unsigned>(size) != 0 &&
      Within(kStackSize, offset, static_cast<uint64_t>(size))) {
    Fault("reads " + Bytes(static_cast<uint64_t>(size)) +
          " of the stack at an address that is no multiple of that");
    return false;
  }
  if (!MayRead(region, address, static_cast<uint64_t>(size), {})) {
    return false;
  }
  *value = ReadBytes(address, size);
  if (region->kind == RegionKind::kStack && size == 8) {
    const Frame& frame = frames_[region->frame];
    // With leave to read what was not written, a slot may be unset.
    const bool whole =
        (frame.written[offset / 64] >> (offset % 64) & 0xff) == 0xff;
    if (whole) *loaded = frame.slot[offset / 8];
  }
  return true;
}

bool Machine::Store(const Region* region, uint64_t address, int size,
                    uint64_t value, const Region* stored) {
  const uint64_t offset = address - region->base;
  if (region->kind == RegionKind::kContext) {
    return StoreContext(region, offset, size, value);
  }
  if (region->kind == RegionKind::kArena) {
    const uint64_t bytes = static_cast<uint64_t>(size);
    if (!IsInArena(region, address, bytes, "writes")) return false;
    if (IsThere(*region, address, bytes)) WriteBytes(address, size, value);
    return true;
  }
  if (region->kind == RegionKind::kStack &&
      offset % static_cast<unsigned>(size) != 0 &&
      Within(kStackSize, offset, static_cast<uint64_t>(size))) {
    Fault("writes " + Bytes(static_cast<uint64_t>(size)) +
          " of the stack at an address that is no multiple of that");
    return false;
  }
  if (!MayWrite(region, address, static_cast<uint64_t>(size), {})) {
    return false;
  }
  WriteBytes(address, size, value);
  Written(region, address, static_cast<uint64_t>(size));
  if (region->kind == RegionKind::kStack && size == 8) {
    frames_[region->frame].slot[offset / 8] = stored;
  }
  return true;
}

// Says why `size` bytes of the context are not allowed; returns false.
bool Machine::DenyContext(const Region* region, uint64_t offset, int size,
                          const char* verb, const ContextField* field) {
  const ContextLayout& layout = ContextOf(type_);
  const uint64_t bytes = static_cast<uint64_t>(size);
  std::string what = std::string(verb) + " " + Bytes(bytes) + " at offset " +
                     std::to_string(static_cast<int64_t>(offset)) + " of " +
                     layout.name;
  if (!Within(region->size, offset, bytes)) {
    what += ", which has " + Bytes(region->size);
    result_.past_context = true;
  } else if (field != nullptr && (verb[0] == 'r' || field->writable)) {
    what +=
        std::string(", where ") + field->name + " has " + Bytes(field->size);
  } else if (offset % bytes != 0) {
    what += ", which is no multiple of that";
  } else {
    if (field != nullptr) what += std::string(" (") + field->name + ")";
    what += std::string(", which programs of type ") + ProgramTypeName(type_) +
            " may not";
  }
  Fault(what);
  return false;
}

bool Machine::LoadContext(const Region* region, uint64_t offset, int size,
                          uint64_t* value, const Region** loaded) {
  const ContextLayout& layout = ContextOf(type_);
  const uint64_t bytes = static_cast<uint64_t>(size);
  if (!Within(region->size, offset, bytes) || offset % bytes != 0) {
    return DenyContext(region, offset, size, "reads", nullptr);
  }
  if (layout.fields.empty()) {
    *value = ReadBytes(region->base + offset, size);
    if (size == 8 && layout.holds_pointers) *loaded = &kernel_;
    if (size == 8 && input_->context_points_to_memory) {
      const Region* const memory = WorldMemory(*value);
      const bool is_memory = memory->kind == RegionKind::kBuffer;
      if (is_memory || *value == 0) *loaded = memory;
    }
    // The option's value, which the test has put somewhere.
    if (size == 8 && type_ == ProgramType::kCgroupSockopt) {
      *loaded = WorldMemory(*value);
    }
    return !faulted_;
  }
  const ContextField* const field = layout.FieldAt(offset, bytes);
  const uint64_t whole =
      field == nullptr ? 0 : std::min<uint64_t>(field->size, 8);
  // Arrays are of 4 bytes each.
  if (field == nullptr ||
      (!field->narrow && bytes != (field->size > 8 ? 4 : whole))) {
    return DenyContext(region, offset, size, "reads", field);
  }
  return LoadField(region, *field, offset, size, value, loaded);
}

bool Machine::LoadField(const Region* region, const ContextField& field,
                        uint64_t offset, int size, uint64_t* value,
                        const Region** loaded) {
  const PacketView* const packet = input_->packet;
  *value = ReadBytes(region->base + offset, size);
  switch (field.holds) {
    case FieldHolds::kPacket:
      if (packet == nullptr) break;
      *value = reinterpret_cast<uintptr_t>(packet->data);
      *loaded = packet_region_;
      break;
    case FieldHolds::kPacketEnd:
      if (packet == nullptr) break;
      *value = reinterpret_cast<uintptr_t>(packet->data_end);
      *loaded = &packet_end_;
      break;
    case FieldHolds::kPacketMeta:
      if (packet == nullptr) break;
      *value = reinterpret_cast<uintptr_t>(packet->meta);
      *loaded = meta_region_;
      break;
    case FieldHolds::kKernel:
      *loaded = &kernel_;
      break;
    case FieldHolds::kFlowKeys:
      *value = flow_keys_.base;
      *loaded = &flow_keys_;
      break;
    case FieldHolds::kNumber:
      break;
  }
  return true;
}

bool Machine::StoreContext(const Region* region, uint64_t offset, int size,
                           uint64_t value) {
  const ContextLayout& layout = ContextOf(type_);
  const uint64_t bytes = static_cast<uint64_t>(size);
  if (!Within(region->size, offset, bytes) || offset % bytes != 0) {
    return DenyContext(region, offset, size, "writes", nullptr);
  }
  const ContextField* const field = layout.FieldAt(offset, bytes);
  const bool may = layout.fields.empty()
                       ? layout.writable
                       : field != nullptr && field->writable &&
                             (field->size > 8 || bytes == field->size);
  if (!may) return DenyContext(region, offset, size, "writes", field);
  WriteBytes(region->base + offset, size, value);
  return true;
}

// The part that all atomic instructions share.
bool Machine::IsAtomicPlace(const Region* region, uint64_t address, int size) {
  if (region->kind == RegionKind::kContext ||
      region->kind == RegionKind::kPacket ||
      region->kind == RegionKind::kPacketMeta) {
    Fault("is atomic, which is not allowed on " + Described(*region));
    return false;
  }
  if (address % static_cast<uint64_t>(size) == 0) return true;
  Fault("is atomic, but its address is no multiple of its size");
  return false;
}

bool Machine::MayLoadAtomically(const Region* region, uint64_t address,
                                int size) {
  return IsAtomicPlace(region, address, size) &&
         MayRead(region, address, static_cast<uint64_t>(size), {});
}

bool Machine::MayStoreAtomically(const Region* region, uint64_t address,
                                 int size) {
  const uint64_t bytes = static_cast<uint64_t>(size);
  if (!IsAtomicPlace(region, address, size) ||
      !MayWrite(region, address, bytes, {})) {
    return false;
  }
  Written(region, address, bytes);
  return true;
}

bool Machine::MayChange(const Region* region, uint64_t address, int size) {
  return MayLoadAtomically(region, address, size) &&
         MayStoreAtomically(region, address, size);
}

}  // namespace bpfmap
