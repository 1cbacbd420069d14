// SPDX-License-Identifier: Apache-2.0
#include "govern/actuators/cap_page.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>

#include "base/clock.h"
#include "base/unique_fd.h"

namespace memwhy::govern {
namespace {

constexpr std::uint64_t kMaxSilenceNs = 2 * kSecond;  // of the server's heartbeat

std::uint64_t LoadWord(const std::uint64_t* words, CapWord word) {
  return std::atomic_ref<std::uint64_t>(const_cast<std::uint64_t&>(words[word]))
      .load(std::memory_order_acquire);
}

void StoreWord(std::uint64_t* words, CapWord word, std::uint64_t value) {
  std::atomic_ref<std::uint64_t>(words[word]).store(value, std::memory_order_release);
}

}  // namespace

CapActuator::CapActuator(std::string path, std::int64_t lease_ms)
    : path_(std::move(path)), lease_ms_(lease_ms) {}

CapActuator::~CapActuator() { Close(); }

void CapActuator::Close() {
  if (words_ != nullptr) munmap(words_, kCapBytes);
  words_ = nullptr;
}

// Opens again where the server has restarted and made another file.
Result<void> CapActuator::Open() {
  struct stat status{};
  const bool is_there = stat(path_.c_str(), &status) == 0;
  if (words_ != nullptr && is_there && status.st_dev == device_ && status.st_ino == inode_) {
    return {};
  }
  Close();
  const UniqueFd file(open(path_.c_str(), O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!file) return Error::FromErrno(errno, path_);
  if (fstat(file.get(), &status) != 0) return Error::FromErrno(errno, path_);
  if (!S_ISREG(status.st_mode) || status.st_size < static_cast<off_t>(kCapBytes)) {
    return Error::Of("{} is no page of a ConcurrencyCap", path_);
  }
  void* mapping = mmap(nullptr, kCapBytes, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  if (mapping == MAP_FAILED) return Error::FromErrno(errno, path_);
  words_ = static_cast<std::uint64_t*>(mapping);
  device_ = status.st_dev;
  inode_ = status.st_ino;
  if (LoadWord(words_, kCapWordMagic) != kCapMagic ||
      LoadWord(words_, kCapWordVersion) != kCapVersion) {
    Close();
    return Error::Of("{} is no page of a ConcurrencyCap of version {}", path_, kCapVersion);
  }
  return {};
}

void CapActuator::Write(const Limit& limit, std::uint64_t lease_until, std::uint64_t flags) {
  const std::uint64_t sequence = LoadWord(words_, kCapWordSequence) | 1;
  StoreWord(words_, kCapWordSequence, sequence);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  StoreWord(words_, kCapWordRevision, limit.revision);
  StoreWord(words_, kCapWordLimit, static_cast<std::uint64_t>(limit.value));
  StoreWord(words_, kCapWordLease, lease_until);
  StoreWord(words_, kCapWordFlags, flags);
  StoreWord(words_, kCapWordGovernor, static_cast<std::uint64_t>(getpid()));
  StoreWord(words_, kCapWordSequence, sequence + 1);
}

Result<void> CapActuator::Apply(const Limit& limit) {
  MEMWHY_TRY_VOID(Open());
  const std::uint64_t now = RealClock().MonotonicNs();
  Write(limit, now + static_cast<std::uint64_t>(lease_ms_) * kMillisecond,
        limit.refuses ? kCapRefuses : 0);
  return {};
}

Result<void> CapActuator::Restore(std::int64_t original) {
  // The server has gone, and the limit with it.
  if (access(path_.c_str(), F_OK) != 0 && errno == ENOENT) return {};
  MEMWHY_TRY_VOID(Open());
  Write(Limit{original, LoadWord(words_, kCapWordRevision) + 1, false}, 0, kCapReleased);
  return {};
}

Result<ActuatorView> CapActuator::Read() {
  MEMWHY_TRY_VOID(Open());
  const std::uint64_t now = RealClock().MonotonicNs();
  const std::uint64_t heartbeat = LoadWord(words_, kCapWordHeartbeat);
  if (heartbeat + kMaxSilenceNs < now) {
    return Error::Of("{}: the server has not looked at it for {} s", path_,
                     (now - heartbeat) / kSecond);
  }
  const auto number = [&](CapWord word) {
    return static_cast<std::int64_t>(std::min<std::uint64_t>(LoadWord(words_, word), 1U << 30));
  };
  ActuatorView view;
  view.limit = number(kCapWordEffective);
  view.running = number(kCapWordRunning);
  view.waiting = number(kCapWordWaiting);
  return view;
}

}  // namespace memwhy::govern
