// SPDX-License-Identifier: Apache-2.0
#include "recorder/ring_map.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

#include "base/unique_fd.h"
#include "wire/clock.h"

namespace memwhy::recorder {

Result<std::unique_ptr<RingMap>> RingMap::Open(const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) return Error::FromErrno(errno, "cannot open " + path);
  struct stat status{};
  if (fstat(fd.get(), &status) != 0) return Error::FromErrno(errno, "cannot look at " + path);
  const auto bytes = static_cast<std::uint64_t>(status.st_size);
  if (!S_ISREG(status.st_mode) || bytes < 4096) return Error::Of("{} is no ring file", path);
  void* base = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (base == MAP_FAILED) return Error::FromErrno(errno, "cannot map " + path);
  auto info = session::CopyRingHeader(*static_cast<wire::RingHeader*>(base), bytes);
  if (!info) {
    munmap(base, bytes);
    return info.error().With("{}", path);
  }
  return std::unique_ptr<RingMap>(new RingMap(path, base, bytes, *std::move(info), status.st_ino));
}

RingMap::RingMap(std::string path, void* base, std::uint64_t bytes, session::RingInfo info,
                 std::uint64_t inode)
    : path_(std::move(path)),
      base_(base),
      bytes_(bytes),
      inode_(inode),
      info_(std::move(info)),
      header_(static_cast<wire::RingHeader*>(base)) {
  auto* start = static_cast<std::uint8_t*>(base);
  chunks_ = reinterpret_cast<wire::ChunkHeader*>(start + 4096);
  arenas_ = reinterpret_cast<const std::uint64_t*>(start + wire::ArenaOffset(info_.chunk_count));
  pool_ = start + wire::PoolOffset(info_.chunk_count);
}

RingMap::~RingMap() { munmap(base_, bytes_); }

void RingMap::Refresh() {
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

void RingMap::Beat() {
  header_->recorder_beat_ns.store(wire::MonotonicNs(), std::memory_order_relaxed);
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
