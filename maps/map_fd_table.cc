// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/maps/map_fd_table.h"

#include <cassert>
#include <utility>

#include "bpfmap/profiles/reader_writer_lock.h"

namespace bpfmap {

MapFdTable& MapFdTable::Global() {
  static auto& fd_table = *new MapFdTable;
  return fd_table;
}

uint32_t MapFdTable::Open(std::shared_ptr<LocalMap> map) {
  assert(map != nullptr);
  WriterLock lock(lock_);
  uint32_t id = 0;
  for (auto known = by_id_.begin(); known != by_id_.end();) {
    if (known->second.expired()) {
      known = by_id_.erase(known);
      continue;
    }
    if (known->second.lock() == map) id = known->first;
    ++known;
  }
  if (id == 0) {
    id = ++last_id_;
    by_id_[id] = map;
  }
  uint32_t fd = kFirst;
  for (auto open = by_fd_.begin(); open != by_fd_.end() && open->first == fd;
       ++open) {
    ++fd;
  }
  by_fd_[fd] = {std::move(map), id};
  return fd;
}

Errno MapFdTable::Close(uint32_t fd) {
  MapWithId closed;  // destroyed after the lock
  WriterLock lock(lock_);
  const auto open = by_fd_.find(fd);
  if (open == by_fd_.end()) return Errno::kBadF;
  closed = std::move(open->second);
  by_fd_.erase(open);
  return Errno::kOk;
}

Errno MapFdTable::Find(uint32_t fd, MapWithId* found) const {
  ReaderLock lock(lock_);
  const auto open = by_fd_.find(fd);
  if (open == by_fd_.end()) return Errno::kBadF;
  *found = open->second;
  return Errno::kOk;
}

std::shared_ptr<LocalMap> MapFdTable::FindById(uint32_t id) const {
  ReaderLock lock(lock_);
  const auto known = by_id_.find(id);
  return known == by_id_.end() ? nullptr : known->second.lock();
}

}  // namespace bpfmap
