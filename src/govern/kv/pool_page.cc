// SPDX-License-Identifier: Apache-2.0
#include "govern/kv/pool_page.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <bit>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace memwhy::govern {
namespace {

// Counts forks on the child's side: 0 in the process that made its pages.
std::atomic<std::uint64_t> forks{0};

void CountForks() {
  static const int registered =
      pthread_atfork(nullptr, nullptr, [] { forks.fetch_add(1, std::memory_order_relaxed); });
  static_cast<void>(registered);
}

std::atomic_ref<std::uint64_t> Word(std::uint64_t* word) {
  return std::atomic_ref<std::uint64_t>(*word);
}

// Field 22 of /proc/self/stat, 0 if it cannot be read: tells a process from a later one with its
// number.
std::uint64_t StartTicks() {
  const int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  std::array<char, 1024> text{};
  const ssize_t size = read(fd, text.data(), text.size() - 1);
  close(fd);
  if (size <= 0) return 0;
  const char* at = std::strrchr(text.data(), ')');
  if (at == nullptr) return 0;
  for (int field = 2; field < 22 && at != nullptr; ++field) at = std::strchr(at + 1, ' ');
  return at == nullptr ? 0 : std::strtoull(at + 1, nullptr, 10);
}

}  // namespace

Status PoolPage::Make(const std::string& path, std::unique_ptr<PoolPage>* page) {
  if (path.empty() || path.find('\0') != std::string::npos) return Status::kBadArgument;
  CountForks();
  const std::string temporary = path + ".new." + std::to_string(getpid());
  const int fd = open(temporary.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return Status::kPageFailed;
  void* mapped = MAP_FAILED;
  struct stat status{};
  // Room on the disk now, since a missing page later would be a SIGBUS.
  if (posix_fallocate(fd, 0, kPageBytes) == 0 && fstat(fd, &status) == 0) {
    mapped = mmap(nullptr, kPageBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  }
  close(fd);
  if (mapped == MAP_FAILED) {
    unlink(temporary.c_str());
    return Status::kPageFailed;
  }
  auto* words = static_cast<std::uint64_t*>(mapped);
  words[kWordVersion] = kPageVersion;
  words[kWordPid] = static_cast<std::uint64_t>(getpid());
  words[kWordStartTicks] = StartTicks();
  words[kWordSlotWords] = kSlotWords;
  words[kWordMagic] = kPageMagic;
  if (rename(temporary.c_str(), path.c_str()) != 0) {
    unlink(temporary.c_str());
    munmap(mapped, kPageBytes);
    return Status::kPageFailed;
  }
  page->reset(new PoolPage(path, words, status.st_dev, status.st_ino));
  return Status::kOk;
}

PoolPage::PoolPage(std::string path, std::uint64_t* words, std::uint64_t device,
                   std::uint64_t inode)
    : path_(std::move(path)),
      words_(words),
      device_(device),
      inode_(inode),
      generation_(forks.load(std::memory_order_relaxed)) {}

PoolPage::~PoolPage() {
  struct stat status{};
  if (IsOurs() && stat(path_.c_str(), &status) == 0 && status.st_dev == device_ &&
      status.st_ino == inode_) {
    unlink(path_.c_str());
  }
  munmap(words_, kPageBytes);
}

bool PoolPage::IsOurs() const { return forks.load(std::memory_order_relaxed) == generation_; }

void PoolPage::Store(std::uint64_t word) {
  Word(slot_ + at_++).store(word, std::memory_order_relaxed);
}

void PoolPage::Begin(std::uint64_t wall_ns, const PoolStats& stats, std::size_t tenants) {
  slot_ = nullptr;
  if (!IsOurs()) return;
  // The slot that no reader is sent to.
  const std::uint64_t active = Word(words_ + kWordActive).load(std::memory_order_relaxed);
  slot_ = words_ + kPageHeaderWords + (1 - active) * kSlotWords;
  sequence_ += 2;
  Word(slot_).store(sequence_ - 1, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_release);
  at_ = kSlotHeadWords;
  Store(wall_ns);
  for (const std::uint64_t word : std::bit_cast<std::array<std::uint64_t, kStatsWords>>(stats)) {
    Store(word);
  }
  Store(tenants);
}

void PoolPage::Add(const TenantAccount& account) {
  if (slot_ == nullptr) return;
  std::array<char, kNameWords * 8> name{};
  std::memcpy(name.data(), account.limits.name.data(),
              std::min(account.limits.name.size(), name.size() - 1));
  for (const std::uint64_t word : std::bit_cast<std::array<std::uint64_t, kNameWords>>(name)) {
    Store(word);
  }
  const TenantLimits& limits = account.limits;
  for (const std::uint64_t word :
       {limits.quota_blocks, limits.borrow_blocks, limits.max_requests,
        std::bit_cast<std::uint64_t>(limits.soft_mark),
        std::bit_cast<std::uint64_t>(limits.hard_mark), std::uint64_t{limits.lends ? 1u : 0u},
        account.held, account.reserved, account.cached, account.owed, account.claimed,
        account.requests, account.peak_used, account.refused, account.evicted,
        static_cast<std::uint64_t>(account.level)}) {
    Store(word);
  }
}

void PoolPage::End() {
  if (slot_ == nullptr) return;
  Word(slot_ + 1).store(at_, std::memory_order_relaxed);
  Word(slot_).store(sequence_, std::memory_order_release);
  const auto number = static_cast<std::uint64_t>(slot_ - words_ - kPageHeaderWords) / kSlotWords;
  Word(words_ + kWordActive).store(number, std::memory_order_release);
}

}  // namespace memwhy::govern
