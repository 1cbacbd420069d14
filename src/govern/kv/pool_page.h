// SPDX-License-Identifier: Apache-2.0
//
// A pool's state in a file that other processes can read while the pool works, and after its
// process was killed at any instant.
//
//   header: magic "MWKVPAGE", version, pid, start time of the process, slot size, active slot
//   two slots: sequence number, number of words, words
//
// All words are 64-bit, little-endian. The writer fills the slot that is not active (its sequence
// number is odd meanwhile) and then makes it active. So the active slot is always whole: a writer
// that dies leaves at most the other one torn. A reader reads the sequence number before and after
// the words and tries again if it has changed.
//
// One writer, under the pool's lock. A child of fork has the mapping, too, but never writes to it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "govern/kv/pool_state.h"
#include "govern/status.h"

namespace memwhy::govern {

inline constexpr std::uint64_t kPageMagic = 0x45474150564b574d;  // as it lies: "MWKVPAGE"
inline constexpr std::uint64_t kPageVersion = 1;
// Words of the header.
inline constexpr std::size_t kPageHeaderWords = 8;
enum PageHeaderWord : std::size_t {
  kWordMagic,
  kWordVersion,
  kWordPid,
  kWordStartTicks,
  kWordSlotWords,
  kWordActive
};
// Words of a slot: sequence and count, then wall time, PoolStats, number of tenants, tenants.
inline constexpr std::size_t kSlotHeadWords = 2;
inline constexpr std::size_t kStatsWords = sizeof(PoolStats) / 8;
inline constexpr std::size_t kNameWords = 8;
inline constexpr std::size_t kTenantWords = kNameWords + 16;
inline constexpr std::size_t kSlotWords =
    kSlotHeadWords + 1 + kStatsWords + 1 + kMaxTenants * kTenantWords;
inline constexpr std::size_t kPageBytes = (kPageHeaderWords + 2 * kSlotWords) * 8;

class PoolPage {
 public:
  // kPageFailed: no such folder, no right, no room.
  static Status Make(const std::string& path, std::unique_ptr<PoolPage>* page);
  // Removes the file if it is still this one.
  ~PoolPage();
  PoolPage(const PoolPage&) = delete;
  PoolPage& operator=(const PoolPage&) = delete;

  void Begin(std::uint64_t wall_ns, const PoolStats& stats, std::size_t tenants);
  void Add(const TenantAccount& account);
  void End();

 private:
  PoolPage(std::string path, std::uint64_t* words, std::uint64_t device, std::uint64_t inode);
  bool IsOurs() const;
  void Store(std::uint64_t word);

  std::string path_;
  std::uint64_t* words_;
  std::uint64_t device_;
  std::uint64_t inode_;
  std::uint64_t generation_;  // of forks, when the page was made
  std::uint64_t* slot_ = nullptr;
  std::uint64_t sequence_ = 0;
  std::size_t at_ = 0;
};

}  // namespace memwhy::govern
