// SPDX-License-Identifier: Apache-2.0
#include "recorder/ring/ring_map.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <ctime>

#include "base/unique_fd.h"
#include "wire/clock.h"

namespace memwhy::recorder {
namespace {

constexpr std::uint64_t kLookNs = 50'000'000;

}  // namespace

Result<std::unique_ptr<RingMap>> RingMap::Open(const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) return Error::FromErrno(errno, "cannot open " + path);
  struct stat status{};
  if (fstat(fd.get(), &status) != 0) return Error::FromErrno(errno, "cannot look at " + path);
  const auto bytes = static_cast<std::uint64_t>(status.st_size);
  if (!S_ISREG(status.st_mode) || bytes < 4096) return Error::Of("{} is not a ring file", path);
  void* base = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (base == MAP_FAILED) return Error::FromErrno(errno, "cannot map " + path);
  auto info = [&] {
    RingGuard guard(base, bytes);
    return session::CopyRingHeader(*static_cast<wire::RingHeader*>(base), bytes);
  }();
  if (!info) {
    munmap(base, bytes);
    return info.error().With("{}", path);
  }
  return std::unique_ptr<RingMap>(new RingMap(path, base, bytes, *std::move(info), status));
}

RingMap::RingMap(std::string path, void* base, std::uint64_t bytes, session::RingInfo info,
                 const struct stat& status)
    : path_(std::move(path)),
      base_(base),
      bytes_(bytes),
      inode_(status.st_ino),
      device_(status.st_dev),
      info_(std::move(info)),
      guard_(base, bytes),
      header_(static_cast<wire::RingHeader*>(base)) {
  auto* start = static_cast<std::uint8_t*>(base);
  chunks_ = reinterpret_cast<wire::ChunkHeader*>(start + 4096);
  arenas_ = reinterpret_cast<const std::uint64_t*>(start + wire::ArenaOffset(info_.chunk_count));
  slots_ = reinterpret_cast<wire::ThreadSlot*>(start + wire::SlotOffset(info_.chunk_count));
  pool_ = start + wire::PoolOffset(info_.chunk_count);
}

RingMap::~RingMap() { munmap(base_, bytes_); }

bool RingMap::IsShorter() const {
  struct stat status{};
  return stat(path_.c_str(), &status) == 0 && status.st_ino == inode_ &&
         static_cast<std::uint64_t>(status.st_size) < bytes_;
}

void RingMap::GiveUp() {
  is_lost_ = true;
  loss_ = IsShorter() ? "its ring file was truncated by another process"
                      : "its ring file cannot be used any more (the disk?)";
  info_.state = wire::AgentState::kDetached;
  if (info_.detached_ns == 0) info_.detached_ns = wire::MonotonicNs();
  // The agent still writes there; a page that is missing would end its process.
  UniqueFd fd(open(path_.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  struct stat status{};
  if (!fd || fstat(fd.get(), &status) != 0 || status.st_ino != inode_) return;
  if (posix_fallocate(fd.get(), 0, static_cast<off_t>(bytes_)) != 0 &&
      ftruncate(fd.get(), static_cast<off_t>(bytes_)) != 0) {
    return;
  }
  const std::uint32_t stop = 1;
  static_cast<void>(
      !pwrite(fd.get(), &stop, sizeof(stop), static_cast<off_t>(offsetof(wire::RingHeader, stop))));
}

bool RingMap::CopyBytes(std::uint32_t index, std::uint32_t begin,
                        std::span<std::uint8_t> into) const {
  std::memcpy(into.data(), pool_ + std::size_t{index} * wire::kChunkBytes + begin, into.size());
  return !guard_.is_cut();
}

void RingMap::Refresh() {
  if (is_lost_) return;
  const std::uint64_t time = wire::MonotonicNs();
  if (time >= next_look_ns_) {
    next_look_ns_ = time + kLookNs;
    if (IsShorter()) guard_.Cut();
  }
  if (guard_.is_cut()) return GiveUp();
  auto now = session::CopyRingHeader(*header_, bytes_);
  // A header that no longer fits was scribbled on: the last good copy stays.
  if (now && now->chunk_count == info_.chunk_count && now->pid == info_.pid) {
    info_ = *std::move(now);
  }
}

std::vector<std::uint64_t> RingMap::Arenas() const {
  const std::uint32_t used =
      std::min(header_->arenas_used.load(std::memory_order_acquire), wire::kArenaCapacity);
  std::vector<std::uint64_t> arenas;
  for (std::uint32_t i = 0; i < used; ++i) {
    const std::uint64_t address = __atomic_load_n(&arenas_[i], __ATOMIC_RELAXED);
    if (address != 0) arenas.push_back(address);
  }
  std::sort(arenas.begin(), arenas.end());
  arenas.erase(std::unique(arenas.begin(), arenas.end()), arenas.end());
  return arenas;
}

void RingMap::Beat(std::uint64_t shift_ns) {
  header_->recorder_beat_ns.store(wire::MonotonicNs() + shift_ns, std::memory_order_relaxed);
}

void RingMap::Wait(std::uint64_t timeout_ns) {
  header_->recorder_sleeps.store(1, std::memory_order_release);
  const timespec timeout{static_cast<time_t>(timeout_ns / 1'000'000'000),
                         static_cast<long>(timeout_ns % 1'000'000'000)};
  syscall(SYS_futex, &header_->recorder_sleeps, FUTEX_WAIT, 1, &timeout, nullptr, 0);
  header_->recorder_sleeps.store(0, std::memory_order_relaxed);
}

void RingMap::Stop() { header_->stop.store(1, std::memory_order_release); }

}  // namespace memwhy::recorder
