// SPDX-License-Identifier: Apache-2.0
//
// The file that a server and the governor share: the governor writes the limit and a lease, the
// server (memwhy.govern.ConcurrencyCap) what is in effect. Words of 64 bits, little-endian:
//
//   header      magic "MWCAPPG1", version, pid of the server, start time of the server
//   governor    sequence (odd while it writes), revision, limit, lease, flags, pid
//   server      heartbeat, its own maximum, running, waiting, revision and limit in effect,
//               admitted, refused
//
// Times are CLOCK_MONOTONIC in ns. The server makes the file and removes it. What is read is not
// trusted. One writer for each part.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "govern/actuators/actuator.h"

namespace memwhy::govern {

inline constexpr std::uint64_t kCapMagic = 0x314750504143574d;  // as it lies: "MWCAPPG1"
inline constexpr std::uint64_t kCapVersion = 1;
inline constexpr std::size_t kCapBytes = 4096;
enum CapWord : std::size_t {
  kCapWordMagic,
  kCapWordVersion,
  kCapWordPid,
  kCapWordStart,
  kCapWordSequence = 16,
  kCapWordRevision,
  kCapWordLimit,
  kCapWordLease,
  kCapWordFlags,
  kCapWordGovernor,
  kCapWordHeartbeat = 32,
  kCapWordMax,
  kCapWordRunning,
  kCapWordWaiting,
  kCapWordAcked,
  kCapWordEffective,
  kCapWordAdmitted,
  kCapWordRefused,
};
inline constexpr std::uint64_t kCapRefuses = 1;
inline constexpr std::uint64_t kCapReleased = 2;  // the governor has gone in peace

class CapActuator : public Actuator {
 public:
  CapActuator(std::string path, std::int64_t lease_ms);
  ~CapActuator() override;
  CapActuator(const CapActuator&) = delete;
  CapActuator& operator=(const CapActuator&) = delete;

  Result<void> Apply(const Limit& limit) override;
  Result<ActuatorView> Read() override;
  Result<void> Restore(std::int64_t original) override;
  bool has_lease() const override { return true; }

 private:
  Result<void> Open();
  void Close();
  void Write(const Limit& limit, std::uint64_t lease_until, std::uint64_t flags);

  std::string path_;
  std::int64_t lease_ms_;
  std::uint64_t* words_ = nullptr;
  std::uint64_t device_ = 0;
  std::uint64_t inode_ = 0;
};

}  // namespace memwhy::govern
