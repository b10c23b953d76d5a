// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/syscall/bpf_fd_table.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <unordered_set>
#include <utility>

#include "bpfmap/maps/map_def.h"
#include "bpfmap/profiles/reader_writer_lock.h"
#include "bpfmap/syscall/caller.h"
#include "bpfmap/syscall/file_mark.h"
#include "bpfmap/syscall/fork_gate.h"
#include "bpfmap/syscall/memfd.h"
#include "bpfmap/syscall/scoped_fd.h"

namespace bpfmap {
namespace {

constexpr char kMapFileName[] = "bpf-map";

int OpenFlags(MapFlags rights) {
  if (HasAny(rights, kRdOnly)) return O_RDONLY | O_CLOEXEC;
  if (HasAny(rights, kWrOnly)) return O_WRONLY | O_CLOEXEC;
  return O_RDWR | O_CLOEXEC;
}

// Opens the file of `fd` once more.
int Reopen(int fd, int flags) {
  char path[32];
  std::snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  return open(path, flags);
}

// Opens a new file without bytes.
int OpenNew(const char* name, int flags) {
  // Nobody can write to it.
  const int fd = CreateMemfd(name);
  if (fd < 0) return fd;
  fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
  if (flags == (O_RDWR | O_CLOEXEC)) return fd;
  const int limited = Reopen(fd, flags);
  if (limited < 0) {
    if (errno == ENOENT) return fd;  // no /proc: the table knows its rights
    close(fd);
    return limited;
  }
  const int result = dup3(limited, fd, O_CLOEXEC);
  close(limited);
  return result;
}

// Hands a new descriptor to the caller.
long GiveFile(long fd) {
  Caller* const caller = Caller::Other();
  return fd < 0 || caller == nullptr ? fd
                                     : caller->GiveFile(static_cast<int>(fd));
}

// Whether no one holds an opening that OpenMemory() made.
bool NoOpeningOf(const MappableMemory& memory) {
  const int fd = memory.fd();
  if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) != 0) return false;
  flock(fd, LOCK_UN);
  return true;
}

}  // namespace

template <typename Object>
void BpfFdTable::Ids<Object>::Give(const std::shared_ptr<Object>& object) {
  if (object->id() != 0) return;
  if (objects.size() >= look_at) {
    std::erase_if(objects, [](const auto& id) { return id.second.expired(); });
    look_at = 2 * objects.size() + 64;
  }
  if (last == 0x7fffffff) last = 0;  // ids are never so many at once
  while (objects.count(++last) != 0) {
  }
  object->set_id(last);
  objects[last] = object;
}

template <typename Object>
std::shared_ptr<Object> BpfFdTable::Ids<Object>::Find(uint32_t id) const {
  const auto found = objects.find(id);
  return found == objects.end() ? nullptr : found->second.lock();
}

template <typename Object>
uint32_t BpfFdTable::Ids<Object>::Next(uint32_t id) {
  for (auto next = objects.upper_bound(id); next != objects.end();) {
    if (!next->second.expired()) return next->first;
    next = objects.erase(next);
  }
  return 0;
}

BpfFdTable::BpfFdTable() {
  // A child would keep files of maps that all others have closed.
  ForkGate::RunInChild([] {
    BpfFdTable& files = Global();
    WriterLock lock(files.lock_);
    files.UseAllOnce();
  });
}

BpfFdTable& BpfFdTable::Global() {
  static auto& files = *new BpfFdTable;
  return files;
}

long BpfFdTable::Open(const std::shared_ptr<MapObject>& map, MapFlags rights) {
  File file;
  file.map = MapObject::AsUser(*map);
  return OpenNext(std::move(file), kMapFileName, rights);
}

long BpfFdTable::Open(std::shared_ptr<Btf> btf) {
  File file;
  file.btf = std::move(btf);
  return OpenNext(std::move(file), "btf", kRdOnly);
}

long BpfFdTable::Open(std::shared_ptr<ProgramObject> program) {
  File file;
  file.program = std::move(program);
  return OpenNext(std::move(file), "bpf-prog", {});
}

long BpfFdTable::OpenRunCounting() {
  File file;
  file.counting = std::make_shared<RunCounting>();
  return OpenNext(std::move(file), "bpf-stats", kRdOnly);
}

long BpfFdTable::Open(std::shared_ptr<LinkObject> link) {
  File file;
  file.link = std::move(link);
  return OpenNext(std::move(file), "bpf_link", {});
}

long BpfFdTable::OpenNext(File file, const char* name, MapFlags rights) {
  std::vector<File> gone;  // destroyed after the lock
  std::vector<File> gone_later;
  long fd = -1;
  {
    WriterLock lock(lock_);
    const bool may_reuse = MayReuse(file, rights);
    // What is heard of after the opening, once, is that, and what was closed.
    const bool reaps_later =
        may_reuse && (!spares_.empty() || spares_.CanKeep());
    if (!reaps_later) gone = ReapClosed(/*look_at_all=*/false);
    if (file.map != nullptr) map_ids_.Give(file.map->shared_from_this());
    if (file.btf != nullptr) btf_ids_.Give(file.btf);
    if (file.program != nullptr) program_ids_.Give(file.program);
    if (file.link != nullptr) link_ids_.Give(file.link);
    if (may_reuse) fd = OpenSpare(&file);
    const bool is_reused = fd >= 0;
    if (!is_reused) fd = OpenLocked(std::move(file), name, rights);
    if (reaps_later || is_reused) {
      try {
        gone_later = ReapClosed(/*look_at_all=*/false);
      } catch (const std::bad_alloc&) {
        // What was heard is dealt with at the next call: must_sweep_ is set.
      }
    }
  }
  return GiveFile(fd);
}

int BpfFdTable::OpenMemory(const MappableMemory& memory, int flags) {
  const int fd = Reopen(memory.fd(), flags);
  if (fd < 0) return fd;
  // A child of a fork() that was killed while it asked, in NoOpeningOf(), left
  // its lock to this process. A program that locks its own descriptor keeps no
  // other from being answered: its map is let go too early.
  constexpr int kMostTries = 1000;
  for (int i = 0; i < kMostTries && flock(fd, LOCK_SH | LOCK_NB) != 0 &&
                  errno == EWOULDBLOCK;
       ++i) {
    flock(memory.fd(), LOCK_UN);
  }
  return fd;
}

long BpfFdTable::OpenLocked(File file, const char* name, MapFlags rights) {
  const int flags = OpenFlags(rights);
  const MappableMemory* const memory =
      file.map != nullptr ? file.map->memory() : nullptr;
  int fd =
      memory != nullptr ? OpenMemory(*memory, flags) : OpenNew(name, flags);
  if (fd < 0 && memory != nullptr && errno == ENOENT &&
      flags == OpenFlags({})) {
    // No /proc to open it through: the same opening, which nothing can tell
    // from this library's.
    fd = fcntl(memory->fd(), F_DUPFD_CLOEXEC, 0);
    file.is_kept = true;
  }
  if (fd < 0) return -errno;
  ScopedFd opened(fd);  // closed if there is no memory
  struct stat status;
  fstat(fd, &status);
  device_ = status.st_dev;
  const FileMark mark = {.inode = status.st_ino,
                         .may_read = !HasAny(rights, kWrOnly),
                         .may_write = !HasAny(rights, kRdOnly)};
  if (Caller::Other() == nullptr) mark.Put(fd);
  if (files_.count(status.st_ino) != 0) return opened.release();
  if (memory == nullptr) {
    file.may_read = !HasAny(rights, kWrOnly);
    file.may_write = !HasAny(rights, kRdOnly);
  }
  const auto at = files_.emplace(status.st_ino, std::move(file)).first;
  try {
    Watch(fd, status.st_ino, &at->second);
  } catch (const std::bad_alloc&) {
    files_.erase(at);
    throw;
  }
  return opened.release();
}

void BpfFdTable::Watch(int fd, ino_t inode, File* file) {
  file->watch = watch_.Add(fd, /*hears_of_opening=*/false);
  if (file->watch == -EBADF || file->watch == -EINVAL) {
    WatchAgain();
    file->watch = watch_.Add(fd, /*hears_of_opening=*/false);
  }
  if (file->watch > 0) {
    watched_[file->watch] = inode;
    return;
  }
  // A user has few instances of inotify, which other processes may hold; and
  // none can be used without /proc.
  file->watch = 0;
  const bool is_memory = file->map != nullptr && file->map->memory() != nullptr;
  if (!is_memory) file->probe = OpeningProbe(fd);
  unwatched_.insert(inode);
}

bool BpfFdTable::MayReuse(const File& file, MapFlags rights) const {
  return Caller::Other() == nullptr && file.map != nullptr &&
         file.map->memory() == nullptr && rights == MapFlags{};
}

// FileWatch does not tell when the first opening of a memfd is closed. So that
// is done here, and files that are used again are always opened by a path.
void BpfFdTable::MakeSpare() {
  struct stat status;
  int kept = -1;
  {
    const ScopedFd file(OpenNew(kMapFileName, OpenFlags({})));
    if (file.get() < 0 || fstat(file.get(), &status) != 0) return;
    kept = spares_.Keep(file.get());
  }
  if (kept < 0) return;
  const int watch = watch_.Add(kept, /*hears_of_opening=*/true);
  if (watch < 0) return spares_.Drop(kept, status.st_ino);
  device_ = status.st_dev;
  try {
    watched_[watch] = status.st_ino;
  } catch (const std::bad_alloc&) {
    watch_.Remove(watch);
    spares_.Drop(kept, status.st_ino);
    throw;
  }
  spares_.Put({.inode = status.st_ino, .watch = watch, .kept = kept});
}

long BpfFdTable::OpenSpare(File* file) {
  if (forks_begun_ != ForkGate::begun() || !watch_.IsOpen()) UseAllOnce();
  if (spares_.empty() && spares_.CanKeep()) MakeSpare();
  SpareFiles::Spare spare;
  while (spares_.Take(&spare)) {
    ScopedFd opened(spares_.Open(spare));
    if (opened.get() < 0) {
      spares_.Drop(spare.kept, spare.inode);
      watched_.erase(spare.watch);
      watch_.Remove(spare.watch);
      continue;
    }
    file->watch = spare.watch;
    file->spare = spare.kept;
    file->number = opened.get();
    file->awaits_opening = true;
    const FileMark mark = {
        .inode = spare.inode, .may_read = true, .may_write = true};
    mark.Put(opened.get());
    try {
      files_.emplace(spare.inode, std::move(*file));
    } catch (const std::bad_alloc&) {
      spares_.Put(spare);
      throw;
    }
    return opened.release();
  }
  return -1;
}

void BpfFdTable::UseOnce(ino_t inode, File* file) {
  if (file->spare >= 0) spares_.Drop(file->spare, inode);
  file->spare = -1;
}

void BpfFdTable::UseAllOnce() {
  forks_begun_ = ForkGate::begun();
  for (auto& [inode, file] : files_) UseOnce(inode, &file);
  SpareFiles::Spare spare;
  while (spares_.Take(&spare)) {
    spares_.Drop(spare.kept, spare.inode);
    watched_.erase(spare.watch);
  }
  spares_.StartAgain();
}

long BpfFdTable::Find(int fd, OpenFile* found) const {
  const ForkGate::Inside inside;
  FileStatus status;
  const long error = FindFile(fd, &status);
  if (error != 0) return error;
  const int mode = status.flags;
  if ((mode & O_PATH) != 0) return -EBADF;
  ReaderLock lock(lock_);
  if (status.device != device_) return -EINVAL;
  const auto file = files_.find(status.inode);
  if (file == files_.end()) return -EINVAL;
  found->map = file->second.map;
  found->btf = file->second.btf;
  found->program = file->second.program;
  found->link = file->second.link;
  found->may_read = file->second.may_read && (mode & O_ACCMODE) != O_WRONLY;
  found->may_write = file->second.may_write && (mode & O_ACCMODE) != O_RDONLY;
  return 0;
}

bool BpfFdTable::FindMarkedMap(int fd, OpenFile* found) const {
  // The positions of another process are no proof.
  FileMark mark;
  if (Caller::Other() != nullptr || !mark.Read(fd)) return false;
  const ForkGate::Inside inside;
  ReaderLock lock(lock_);
  const auto file = files_.find(mark.inode);
  if (file == files_.end() || file->second.map == nullptr) return false;
  found->map = file->second.map;
  found->may_read = mark.may_read;
  found->may_write = mark.may_write;
  return true;
}

long BpfFdTable::FindMap(uint32_t fd, OpenFile* found) const {
  if (FindMarkedMap(static_cast<int>(fd), found)) return 0;
  const long error = Find(static_cast<int>(fd), found);
  if (error != 0) return error;
  return found->map != nullptr ? 0 : -EINVAL;
}

long BpfFdTable::FindProgram(uint32_t fd,
                             std::shared_ptr<ProgramObject>* found) const {
  OpenFile file;
  const long error = Find(static_cast<int>(fd), &file);
  if (error != 0) return error;
  *found = std::move(file.program);
  return *found != nullptr ? 0 : -EINVAL;
}

long BpfFdTable::FindLink(uint32_t fd,
                          std::shared_ptr<LinkObject>* found) const {
  OpenFile file;
  const long error = Find(static_cast<int>(fd), &file);
  if (error != 0) return error;
  *found = std::move(file.link);
  return *found != nullptr ? 0 : -EINVAL;
}

Errno BpfFdTable::Find(uint32_t fd, MapWithId* found) const {
  OpenFile file;
  const long error = FindMap(fd, &file);
  if (error != 0) return static_cast<Errno>(-error);
  found->id = file.map->id();
  // A reference to the map keeps the whole object.
  LocalMap* const map = &file.map->map();
  found->map = std::shared_ptr<LocalMap>(std::move(file.map), map);
  return Errno::kOk;
}

std::vector<BpfFdTable::File> BpfFdTable::ReapClosed(bool look_at_all) {
  if (forks_ != ForkGate::forks()) WatchAgain();
  if (forks_begun_ != ForkGate::begun()) UseAllOnce();
  std::vector<File> gone;
  // Set until all that was heard is dealt with: memory may run out.
  bool dropped = std::exchange(must_sweep_, true);
  for (const FileWatch::Event& event : watch_.Read(&dropped)) {
    CollectFile(event, &gone);
  }
  must_sweep_ = dropped;
  // That a file was deleted is not forgotten; that it was closed, is.
  if (must_sweep_) UseAllOnce();
  // In this order: what happens from here on is heard of.
  std::unordered_set<int> left;
  if (must_sweep_ && watch_.FindWatches(&left)) {
    std::vector<FileWatch::Event> events;
    for (const auto& [watch, inode] : watched_) {
      events.push_back({watch, /*deleted=*/left.count(watch) == 0,
                        /*closed=*/true,
                        /*opened=*/false});
    }
    for (const FileWatch::Event& event : events) CollectFile(event, &gone);
    must_sweep_ = false;
  }
  if (look_at_all || ++calls_since_look_ > unwatched_.size() / 4) {
    calls_since_look_ = 0;
    ReapUnwatched(&gone);
  }
  return gone;
}

void BpfFdTable::ReapUnwatched(std::vector<File>* gone) {
  for (auto inode = unwatched_.begin(); inode != unwatched_.end();) {
    const auto file = files_.find(*inode);
    if (!IsLeft(file->second)) {
      ++inode;
      continue;
    }
    gone->push_back(std::move(file->second));
    files_.erase(file);
    inode = unwatched_.erase(inode);
  }
}

bool BpfFdTable::IsLeft(const File& file) {
  if (file.is_kept) return false;
  const bool is_memory = file.map != nullptr && file.map->memory() != nullptr;
  return is_memory ? NoOpeningOf(*file.map->memory()) : file.probe.IsLeft();
}

void BpfFdTable::CollectFile(const FileWatch::Event& event,
                             std::vector<File>* gone) {
  const auto watched = watched_.find(event.watch);
  if (watched == watched_.end()) return;
  const ino_t inode = watched->second;
  const auto file = files_.find(inode);
  if (file == files_.end()) return CollectSpare(event, inode);
  const MapObject* const map = file->second.map.get();
  const bool is_memory = map != nullptr && map->memory() != nullptr;
  if (BecomesSpare(event, inode, &file->second)) {
    const SpareFiles::Spare spare = {
        .inode = inode, .watch = event.watch, .kept = file->second.spare};
    gone->push_back(std::move(file->second));
    files_.erase(file);
    spares_.Put(spare);
    return;
  }
  const bool is_gone =
      is_memory ? event.closed && NoOpeningOf(*map->memory()) : event.deleted;
  if (!is_gone) return;
  UseOnce(inode, &file->second);
  gone->push_back(std::move(file->second));
  if (!event.deleted) watch_.Remove(event.watch);
  watched_.erase(watched);
  files_.erase(file);
}

bool BpfFdTable::BecomesSpare(const FileWatch::Event& event, ino_t inode,
                              File* file) {
  if (file->spare < 0) return false;
  if (event.opened && std::exchange(file->awaits_opening, false)) return false;
  if (!event.opened && !event.closed) return false;
  // The descriptor that was given out is not open any more, or is another's.
  FileMark mark;
  const bool is_closed = event.closed && !file->awaits_opening &&
                         !(mark.Read(file->number) && mark.inode == inode);
  if (!is_closed) {  // another opening was
    UseOnce(inode, file);
    return false;
  }
  return true;
}

void BpfFdTable::CollectSpare(const FileWatch::Event& event, ino_t inode) {
  SpareFiles::Spare spare;
  if (spares_.Remove(inode, &spare)) spares_.Drop(spare.kept, inode);
  watched_.erase(event.watch);
  if (!event.deleted) watch_.Remove(event.watch);
}

void BpfFdTable::ReleaseClosed() {
  std::vector<File> gone;
  WriterLock lock(lock_);
  gone = ReapClosed(/*look_at_all=*/false);
}

bool BpfFdTable::HasUser(const LocalMap& map) {
  ReleaseAllClosed();
  std::vector<std::shared_ptr<MapObject>> seen;  // destroyed after the lock
  ReaderLock lock(lock_);
  for (const auto& [id, object] : map_ids_.objects) {
    seen.push_back(object.lock());
    const MapObject* const found = seen.back().get();
    if (found != nullptr && &found->map() == &map) return found->has_user();
  }
  return false;
}

void BpfFdTable::ReleaseAllClosed() {
  std::vector<File> gone;
  WriterLock lock(lock_);
  gone = ReapClosed(/*look_at_all=*/true);
}

void BpfFdTable::WatchAgain() {
  forks_ = ForkGate::forks();
  must_sweep_ = false;
  UseAllOnce();
  watch_.StartAgain();
  watched_.clear();
  // Files without a descriptor, which only a mapping may still show, are kept,
  // unless their memory tells.
  unwatched_.clear();
  for (auto& [inode, file] : files_) {
    file.watch = 0;
    unwatched_.insert(inode);
  }
  DIR* const descriptors = opendir("/proc/self/fd");
  if (descriptors == nullptr) return;
  while (const dirent* entry = readdir(descriptors)) {
    const int fd = std::atoi(entry->d_name);
    struct stat status;
    if (fstat(fd, &status) != 0 || status.st_dev != device_) continue;
    const auto file = files_.find(status.st_ino);
    if (file == files_.end() || file->second.watch > 0) continue;
    const int watch = watch_.Add(fd, /*hears_of_opening=*/false);
    if (watch < 0) continue;
    file->second.watch = watch;
    watched_[watch] = status.st_ino;
    unwatched_.erase(status.st_ino);
  }
  closedir(descriptors);
}

std::shared_ptr<MapObject> BpfFdTable::MapOfId(uint32_t id) {
  ReleaseAllClosed();
  ReaderLock lock(lock_);
  return map_ids_.Find(id);
}

std::shared_ptr<Btf> BpfFdTable::BtfOfId(uint32_t id) {
  ReleaseAllClosed();
  ReaderLock lock(lock_);
  return btf_ids_.Find(id);
}

std::shared_ptr<ProgramObject> BpfFdTable::ProgramOfId(uint32_t id) {
  ReleaseAllClosed();
  ReaderLock lock(lock_);
  return program_ids_.Find(id);
}

std::shared_ptr<LinkObject> BpfFdTable::LinkOfId(uint32_t id) {
  ReleaseAllClosed();
  ReaderLock lock(lock_);
  return link_ids_.Find(id);
}

std::shared_ptr<const Program> BpfFdTable::ProgramOf(uint32_t handle) {
  std::shared_ptr<ProgramObject> object;
  ReaderLock lock(lock_);
  object = program_ids_.Find(handle);
  return object != nullptr ? object->shared_program() : nullptr;
}

uint32_t BpfFdTable::NextMapId(uint32_t id) {
  ReleaseAllClosed();
  WriterLock lock(lock_);
  return map_ids_.Next(id);
}

uint32_t BpfFdTable::NextBtfId(uint32_t id) {
  ReleaseAllClosed();
  WriterLock lock(lock_);
  return btf_ids_.Next(id);
}

uint32_t BpfFdTable::NextProgramId(uint32_t id) {
  ReleaseAllClosed();
  WriterLock lock(lock_);
  return program_ids_.Next(id);
}

uint32_t BpfFdTable::NextLinkId(uint32_t id) {
  ReleaseAllClosed();
  WriterLock lock(lock_);
  return link_ids_.Next(id);
}

}  // namespace bpfmap
